"""Points as the field has them, and grades that are bands, exhaust all probabilities and rise in default rate."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_platform.model.scale import BANDS, FILE_NAME, Grade, Scale, fit_grades

ONE = (Grade("A", 0.0, 1.0, 10, 0.1),)
SCALE = Scale(600, 50, 20, ONE)
PROBABILITIES = st.floats(0, 1) | st.sampled_from([0.0, *BANDS, 1.0])
CLIENTS = st.lists(st.tuples(st.booleans(), PROBABILITIES), min_size=1, max_size=60)


def at_odds(odds: float) -> float:
    """The probability of default of clients of whom `odds` are good for each bad one."""
    return 1 / (1 + odds)


def population(rates: list[float], each: int = 1_000) -> tuple[np.ndarray, np.ndarray]:
    """As many clients in the middle of each of the first bands, of whom a share defaults."""
    middles = [(low + high) / 2 for low, high in pairwise([0.0, *BANDS, 1.0])]
    defaulted = [np.arange(each) < round(rate * each) for rate in rates]
    return np.concatenate(defaulted).astype(int), np.repeat(middles[: len(rates)], each)


def test_fifty_good_clients_to_one_bad_are_600_points() -> None:
    assert SCALE.score(at_odds(50)) == 600


@pytest.mark.parametrize("doublings", range(-8, 12))
def test_every_20_points_double_the_odds(doublings: int) -> None:
    assert SCALE.score(at_odds(50 * 2.0**doublings)) == 600 + 20 * doublings


def test_the_scale_is_configuration() -> None:
    other = Scale(500, 20, 40, ONE)
    assert [other.score(at_odds(20)), other.score(at_odds(40)), other.score(at_odds(10))] == [500, 540, 460]


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_a_riskier_client_never_has_more_points(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert SCALE.score(low) >= SCALE.score(high)


def test_certainty_has_points_too() -> None:
    assert SCALE.score(0.0) > 1_000
    assert SCALE.score(1.0) < 0


def test_with_clients_enough_there_is_a_grade_for_every_band() -> None:
    grades = fit_grades(*population([0.005, 0.015, 0.03, 0.05, 0.08, 0.13, 0.2, 0.5]))
    assert [grade.name for grade in grades] == list("ABCDEFGH")
    assert [grade.high for grade in grades] == [*BANDS, 1.0]
    assert [grade.default_rate for grade in grades] == [0.005, 0.015, 0.03, 0.05, 0.08, 0.13, 0.2, 0.5]


def test_neighbours_whose_rates_do_not_rise_are_one_grade() -> None:
    grades = fit_grades(*population([0.005, 0.03, 0.02, 0.05]))
    assert [(grade.low, grade.high) for grade in grades] == [(0.0, 0.01), (0.01, 0.035), (0.035, 1.0)]
    assert [grade.default_rate for grade in grades] == [0.005, 0.025, 0.05]
    assert [grade.clients for grade in grades] == [1_000, 2_000, 1_000]


def test_bands_that_fall_throughout_are_one_grade() -> None:
    (grade,) = fit_grades(*population([0.5, 0.4, 0.3, 0.2]))
    assert (grade.name, grade.low, grade.high, grade.default_rate) == ("A", 0.0, 1.0, 0.35)


def test_a_band_of_less_than_a_hundredth_of_the_clients_joins_the_one_before() -> None:
    defaulted, probability = population([0.0, 0.1])
    few = np.full(5, 0.9)
    grades = fit_grades(np.append(defaulted, np.ones(5, int)), np.append(probability, few))
    assert [(grade.low, grade.high, grade.clients) for grade in grades] == [(0.0, 0.01, 1_000), (0.01, 1.0, 1_005)]


def test_without_clients_in_the_first_bands_the_first_grade_reaches_from_0() -> None:
    grades = fit_grades(np.array([0, 1, 0, 1, 1, 1]), np.array([0.2, 0.2, 0.2, 0.9, 0.9, 0.9]))
    assert [(grade.low, grade.high) for grade in grades] == [(0.0, 0.26), (0.26, 1.0)]


@settings(max_examples=150, deadline=None)
@given(CLIENTS)
def test_grades_exhaust_all_probabilities_and_their_rates_rise(clients: list[tuple[bool, float]]) -> None:
    defaulted, probability = (np.array(values) for values in zip(*clients, strict=True))
    grades = fit_grades(defaulted.astype(int), probability.astype(float))
    assert grades[0].low == 0.0
    assert grades[-1].high == 1.0
    assert all(one.high == other.low for one, other in pairwise(grades))
    assert all(one.default_rate < other.default_rate for one, other in pairwise(grades))
    assert sum(grade.clients for grade in grades) == len(clients)
    assert [grade.name for grade in grades] == list("ABCDEFGH"[: len(grades)])


@settings(max_examples=150, deadline=None)
@given(CLIENTS, PROBABILITIES)
def test_a_probability_has_the_grade_in_whose_band_it_lies(clients: list[tuple[bool, float]], asked: float) -> None:
    defaulted, probability = (np.array(values) for values in zip(*clients, strict=True))
    scale = Scale(600, 50, 20, fit_grades(defaulted.astype(int), probability.astype(float)))
    (grade,) = [grade for grade in scale.grades if grade.name == scale.grade(asked)]
    assert grade.low <= asked < grade.high or asked == grade.high == 1.0
    inside = [grade.name for grade in scale.grades for p in probability if scale.grade(p) == grade.name]
    assert [inside.count(grade.name) for grade in scale.grades] == [grade.clients for grade in scale.grades]


def test_a_scale_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    scale = Scale(600, 50, 20, fit_grades(*population([0.005, 0.015, 0.03])))
    scale.write(tmp_path)
    assert Scale.read(tmp_path) == scale
    assert json.loads((tmp_path / FILE_NAME).read_text("utf-8"))["grades"][0]["name"] == "A"


def test_reading_a_scale_where_there_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Scale.read(tmp_path)
