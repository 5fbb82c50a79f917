"""The bootstrap's statistics against scikit-learn's, its intervals against formulas, and how often they hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from credit_platform.model import intervals as of
from credit_platform.model.business_cost import Costs, cost_per_client
from credit_platform.model.intervals import Interval, Measured, Statistic, bootstrap, differences, intervals, share

COSTS = Costs(10, 1)
CUTOFF = 0.2
ALL: dict[str, Statistic] = {
    "auc": of.auc,
    "gini": of.gini,
    "ks": of.ks,
    "pr_auc": of.pr_auc,
    "brier": of.brier,
    "log_loss": of.log_loss,
    "mean_probability": of.mean_probability,
    "default_rate": of.default_rate,
    "calibration_slope": of.calibration_slope,
    "calibration_intercept": of.calibration_intercept,
    "cost": of.cost(COSTS, CUTOFF),
    "refusal_rate": of.refusal_rate(CUTOFF),
}


def world(clients: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, the probabilities they come from, and those of a weaker model; about one default in six."""
    random = np.random.default_rng(seed)
    signal, noise = random.normal(size=(2, clients))
    probability, weaker = (1 / (1 + np.exp(2 - x)) for x in (signal, 0.7 * signal + 0.5 * noise))
    return random.random(clients) < probability, probability, weaker


rows = st.integers(3, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda y: any(y) and not all(y)),
        st.lists(st.sampled_from([0.01, 0.1, 0.2, 0.5, 0.7, 0.99]), min_size=n, max_size=n),
        st.lists(st.integers(1, 5), min_size=n, max_size=n),
    )
)


@given(rows)
def test_every_statistic_of_tied_and_weighted_rows_is_scikit_learns(data: tuple[list, list, list]) -> None:
    y, p, weight = map(np.array, data)
    found = {name: interval.value for name, interval in intervals(y, p, ALL, weight=weight, resamples=1).items()}
    false_positives, true_positives, _ = roc_curve(y, p, sample_weight=weight)
    assert found["auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=weight))
    assert found["gini"] == pytest.approx(2 * found["auc"] - 1)
    assert found["ks"] == pytest.approx(np.max(true_positives - false_positives))
    assert found["pr_auc"] == pytest.approx(average_precision_score(y, p, sample_weight=weight))
    assert found["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=weight))
    assert found["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=weight))
    assert found["mean_probability"] == pytest.approx(np.average(p, weights=weight))
    assert found["default_rate"] == pytest.approx(np.average(y, weights=weight))
    assert found["cost"] == pytest.approx(cost_per_client(y, p >= CUTOFF, COSTS, weight))
    assert found["refusal_rate"] == pytest.approx(np.average(p >= CUTOFF, weights=weight))


@given(rows, st.integers(0, 9))
def test_a_weighted_row_counts_as_so_many_rows(data: tuple[list, list, list], seed: int) -> None:
    y, p, weight = map(np.array, data)
    statistics = {name: statistic for name, statistic in ALL.items() if not name.startswith("calibration")}
    weighted = intervals(y, p, statistics, weight=weight, resamples=1)
    repeated = intervals(np.repeat(y, weight), np.repeat(p, weight), statistics, resamples=1)
    for name in statistics:
        assert weighted[name].value == pytest.approx(repeated[name].value)


def test_calibration_slope_and_intercept_are_those_of_logistic_regressions() -> None:
    y, p, _ = world(2000, 1)
    sharper = 1 / (1 + ((1 - p) / p) ** 1.5)
    log_odds = np.log(sharper / (1 - sharper))
    found = intervals(y, sharper, ALL)
    fit = LogisticRegression(C=np.inf, tol=1e-8).fit(log_odds[:, np.newaxis], y)
    assert found["calibration_slope"].value == pytest.approx(fit.coef_[0, 0], rel=1e-4)
    shifted = 1 / (1 + np.exp(-log_odds - found["calibration_intercept"].value))
    assert shifted.mean() == pytest.approx(y.mean())


def test_the_slopes_interval_is_as_wide_as_its_standard_error_says() -> None:
    y, p, _ = world(3000, 2)
    design = np.column_stack([np.ones_like(p), np.log(p / (1 - p))])
    slope = intervals(y, p, ALL)["calibration_slope"]
    fitted = 1 / (1 + np.exp(-design @ [0, slope.value]))
    error = np.sqrt(np.linalg.inv(design.T @ (design * (fitted * (1 - fitted))[:, np.newaxis]))[1, 1])
    assert slope.high - slope.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_the_interval_of_an_auc_difference_is_delongs() -> None:
    y, p, weaker = world(1500, 3)
    new, old = (Measured(probability, {"auc": of.auc}) for probability in (p, weaker))
    found = differences(y, new, old)["auc"]
    above = [(q[y][:, np.newaxis] > q[~y]) + 0.5 * (q[y][:, np.newaxis] == q[~y]) for q in (p, weaker)]
    apart = above[0] - above[1]
    error = np.sqrt(apart.mean(axis=1).var(ddof=1) / y.sum() + apart.mean(axis=0).var(ddof=1) / (~y).sum())
    assert found.value == pytest.approx(apart.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_a_paired_difference_is_surer_than_the_difference_of_two_samples() -> None:
    y, p, weaker = world(800, 4)
    statistics = {"cost": of.cost(COSTS, CUTOFF)}
    drawn = bootstrap(y, {"new": Measured(p, statistics), "old": Measured(weaker, statistics)})
    new, old = drawn["new"]["cost"], drawn["old"]["cost"]
    alone = np.hypot(new.resampled.std(), old.resampled.std())
    assert (new - old).resampled.std() < 0.8 * alone
    assert (new - old).value == pytest.approx(new.value - old.value)


def test_an_interval_of_a_rate_leaves_the_number_of_defaults_to_chance() -> None:
    y, p, _ = world(1000, 5)
    rate = intervals(y, p, ALL)["default_rate"]
    assert rate.high - rate.low == pytest.approx(2 * 1.96 * np.sqrt(rate.value * (1 - rate.value) / 1000), rel=0.1)


def test_the_same_seed_draws_the_same_resamples_and_another_one_others() -> None:
    y, p, _ = world(200, 6)
    first, again, other = (intervals(y, p, ALL, resamples=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["auc"].value == other["auc"].value
    assert first["auc"].low != other["auc"].low


def test_a_higher_confidence_asks_for_a_wider_interval() -> None:
    y, p, _ = world(300, 7)
    narrow, wide = (intervals(y, p, {"auc": of.auc}, confidence=level)["auc"] for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_the_number_of_weights_held_at_a_time_changes_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    y, p, _ = world(500, 8)
    together = intervals(y, p, ALL, resamples=40)
    monkeypatch.setattr(of, "_CELLS", 1000)
    apart = intervals(y, p, ALL, resamples=40)
    for name in ALL:
        assert (apart[name].low, apart[name].high) == pytest.approx((together[name].low, together[name].high))


def test_a_handful_of_defaults_gives_wide_but_finite_intervals() -> None:
    y = np.arange(60) < 2
    found = intervals(y, np.linspace(0.4, 0.01, 60), ALL)
    assert all(np.isfinite([interval.low, interval.high]).all() for interval in found.values())


def test_where_all_outcomes_are_alike_rates_have_an_interval_and_rankings_have_none() -> None:
    found = intervals(np.zeros(50), np.linspace(0.1, 0.3, 50), ALL, resamples=20)
    assert found["default_rate"] == Interval(0, 0, 0)
    assert found["mean_probability"].low < found["mean_probability"].high
    assert np.isnan(found["auc"].value)


@pytest.mark.parametrize(
    ("y", "p", "said"),
    [
        ([], [], "n > 0"),
        ([0, 1], [0.2], "of one shape"),
        ([0, 1], [0.2, 1.2], "between 0 and 1"),
        ([0, 1], [0.2, np.nan], "between 0 and 1"),
    ],
)
def test_rows_that_are_none_are_refused(y: list, p: list, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        intervals(y, p, ALL)


def test_a_share_of_none_is_not_sure_to_be_none() -> None:
    none = share(0, 10)
    assert none == Interval(0, 0, pytest.approx(0.2775, abs=1e-4))
    assert share(10, 10).low == pytest.approx(1 - none.high)


def test_an_interval_is_written_like_its_value() -> None:
    interval = Interval(0.74192, 0.7312, 0.75249)
    assert f"{interval:.3f}" == "0.742 (0.731 to 0.752)"
    assert str(interval) == "0.7419 (0.7312 to 0.7525)"


def test_an_interval_of_95_percent_holds_about_as_often() -> None:
    names = ("auc", "brier", "default_rate", "cost", "calibration_slope", "calibration_intercept")
    statistics = {name: ALL[name] for name in names}
    y, p, _ = world(400_000, 999)
    true = {name: interval.value for name, interval in intervals(y, p, statistics, resamples=1).items()}
    worlds = 200
    held = dict.fromkeys(statistics, 0)
    for seed in range(worlds):
        y, p, _ = world(300, seed)
        for name, interval in intervals(y, p, statistics, resamples=200, seed=seed).items():
            held[name] += interval.low <= true[name] <= interval.high
    assert all(0.9 <= times / worlds <= 0.99 for times in held.values()), held


@pytest.mark.parametrize(("middle", "spread"), [(-2.5, 0.05), (-2.5, 0.2), (0.0, 0.1), (-4.0, 0.3)])
def test_the_calibration_slope_is_found_where_probabilities_lie_close_together(middle: float, spread: float) -> None:
    draw = np.random.default_rng(3)
    margins = draw.normal(middle, spread, 4000)
    outcomes = draw.random(4000) < 1 / (1 + np.exp(-(middle + 4 * (margins - middle))))
    found = intervals(outcomes, 1 / (1 + np.exp(-margins)), {"slope": of.calibration_slope}, resamples=20)["slope"]
    exact = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(margins[:, None] - middle, outcomes)
    assert found.value == pytest.approx(exact.coef_[0, 0], rel=1e-3)
