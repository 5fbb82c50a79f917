"""The pictures of an evaluation: ROC, strategy, reliability, gains, grades, scores by outcome, importance."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.model.business_cost import Threshold
from credit_platform.model.evaluation import Report, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, RED, GREY = "#1f5fa8", "#e08e0b", "#c0392b", "#777777"


def plots(
    report: Report, defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold
) -> dict[str, "Figure"]:
    """Figures by name; outcomes and probabilities have the shape (n,)."""
    return {
        "roc_curve": _roc(report, defaulted, probability),
        "strategy": _strategy(report, threshold),
        "reliability": _reliability(report),
        "gains": _gains(report),
        "grades": _grades(report),
        "score_distribution": _distribution(report, defaulted, probability, threshold),
    }


def importance(strength: Mapping[str, float], top: int = 20) -> "Figure":
    """The features that move the log-odds most, strongest first, by what `Scorer.importance` holds."""
    names = list(strength)[:top]
    figure, axes = new_figure()
    figure.set_size_inches(6, 0.6 + 0.22 * len(names))
    axes.barh(names[::-1], [strength[name] for name in names[::-1]], color=BLUE)
    axes.tick_params("y", labelsize="small")
    axes.set(xlabel="mean absolute SHAP value, log-odds", title="Features that matter most")
    return figure


def new_figure() -> tuple["Figure", "Axes"]:
    """A figure of its own, outside pyplot's global state, which keeps every figure alive."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    return figure, figure.add_subplot()


def _roc(report: Report, defaulted: NDArray[np.int64], probability: NDArray[np.float64]) -> "Figure":
    from sklearn.metrics import roc_curve

    x, y, _ = roc_curve(defaulted, probability)
    figure, axes = new_figure()
    axes.plot(x, y, color=BLUE, label=f"model, AUC {report.metrics['auc']:.3f}")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance")
    axes.set(
        xlabel="share of good clients refused", ylabel="share of defaults caught", title=f"ROC curve, {report.part}"
    )
    axes.legend(loc="lower right")
    return figure


def _strategy(report: Report, threshold: Threshold) -> "Figure":
    cutoffs = [row["cut-off"] for row in report.strategy]
    figure, axes = new_figure()
    axes.plot(cutoffs, [row["cost per client"] for row in report.strategy], color=BLUE, label="cost per client")
    axes.plot(cutoffs, [row["approval rate"] for row in report.strategy], color=ORANGE, ls="-.", label="approval rate")
    axes.plot(
        cutoffs, [row["bad rate"] for row in report.strategy], color=GREY, ls=":", label="defaults among approved"
    )
    axes.axvline(threshold.value, color=RED, label=f"cut-off {threshold.value:.3f}")
    axes.axvspan(threshold.review_low, threshold.review_high, color=RED, alpha=0.12, label="a person decides")
    axes.axvline(threshold.costs.theoretical_threshold, color="black", linestyle="--", linewidth=0.8, label="theory")
    axes.set(
        xlim=(0, min(1, 4 * threshold.value)),
        ylim=(0, None),
        xlabel="cut-off (probability of default)",
        ylabel="share, or refused good clients",
        title=f"What each cut-off comes to, {report.part}",
    )
    axes.legend(fontsize="small")
    return figure


def _reliability(report: Report) -> "Figure":
    predicted = [row["predicted"] for row in report.deciles]
    observed = [row["observed"] for row in report.deciles]
    reach = _reach(report.deciles)
    figure, axes = new_figure()
    axes.errorbar(predicted, observed, reach, fmt="o-", color=BLUE, capsize=3, label="tenths of the clients, 95 %")
    limit = 1.05 * max(*predicted, *(row["high"] for row in report.deciles))
    axes.plot([0, limit], [0, limit], color=GREY, linestyle="--", label="perfect")
    axes.set(
        xlabel="mean predicted probability",
        ylabel="observed default rate",
        title=f"Reliability, {report.part}; slope {report.metrics['calibration_slope']:.2f}",
    )
    axes.legend(loc="upper left")
    return figure


def _gains(report: Report) -> "Figure":
    figure, axes = new_figure()
    shares = [0.0, *(row["clients"] for row in report.gains)]
    axes.plot(shares, [0.0, *(row["defaults caught"] for row in report.gains)], "o-", color=BLUE, label="model")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance")
    for row in report.gains[:3]:
        place = (row["clients"], row["defaults caught"])
        axes.annotate(f"lift {row['lift']:.1f}", place, (8, -10), textcoords="offset points", fontsize="small")
    axes.set(
        xlabel="share of clients, the riskiest first", ylabel="share of defaults caught", title=f"Gains, {report.part}"
    )
    axes.legend(loc="lower right")
    return figure


def _grades(report: Report) -> "Figure":
    names = [row["grade"] for row in report.grades]
    observed = [row["observed"] for row in report.grades]
    reach = _reach(report.grades)
    figure, axes = new_figure()
    axes.bar(names, observed, yerr=reach, capsize=3, color=BLUE, alpha=0.8, label="observed, 95 %")
    axes.plot(names, [row["predicted"] for row in report.grades], "D", color=ORANGE, label="predicted")
    axes.set(xlabel="grade", ylabel="default rate", title=f"Default rate by grade, {report.part}")
    axes.legend(loc="upper left")
    return figure


def _distribution(
    report: Report, defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold
) -> "Figure":
    figure, axes = new_figure()
    bins = np.linspace(0, max(float(np.quantile(probability, 0.995)), 1.2 * threshold.value), 40).tolist()
    axes.hist(probability[defaulted == 0], bins, density=True, alpha=0.6, color=BLUE, label="repaid")
    axes.hist(probability[defaulted == 1], bins, density=True, alpha=0.6, color=ORANGE, hatch="//", label="defaulted")
    axes.axvline(threshold.value, color=RED, label=f"cut-off {threshold.value:.3f}")
    axes.set(xlabel="probability of default", ylabel="density", title=f"Scores by outcome, {report.part}")
    axes.legend()
    return figure


def _reach(rows: list[Row]) -> NDArray[np.float64]:
    """How far intervals reach below and above what was observed, shape (2, rows)."""
    ends = [[row["observed"] - row["low"], row["high"] - row["observed"]] for row in rows]
    return np.maximum(np.array(ends).T, 0.0)
