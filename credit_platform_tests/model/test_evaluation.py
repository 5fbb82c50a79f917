"""The metrics against scikit-learn and against plain counting; tables that add up; plots that say what they show."""

import json
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    roc_auc_score,
)

from credit_platform.model.business_cost import Costs, Threshold
from credit_platform.model.evaluation import (
    METRICS,
    WITHOUT_A_MODEL,
    Report,
    beside,
    deciles,
    evaluate,
    gains,
    grades,
    metrics,
    score_psi,
    segments,
    strategy,
)
from credit_platform.model.evaluation_plots import importance, plots
from credit_platform.model.scale import Grade, Scale

random = np.random.default_rng(5)
PROBABILITY = random.beta(1, 8, 500).round(3)
DEFAULTED = (random.random(500) < PROBABILITY).astype(int)
THRESHOLD = Threshold(0.12, 0.4, Costs(10, 1), 0.08, 0.15, 0.2)
SCALE = Scale(
    600, 50, 20, (Grade("A", 0.0, 0.1, 300, 0.04), Grade("B", 0.1, 0.5, 190, 0.2), Grade("C", 0.5, 1.0, 10, 0.6))
)
ROWS = pa.table(
    {
        "cohort": ["2025-01"] * 200 + ["2025-02"] * 280 + ["2025-03"] * 20,
        "CODE_GENDER": random.choice(["F", "M"], 500),
        "DAYS_BIRTH": -random.uniform(7_500, 25_000, 500).round(),
        "CNT_CHILDREN": random.choice([0, 1, 2], 500),
        "NAME_CONTRACT_TYPE": pa.array(random.choice(["Cash loans", "Revolving loans"], 500), pa.string()),
        "PREV_COUNT": pa.array(random.choice([None, 0.0, 3.0], 500), pa.float64()),
    }
)


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate("test", ROWS, DEFAULTED, PROBABILITY, THRESHOLD, SCALE, 200, seed=1)


def value(name: str) -> float:
    return metrics(DEFAULTED, PROBABILITY, THRESHOLD, 20, seed=1)[name].value


def test_ranking_and_probability_metrics_are_scikit_learns() -> None:
    assert value("auc") == pytest.approx(roc_auc_score(DEFAULTED, PROBABILITY))
    assert value("gini") == pytest.approx(2 * value("auc") - 1)
    assert value("pr_auc") == pytest.approx(average_precision_score(DEFAULTED, PROBABILITY))
    assert value("brier") == pytest.approx(brier_score_loss(DEFAULTED, PROBABILITY))
    assert value("mean_probability") == pytest.approx(PROBABILITY.mean())
    assert value("default_rate") == pytest.approx(DEFAULTED.mean())


def test_ks_is_the_widest_gap_between_the_two_distributions() -> None:
    good, bad = (np.sort(PROBABILITY[outcome == DEFAULTED]) for outcome in (0, 1))
    gaps = [abs(np.mean(good <= p) - np.mean(bad <= p)) for p in np.unique(PROBABILITY)]
    assert value("ks") == pytest.approx(max(gaps))


def test_calibration_is_a_logistic_regression_of_the_outcomes_on_the_log_odds() -> None:
    from sklearn.linear_model import LogisticRegression

    inside = PROBABILITY.clip(0.001, 0.999)
    odds = np.log(inside / (1 - inside))
    found = metrics(DEFAULTED, inside, THRESHOLD, 20, seed=1)
    theirs = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000).fit(odds[:, None], DEFAULTED)
    assert found["calibration_slope"].value == pytest.approx(theirs.coef_[0, 0], rel=1e-4)
    shifted = 1 / (1 + np.exp(-(odds + found["calibration_intercept"].value)))
    assert shifted.mean() == pytest.approx(DEFAULTED.mean(), abs=1e-9)


def test_decision_metrics_follow_from_the_confusion_matrix(report: Report) -> None:
    (_, fp), (fn, tp) = confusion_matrix(DEFAULTED, THRESHOLD.value <= PROBABILITY)
    assert report.metrics["cost_per_client"].value == pytest.approx((10 * fn + fp) / 500)
    assert report.metrics["refusal_rate"].value == pytest.approx((fp + tp) / 500)
    assert report.without_a_model["cost_approve_all"] == pytest.approx(10 * DEFAULTED.mean())
    assert report.without_a_model["cost_refuse_all"] == pytest.approx(1 - DEFAULTED.mean())


def test_every_metric_has_an_interval_around_it(report: Report) -> None:
    assert set(report.metrics) == set(METRICS)
    assert set(report.without_a_model) == set(WITHOUT_A_MODEL)
    for name, interval in report.metrics.items():
        assert interval.low <= interval.value <= interval.high, name
        assert interval.low < interval.high, name


def test_deciles_compare_predicted_and_observed_in_tenths_of_the_clients(report: Report) -> None:
    rows = report.deciles
    ordered = np.argsort(PROBABILITY, kind="stable")
    assert [row["decile"] for row in rows] == list(range(1, 11))
    for row, group in zip(rows, ordered.reshape(10, 50), strict=True):
        assert row["clients"] == 50
        assert row["predicted"] == pytest.approx(PROBABILITY[group].mean())
        assert row["observed"] == pytest.approx(DEFAULTED[group].mean())
        assert row["low"] - 1e-12 <= row["observed"] <= row["high"] + 1e-12
    assert [row["predicted"] for row in rows] == sorted(row["predicted"] for row in rows)


def test_gains_count_the_defaults_among_the_riskiest(report: Report) -> None:
    riskiest = DEFAULTED[np.argsort(-PROBABILITY, kind="stable")]
    for i, row in enumerate(report.gains, start=1):
        caught = riskiest[: 50 * i].sum() / riskiest.sum()
        assert row["clients"] == pytest.approx(i / 10)
        assert row["defaults caught"] == pytest.approx(caught)
        assert row["lift"] == pytest.approx(caught / (i / 10))
    assert report.gains[-1]["defaults caught"] == report.gains[-1]["lift"] == 1


@pytest.mark.parametrize("clients", [2, 5, 9, 10, 11, 13])
def test_few_clients_give_as_many_groups_as_there_are(clients: int) -> None:
    defaulted, probability = np.arange(clients) % 2, np.linspace(0.1, 0.9, clients)
    assert sum(row["clients"] for row in deciles(defaulted, probability)) == clients
    assert len(deciles(defaulted, probability)) == len(gains(defaulted, probability)) == min(10, clients)
    assert gains(defaulted, probability)[-1] == {"clients": 1, "defaults caught": 1, "lift": 1}


def test_a_part_of_a_handful_of_clients_can_be_judged() -> None:
    found = evaluate("test", ROWS.slice(0, 4), np.array([0, 1, 0, 0]), PROBABILITY[:4], THRESHOLD, SCALE, 20, seed=1)
    assert (found.clients, found.segments, found.cohorts) == (4, [], [])
    assert len(plots(found, np.array([0, 1, 0, 0]), PROBABILITY[:4], THRESHOLD)) == 6


def test_the_strategy_runs_from_refusing_to_approving_everyone(report: Report) -> None:
    rows = report.strategy
    assert rows[0]["approval rate"] == 0
    assert rows[-1]["approval rate"] == 1
    assert rows[-1]["bad rate"] == pytest.approx(DEFAULTED.mean())
    assert rows[-1]["cost per client"] == pytest.approx(report.without_a_model["cost_approve_all"])
    assert rows[0]["cost per client"] == pytest.approx(report.without_a_model["cost_refuse_all"])
    assert 20 < len(rows) <= 103
    assert THRESHOLD.value in [row["cut-off"] for row in rows]
    for row in rows:
        approved = row["cut-off"] > PROBABILITY
        assert row["approval rate"] == pytest.approx(approved.mean())
        assert row["bad rate"] == pytest.approx(DEFAULTED[approved].mean() if approved.any() else 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_a_strategy_of_any_clients_has_ascending_cutoffs_and_both_ends(clients: list[tuple[bool, float]]) -> None:
    defaulted, probability = (np.array(values) for values in zip(*clients, strict=True))
    rows = strategy(defaulted.astype(int), probability, THRESHOLD)
    cutoffs = [row["cut-off"] for row in rows]
    assert cutoffs == sorted(set(cutoffs))
    assert (rows[0]["approval rate"], rows[-1]["approval rate"]) == (0, 1)


def test_grades_compare_predicted_and_observed_band_by_band(report: Report) -> None:
    for row, (name, low, high) in zip(report.grades, [("A", 0, 0.1), ("B", 0.1, 0.5), ("C", 0.5, 1)], strict=True):
        inside = (low <= PROBABILITY) & (high > PROBABILITY)
        assert (row["grade"], row["from"], row["to"], row["clients"]) == (name, low, high, inside.sum())
        assert row["predicted"] == pytest.approx(PROBABILITY[inside].mean())
        assert row["observed"] == pytest.approx(DEFAULTED[inside].mean())


def test_a_grade_without_clients_says_nothing_of_its_rate() -> None:
    *_, last = grades(np.array([0, 1]), np.array([0.05, 0.2]), SCALE)
    assert (last["grade"], last["clients"], last["low"], last["high"]) == ("C", 0, 0, 1)


def test_the_cohorts_are_judged_one_by_one_unless_they_are_too_small(report: Report) -> None:
    assert [(row["by"], row["group"], row["clients"]) for row in report.cohorts] == [
        ("cohort", "2025-01", 200),
        ("cohort", "2025-02", 280),
    ]
    first = report.cohorts[0]
    assert first["AUC"] == pytest.approx(roc_auc_score(DEFAULTED[:200], PROBABILITY[:200]))
    assert first["observed"] == pytest.approx(DEFAULTED[:200].mean())
    assert first["approval rate"] == pytest.approx((PROBABILITY[:200] < THRESHOLD.value).mean())


def test_segments_are_those_whose_columns_are_there(report: Report) -> None:
    kinds = {row["by"] for row in report.segments}
    assert kinds == {"gender", "age", "children", "product", "history here"}
    women = np.array(ROWS["CODE_GENDER"].to_pylist()) == "F"
    (row,) = [row for row in report.segments if row["group"] == "F"]
    assert row["clients"] == women.sum()
    assert row["predicted"] == pytest.approx(PROBABILITY[women].mean())
    assert row["cost per client"] == pytest.approx(
        (10 * (DEFAULTED & (PROBABILITY < 0.12)) + (1 - DEFAULTED) * (PROBABILITY >= 0.12))[women].mean()
    )
    assert all(row["low"] <= row["observed"] <= row["high"] for row in report.segments)


def test_groups_of_one_outcome_only_are_left_out() -> None:
    rows = pa.table({"cohort": ["a"] * 60 + ["b"] * 60})
    defaulted = np.array([0] * 60 + [0, 1] * 30)
    found = evaluate("test", rows, defaulted, np.linspace(0.01, 0.9, 120), THRESHOLD, SCALE, 20, seed=1)
    assert [row["group"] for row in found.cohorts] == ["b"]


@pytest.mark.parametrize(
    ("column", "values", "groups"),
    [
        (
            "DAYS_BIRTH",
            [-365.25 * 30 + 1, -365.25 * 30, -365.25 * 59.9, -365.25 * 60, -30_000.0, None],
            ["under 30", "30 to 39", "50 to 59", "60 and over", "60 and over", "unknown"],
        ),
        ("CNT_CHILDREN", [0, 1, 5, None], ["no children", "children", "children", "no children"]),
        ("REGION_RATING_CLIENT", [1, 2, None], ["1", "2", "unknown"]),
        ("CODE_GENDER", ["F", "XNA", None], ["F", "XNA", "unknown"]),
        (
            "BURO_COUNT",
            [0.0, 2.0, None],
            ["no credits elsewhere", "credits elsewhere", "no credits elsewhere"],
        ),
    ],
)
def test_clients_are_named_by_their_group(column: str, values: list[object], groups: list[str]) -> None:
    (found,) = segments(pa.table({column: values})).values()
    assert found.tolist() == groups


def test_the_psi_of_equal_scores_is_0() -> None:
    assert score_psi(PROBABILITY, PROBABILITY) == 0


def test_the_psi_is_the_sum_over_the_references_tenths() -> None:
    """Ten clients in each tenth of the reference; of the others, 20 in the first tenth and none in the last."""
    reference = (np.arange(100) + 0.5) / 100
    other = np.concatenate([np.full(20, 0.05), *(np.full(10, t + 0.05) for t in np.arange(0.1, 0.89, 0.1))])
    expected = (0.2 - 0.1) * np.log(0.2 / 0.1) + (1e-4 - 0.1) * np.log(1e-4 / 0.1)
    assert score_psi(reference, other) == pytest.approx(expected)


def test_the_psi_grows_with_the_shift() -> None:
    shifted = [score_psi(PROBABILITY, np.clip(PROBABILITY + shift, 0, 1)) for shift in (0.005, 0.02, 0.1)]
    assert shifted == sorted(shifted)
    assert shifted[0] < 0.1 < shifted[-1]


def test_a_reference_that_is_constant_is_no_accident() -> None:
    assert score_psi(np.full(50, 0.1), np.full(30, 0.1)) == 0


@pytest.mark.parametrize("outcome", [0, 1])
def test_a_part_of_one_outcome_is_refused_by_name(outcome: int) -> None:
    with pytest.raises(ValueError, match="the test part needs both defaults and good clients"):
        evaluate("test", ROWS, np.full(500, outcome), PROBABILITY, THRESHOLD, SCALE, 20, seed=1)


def test_the_report_is_plain_data(report: Report) -> None:
    assert json.loads(json.dumps(report.as_json(), allow_nan=False)) == json.loads(json.dumps(asdict(report)))


def test_the_same_seed_gives_the_same_report(report: Report) -> None:
    assert evaluate("test", ROWS, DEFAULTED, PROBABILITY, THRESHOLD, SCALE, 200, seed=1) == report


def test_every_plot_has_a_title_and_named_axes(report: Report) -> None:
    figures = plots(report, DEFAULTED, PROBABILITY, THRESHOLD)
    assert set(figures) == {"roc_curve", "strategy", "reliability", "gains", "grades", "score_distribution"}
    for figure in figures.values():
        axes = figure.axes[0]
        assert "test" in axes.get_title()
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_plots_leave_no_figure_open_in_pyplot(report: Report) -> None:
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    plots(report, DEFAULTED, PROBABILITY, THRESHOLD)
    assert plt.get_fignums() == before


def test_ranking_and_cost_of_every_segment_have_intervals_too(report: Report) -> None:
    for row in (*report.segments, *report.cohorts):
        assert row["AUC low"] <= row["AUC"] <= row["AUC high"], row
        assert row["cost low"] <= row["cost per client"] <= row["cost high"], row


def test_beside_the_scorecard_each_metric_has_both_values_and_a_paired_difference() -> None:
    worse = (PROBABILITY + random.uniform(0, 0.3, 500)) / 2
    rows = {row["metric"]: row for row in beside(DEFAULTED, PROBABILITY, THRESHOLD, worse, 200, seed=1)}
    assert set(rows) == {"auc", "gini", "ks", "brier", "cost_per_client"}
    assert rows["auc"]["model"] == pytest.approx(roc_auc_score(DEFAULTED, PROBABILITY))
    assert rows["auc"]["scorecard"] == pytest.approx(roc_auc_score(DEFAULTED, worse))
    refused = worse >= THRESHOLD.costs.theoretical_threshold
    assert rows["cost_per_client"]["scorecard"] == pytest.approx(np.where(DEFAULTED, 10 * ~refused, refused).mean())
    for row in rows.values():
        assert row["difference"] == pytest.approx(row["model"] - row["scorecard"])
        assert row["low"] <= row["difference"] <= row["high"]
    alike = beside(DEFAULTED, PROBABILITY, THRESHOLD, PROBABILITY, 20, seed=1)
    assert all(
        row["difference"] == row["low"] == row["high"] == 0 for row in alike if row["metric"] != "cost_per_client"
    )


def test_the_strongest_features_stand_on_top() -> None:
    figure = importance({"strong": 0.5, "middling": 0.2, "weak": 0.1, "left out": 0.0}, top=3)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["weak", "middling", "strong"]
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.2, 0.5]
