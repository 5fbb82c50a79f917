"""The metrics against scikit-learn and against plain counting."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score

from credit_platform.model.business_cost import Costs, Threshold
from credit_platform.model.evaluation import metrics, plots

random = np.random.default_rng(5)
PROBABILITY = random.beta(1, 8, 500).round(3)
DEFAULTED = (random.random(500) < PROBABILITY).astype(int)
THRESHOLD = Threshold(0.12, 0.4, Costs(10, 1))


def test_ranking_and_probability_metrics_are_scikit_learns() -> None:
    found = metrics(DEFAULTED, PROBABILITY, THRESHOLD)
    assert found["auc"] == pytest.approx(roc_auc_score(DEFAULTED, PROBABILITY))
    assert found["gini"] == pytest.approx(2 * found["auc"] - 1)
    assert found["brier"] == pytest.approx(brier_score_loss(DEFAULTED, PROBABILITY))
    assert found["mean_probability"] == pytest.approx(PROBABILITY.mean())
    assert found["default_rate"] == pytest.approx(DEFAULTED.mean())


def test_ks_is_the_widest_gap_between_the_two_distributions() -> None:
    good, bad = (np.sort(PROBABILITY[outcome == DEFAULTED]) for outcome in (0, 1))
    gaps = [abs(np.mean(good <= p) - np.mean(bad <= p)) for p in np.unique(PROBABILITY)]
    assert metrics(DEFAULTED, PROBABILITY, THRESHOLD)["ks"] == pytest.approx(max(gaps))


def test_decision_metrics_follow_from_the_confusion_matrix() -> None:
    found = metrics(DEFAULTED, PROBABILITY, THRESHOLD)
    (_, fp), (fn, tp) = confusion_matrix(DEFAULTED, THRESHOLD.value <= PROBABILITY)
    assert found["cost_per_client"] == pytest.approx((10 * fn + fp) / 500)
    assert found["refusal_rate"] == pytest.approx((fp + tp) / 500)
    assert found["cost_approve_all"] == pytest.approx(10 * DEFAULTED.mean())
    assert found["cost_refuse_all"] == pytest.approx(1 - DEFAULTED.mean())
    assert found["threshold"] == THRESHOLD.value


def test_every_plot_has_a_title_and_named_axes() -> None:
    figures = plots(DEFAULTED, PROBABILITY, THRESHOLD)
    assert set(figures) == {"roc_curve", "cost_by_threshold", "reliability", "score_distribution"}
    for figure in figures.values():
        axes = figure.axes[0]
        assert axes.get_title()
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_plots_leave_no_figure_open_in_pyplot() -> None:
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    plots(DEFAULTED, PROBABILITY, THRESHOLD)
    assert plt.get_fignums() == before
