"""The business cost and the cut-off, against brute force and against theory."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_platform.model.business_cost import Costs, Threshold, choose_threshold, cost_curve, cost_per_client

COSTS = Costs(10, 1)
PROBABILITIES = st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.3, 0.30000000000000004, 0.5, 0.9, 1.0]) | st.floats(0, 1)
CLIENTS = st.lists(st.tuples(st.booleans(), PROBABILITIES), min_size=1, max_size=40)
BOTH_KINDS = CLIENTS.filter(lambda clients: len({defaulted for defaulted, _ in clients}) == 2)


def brute_force(defaulted: np.ndarray, probability: np.ndarray, cutoff: float, costs: Costs) -> float:
    total = 0.0
    for y, p in zip(defaulted, probability, strict=True):
        refused = p >= cutoff
        total += costs.false_negative if y and not refused else costs.false_positive if refused and not y else 0
    return total / len(defaulted)


def test_a_missed_default_costs_ten_refused_good_clients() -> None:
    assert cost_per_client([1, 0, 0, 1], [0, 1, 0, 1], COSTS) == (10 + 1) / 4


def test_weights_count_clients_more_than_once() -> None:
    once = cost_per_client([1, 0, 0], [0, 1, 0], COSTS, weight=[2, 1, 3])
    assert once == pytest.approx(cost_per_client([1, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], COSTS))


@settings(max_examples=60, deadline=None)
@given(CLIENTS)
def test_the_curve_is_the_brute_force_cost_at_each_of_its_cutoffs(clients: list[tuple[bool, float]]) -> None:
    defaulted, probability = (np.array(values) for values in zip(*clients, strict=True))
    cutoffs, curve = cost_curve(defaulted, probability, COSTS)
    assert (np.diff(cutoffs) > 0).all()
    assert curve == pytest.approx([brute_force(defaulted, probability, c, COSTS) for c in cutoffs])


@settings(max_examples=60, deadline=None)
@given(BOTH_KINDS, st.floats(0.1, 50), st.floats(0.1, 50))
def test_no_cutoff_is_cheaper_than_the_chosen_one(
    clients: list[tuple[bool, float]], false_negative: float, false_positive: float
) -> None:
    defaulted, probability = (np.array(values) for values in zip(*clients, strict=True))
    costs = Costs(false_negative, false_positive)
    chosen = choose_threshold(defaulted, probability, costs)
    anything = [*probability, *np.nextafter(probability, 2), 0, 0.5, 1, 1.5]
    assert chosen.cost_per_client == pytest.approx(brute_force(defaulted, probability, chosen.value, costs))
    assert chosen.cost_per_client <= min(brute_force(defaulted, probability, c, costs) for c in anything) + 1e-12


def test_on_calibrated_probabilities_the_chosen_cutoff_is_close_to_theory() -> None:
    random = np.random.default_rng(1)
    probability = random.beta(1, 8, 200_000)
    chosen = choose_threshold(random.random(200_000) < probability, probability, COSTS)
    assert chosen.value == pytest.approx(COSTS.theoretical_threshold, abs=0.02)
    assert COSTS.theoretical_threshold == pytest.approx(1 / 11)


@pytest.mark.parametrize("outcomes", [[0, 0], [1, 1], []])
def test_a_cutoff_is_refused_where_outcomes_are_all_alike(outcomes: list[int]) -> None:
    with pytest.raises(ValueError, match="both defaults and good clients"):
        choose_threshold(outcomes, [0.1] * len(outcomes), COSTS)


def test_a_threshold_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    threshold = Threshold(0.1 + 0.2, 1 / 3, Costs(7, 2))
    threshold.write(tmp_path)
    assert Threshold.read(tmp_path) == threshold


def test_reading_a_threshold_where_there_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Threshold.read(tmp_path)
