"""How good a model's probabilities and decisions are on clients it has not seen, in numbers and in pictures."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.model.business_cost import Costs, Threshold, cost_curve, cost_per_client

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


METRICS = {
    "auc": "Area under the ROC curve: how often a defaulter scores above a good client",
    "gini": "2 AUC - 1",
    "ks": "Largest distance between the score distributions of both outcomes",
    "brier": "Mean squared error of the probabilities",
    "mean_probability": "Mean predicted probability of default",
    "default_rate": "Observed share of defaults",
    "threshold": "Cut-off: refused from this probability on",
    "refusal_rate": "Share of clients refused",
    "cost_per_client": "Business cost per client, in refused good clients",
    "cost_approve_all": "What approving everyone costs per client",
    "cost_refuse_all": "What refusing everyone costs per client",
}


def metrics(defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold) -> dict[str, float]:
    """What `METRICS` names, for 0/1 outcomes and probabilities of shape (n,)."""
    from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

    refused = probability >= threshold.value
    auc = float(roc_auc_score(defaulted, probability))
    false_positives, true_positives, _ = roc_curve(defaulted, probability)
    nobody, everybody = np.zeros_like(refused), np.ones_like(refused)
    return {
        "auc": auc,
        "gini": 2 * auc - 1,
        "ks": float(np.max(true_positives - false_positives)),
        "brier": float(brier_score_loss(defaulted, probability)),
        "mean_probability": float(probability.mean()),
        "default_rate": float(defaulted.mean()),
        "threshold": threshold.value,
        "refusal_rate": float(refused.mean()),
        "cost_per_client": cost_per_client(defaulted, refused, threshold.costs),
        "cost_approve_all": cost_per_client(defaulted, nobody, threshold.costs),
        "cost_refuse_all": cost_per_client(defaulted, everybody, threshold.costs),
    }


def plots(defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold) -> dict[str, "Figure"]:
    """ROC curve, cost by cut-off, reliability by decile, and the score distribution of both outcomes."""
    return {
        "roc_curve": _roc(defaulted, probability),
        "cost_by_threshold": _cost(defaulted, probability, threshold),
        "reliability": _reliability(defaulted, probability),
        "score_distribution": _distribution(defaulted, probability, threshold),
    }


def _roc(defaulted: NDArray[np.int64], probability: NDArray[np.float64]) -> "Figure":
    from sklearn.metrics import roc_auc_score, roc_curve

    x, y, _ = roc_curve(defaulted, probability)
    figure, axes = new_figure()
    axes.plot(x, y, color="#1f5fa8", label=f"model, AUC {roc_auc_score(defaulted, probability):.3f}")
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="chance")
    axes.set(xlabel="share of good clients refused", ylabel="share of defaults caught", title="ROC curve, test part")
    axes.legend(loc="lower right")
    return figure


def _cost(defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold) -> "Figure":
    costs: Costs = threshold.costs
    cutoffs, curve = cost_curve(defaulted, probability, costs)
    figure, axes = new_figure()
    axes.plot(cutoffs, curve, color="#1f5fa8")
    axes.axvline(threshold.value, color="#c0392b", label=f"cut-off {threshold.value:.3f}")
    axes.axvline(
        costs.theoretical_threshold, color="grey", linestyle="--", label=f"theory {costs.theoretical_threshold:.3f}"
    )
    axes.set(
        xlim=(0, min(1, 4 * threshold.value)),
        xlabel="cut-off (probability of default)",
        ylabel="cost per client",
        title="Business cost by cut-off, test part",
    )
    axes.legend()
    return figure


def _reliability(defaulted: NDArray[np.int64], probability: NDArray[np.float64]) -> "Figure":
    order = np.array_split(np.argsort(probability, kind="stable"), 10)
    predicted = [probability[rows].mean() for rows in order]
    observed = [defaulted[rows].mean() for rows in order]
    figure, axes = new_figure()
    axes.plot(predicted, observed, "o-", color="#1f5fa8", label="deciles")
    limit = 1.05 * max(*predicted, *observed)
    axes.plot([0, limit], [0, limit], color="grey", linestyle="--", label="perfect")
    axes.set(xlabel="mean predicted probability", ylabel="observed default rate", title="Reliability, test part")
    axes.legend(loc="upper left")
    return figure


def _distribution(defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold) -> "Figure":
    figure, axes = new_figure()
    bins = np.linspace(0, max(float(np.quantile(probability, 0.995)), 1.2 * threshold.value), 40).tolist()
    axes.hist(probability[defaulted == 0], bins, density=True, alpha=0.6, color="#1f5fa8", label="repaid")
    axes.hist(probability[defaulted == 1], bins, density=True, alpha=0.6, color="#e08e0b", label="defaulted")
    axes.axvline(threshold.value, color="#c0392b", label=f"cut-off {threshold.value:.3f}")
    axes.set(xlabel="probability of default", ylabel="density", title="Scores by outcome, test part")
    axes.legend()
    return figure


def new_figure() -> tuple["Figure", "Axes"]:
    """A figure of its own, outside pyplot's global state, which keeps every figure alive."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    return figure, figure.add_subplot()
