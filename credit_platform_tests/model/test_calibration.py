"""Calibration finds the slope and the intercept that there are, and keeps the ranking."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_platform.model.calibration import Calibration, fit_calibration, log_odds, probability_of

MARGINS = st.lists(st.floats(-700, 700), min_size=1, max_size=30).map(np.array)
CLIENTS = st.lists(st.tuples(st.booleans(), st.floats(-20, 20)), min_size=2, max_size=40)


def world(clients: int, intercept: float, slope: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and margins from which the true log-odds are `intercept + slope * margin`."""
    random = np.random.default_rng(seed)
    margins = random.normal(-2, 1.2, clients)
    chance = 1 / (1 + np.exp(-(intercept + slope * margins)))
    return (random.random(clients) < chance).astype(int), margins


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (0.7, 1.3), (-1.5, 0.4), (-2.3, 0.9)])
def test_a_known_slope_and_intercept_are_found(intercept: float, slope: float) -> None:
    found = fit_calibration(*world(100_000, intercept, slope))
    assert found.slope == pytest.approx(slope, abs=0.04)
    assert found.intercept == pytest.approx(intercept, abs=0.08)


def test_it_is_the_fit_of_an_unpenalised_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    defaulted, margins = world(500, -0.8, 1.4)
    found = fit_calibration(defaulted, margins)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(margins[:, None], defaulted)
    assert found.slope == pytest.approx(theirs.coef_[0, 0], rel=1e-5)
    assert found.intercept == pytest.approx(theirs.intercept_[0], rel=1e-5)


def test_calibrated_probabilities_are_right_on_average_where_they_were_fitted() -> None:
    defaulted, margins = world(3_000, 1.1, 0.6)
    found = fit_calibration(defaulted, margins)
    assert probability_of(found.margins(margins)).mean() == pytest.approx(defaulted.mean(), abs=1e-9)


def test_fitting_again_on_what_is_calibrated_changes_nothing() -> None:
    defaulted, margins = world(3_000, 1.1, 0.6)
    again = fit_calibration(defaulted, fit_calibration(defaulted, margins).margins(margins))
    assert (again.intercept, again.slope) == pytest.approx((0, 1), abs=1e-8)


def test_margins_of_a_fit_with_class_weights_are_moved_back() -> None:
    """Weights that balance a default rate of 8 % move every log-odds by the logarithm of 92 / 8."""
    random = np.random.default_rng(1)
    truth = random.normal(-2.8, 0.8, 100_000)
    defaulted = (random.random(len(truth)) < 1 / (1 + np.exp(-truth))).astype(int)
    found = fit_calibration(defaulted, truth + np.log(92 / 8))
    calibrated = found.margins(truth + np.log(92 / 8))
    assert np.abs(probability_of(calibrated) - probability_of(truth)).max() < 0.02


def test_margins_that_rank_the_wrong_way_round_are_not_turned_but_say_the_mean() -> None:
    defaulted, margins = world(2_000, -3.0, -0.8)
    found = fit_calibration(defaulted, margins)
    assert found.slope == 0
    assert probability_of(found.margins(margins)) == pytest.approx(defaulted.mean())


@settings(max_examples=80, deadline=None)
@given(CLIENTS)
def test_any_outcomes_and_margins_give_finite_numbers(clients: list[tuple[bool, float]]) -> None:
    """Where the margins tell the outcomes apart, the slope is steep but finite."""
    defaulted, margins = (np.array(values) for values in zip(*clients, strict=True))
    found = fit_calibration(defaulted.astype(int), margins)
    assert np.isfinite([found.intercept, found.slope]).all()
    assert found.slope >= 0


@settings(max_examples=80, deadline=None)
@given(MARGINS, st.floats(0.05, 5), st.floats(-5, 5))
def test_a_calibration_keeps_the_ranking(margins: np.ndarray, slope: float, intercept: float) -> None:
    order = np.argsort(margins, kind="stable")
    calibrated = Calibration(intercept, slope).margins(margins)[order]
    assert (np.diff(calibrated) >= 0).all()
    assert (np.diff(probability_of(calibrated)) >= 0).all()


@settings(max_examples=80, deadline=None)
@given(st.floats(1e-8, 1 - 1e-8))
def test_log_odds_and_probability_undo_each_other(probability: float) -> None:
    margin = log_odds(np.array([probability]))
    assert probability_of(margin)[0] == pytest.approx(probability, rel=1e-9)
    assert log_odds(probability_of(margin))[0] == pytest.approx(margin[0], rel=1e-7, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20).map(np.array))
def test_no_margin_overflows_and_every_probability_is_one(margins: np.ndarray) -> None:
    with np.errstate(all="raise", under="ignore"):
        found = probability_of(margins)
    assert ((found >= 0) & (found <= 1)).all()
    assert found + probability_of(-margins) == pytest.approx(1)


def test_certain_probabilities_have_finite_log_odds() -> None:
    with np.errstate(all="raise"):
        low, high = log_odds(np.array([0.0, 1.0]))
    assert -30 < low < -20 < 20 < high < 30


def test_a_calibration_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    calibration = Calibration(0.1 + 0.2, 1 / 3)
    calibration.write(tmp_path)
    assert Calibration.read(tmp_path) == calibration


def test_reading_a_calibration_where_there_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Calibration.read(tmp_path)
