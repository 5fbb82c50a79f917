"""The business cost and the cut-off, against brute force and against theory."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_platform.model.business_cost import (
    Costs,
    Threshold,
    choose_threshold,
    cost_per_client,
    sensitivity,
    strategy_curve,
)

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
    curve = strategy_curve(defaulted, probability, COSTS)
    assert (np.diff(curve.cutoff) > 0).all()
    assert curve.cost == pytest.approx([brute_force(defaulted, probability, c, COSTS) for c in curve.cutoff])


@settings(max_examples=60, deadline=None)
@given(CLIENTS)
def test_the_curve_counts_whom_each_cutoff_approves_and_how_many_of_them_default(
    clients: list[tuple[bool, float]],
) -> None:
    curve = strategy_curve(*zip(*clients, strict=True), COSTS)
    for cutoff, approval_rate, bad_rate in zip(curve.cutoff, curve.approval_rate, curve.bad_rate, strict=True):
        approved = [defaulted for defaulted, probability in clients if probability < cutoff]
        assert approval_rate == pytest.approx(len(approved) / len(clients))
        assert bad_rate == pytest.approx(sum(approved) / len(approved) if approved else 0)


def test_the_curve_begins_with_nobody_approved_and_ends_with_everybody() -> None:
    curve = strategy_curve([1, 0, 0, 0], [0.9, 0.3, 0.3, 1.0], COSTS)
    assert curve.cutoff.tolist() == [0.3, 0.9, 1.0, np.nextafter(1, 2)]
    assert curve.approval_rate.tolist() == [0, 0.5, 0.75, 1]
    assert curve.bad_rate.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert curve.cost.tolist() == [3 / 4, 1 / 4, 11 / 4, 10 / 4]


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


def calibrated(clients: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes that come true as often as the probabilities say."""
    random = np.random.default_rng(seed)
    probability = random.beta(1.2, 12, clients)
    return random.random(clients) < probability, probability


@pytest.mark.parametrize("seed", range(6))
def test_on_calibrated_probabilities_the_interval_holds_the_cutoff_and_theory(seed: int) -> None:
    chosen = choose_threshold(*calibrated(3_000, seed), COSTS, resamples=200, seed=seed)
    assert 0 < chosen.low <= chosen.value <= chosen.high < 1
    assert chosen.low < chosen.high
    assert chosen.low <= 1 / 11 <= chosen.high
    assert chosen.holds_theory


def test_the_interval_narrows_as_clients_are_added() -> None:
    few, many = (choose_threshold(*calibrated(n, 3), COSTS, resamples=100) for n in (500, 20_000))
    assert many.high - many.low < few.high - few.low


def test_probabilities_that_are_all_too_high_do_not_hold_theory() -> None:
    defaulted, probability = calibrated(20_000, 2)
    chosen = choose_threshold(defaulted, np.sqrt(probability), COSTS, resamples=100)
    assert chosen.low > 1 / 11
    assert not chosen.holds_theory


def test_the_interval_is_that_of_the_cheapest_cutoffs_of_resampled_clients() -> None:
    defaulted, probability = calibrated(300, 5)
    probability = probability.round(2)
    chosen = choose_threshold(defaulted, probability, COSTS, resamples=50, seed=9)
    random, found = np.random.default_rng(9), []
    for _ in range(50):
        drawn = random.integers(0, 300, 300)
        order = np.argsort(probability, kind="stable")[drawn]
        cutoffs = [*np.unique(probability), np.nextafter(probability.max(), 2)]
        costs = [brute_force(defaulted[order], probability[order], cutoff, COSTS) for cutoff in cutoffs]
        found.append(cutoffs[int(np.argmin(np.round(costs, 9)))])
    low, high = np.quantile(found, [0.025, 0.975])
    assert (chosen.low, chosen.high) == (min(low, chosen.value), max(high, chosen.value))


def test_the_same_seed_gives_the_same_interval() -> None:
    first, again, other = (choose_threshold(*calibrated(400, 1), COSTS, resamples=40, seed=s) for s in (7, 7, 8))
    assert first == again
    assert first.value == other.value
    assert (first.low, first.high) != (other.low, other.high)


def test_without_resamples_the_interval_says_nothing() -> None:
    chosen = choose_threshold(*calibrated(400, 1), COSTS, review_margin=0.2)
    assert (chosen.low, chosen.high, chosen.review_margin) == (0.0, 1.0, 0.2)


@pytest.mark.parametrize(
    ("probability", "decision"),
    [
        (0.0, "approve"),
        (np.nextafter(0.375, 0), "approve"),
        (0.375, "review"),
        (0.5, "review"),
        (np.nextafter(0.625, 0), "review"),
        (0.625, "refuse"),
        (1.0, "refuse"),
    ],
)
def test_around_the_cutoff_a_person_decides(probability: float, decision: str) -> None:
    threshold = Threshold(0.5, 0.4, COSTS, review_margin=0.25)
    assert (threshold.review_low, threshold.review_high) == (0.375, 0.625)
    assert threshold.decide(probability) == decision


def test_without_a_margin_nobody_is_reviewed() -> None:
    threshold = Threshold(0.1, 0.4, COSTS)
    assert [threshold.decide(p) for p in (np.nextafter(0.1, 0), 0.1)] == ["approve", "refuse"]


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 20), st.floats(0.01, 20), st.floats(0.01, 0.99), st.floats(0, 1))
def test_in_the_grey_zone_of_the_theoretical_cutoff_the_decisions_hardly_differ(
    false_negative: float, false_positive: float, margin: float, probability: float
) -> None:
    costs = Costs(false_negative, false_positive)
    threshold = Threshold(costs.theoretical_threshold, 0.4, costs, review_margin=margin)
    difference = abs(probability * false_negative - (1 - probability) * false_positive)
    if threshold.decide(probability) == "review":
        assert difference <= margin * false_positive * (1 + 1e-9)
    else:
        assert difference >= margin * false_positive * (1 - 1e-9)


def test_dearer_defaults_call_for_lower_cutoffs_and_keeping_one_costs_more() -> None:
    defaulted, probability = calibrated(20_000, 4)
    chosen = choose_threshold(defaulted, probability, COSTS)
    rows = sensitivity(defaulted, probability, chosen.value)
    assert [row["missed default costs"] for row in rows] == [5, 7.5, 10, 12.5, 15, 20]
    assert [row["in theory"] for row in rows] == pytest.approx([1 / (1 + r["missed default costs"]) for r in rows])
    best = [row["best cut-off"] for row in rows]
    assert best == sorted(best, reverse=True)
    assert rows[2]["best cut-off"] == chosen.value
    assert rows[2]["cost per client"] == rows[2]["cost at the present cut-off"] == chosen.cost_per_client
    assert all(row["cost per client"] <= row["cost at the present cut-off"] for row in rows)
    assert rows[0]["cost per client"] < rows[0]["cost at the present cut-off"]


@pytest.mark.parametrize("outcomes", [[0, 0], [1, 1], []])
def test_a_cutoff_is_refused_where_outcomes_are_all_alike(outcomes: list[int]) -> None:
    with pytest.raises(ValueError, match="both defaults and good clients"):
        choose_threshold(outcomes, [0.1] * len(outcomes), COSTS)


def test_a_threshold_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    threshold = Threshold(0.1 + 0.2, 1 / 3, Costs(7, 2), 0.29, 0.31, 0.2)
    threshold.write(tmp_path)
    assert Threshold.read(tmp_path) == threshold


def test_reading_a_threshold_where_there_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Threshold.read(tmp_path)
