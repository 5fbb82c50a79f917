"""Pictures of the layers: the scores beside their reference, what moved, and each finding by its limit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from credit_platform.model.profile import ScoreProfile
from credit_platform.model.reference import SCORE
from credit_platform.monitoring.layers.score import of_cohort
from credit_platform.monitoring.observed import Observed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _RED, _GREY = "#1f5fa8", "#c0392b", "#9aa5b1"
_COLOURS = {"ok": _BLUE, "watch": "#b7791f", "warn": _RED, "critical": "#7b1e12"}
_HATCHES = {"warn": "//", "critical": "xx"}


def layer_plots(verdict: Mapping[str, Any], observed: Observed) -> dict[str, "Figure"]:
    """A figure for each layer that was judged."""
    found: dict[str, Figure] = {}
    scores = of_cohort(observed)
    for layer in verdict["layers"]:
        if layer == "features":
            found[layer] = feature_bars(verdict)
        elif layer == "score" and scores is not None:
            found[layer] = score_bars(observed, scores)
        else:
            found[layer] = finding_bars(verdict, layer)
    return found


def feature_bars(verdict: Mapping[str, Any], top: int = 20) -> "Figure":
    """PSI of the features that moved most; moved ones are hatched as well as coloured."""
    shown = sorted(verdict["details"], key=lambda column: column["psi"])[-top:]
    figure, axes = _figure(len(shown))
    for place, column in enumerate(shown):
        state = "warn" if column["moved"] else "ok"
        axes.barh(place, column["psi"], color=_COLOURS[state], hatch=_HATCHES.get(state))
    axes.set_yticks(range(len(shown)), [column["column"] for column in shown], fontsize=7)
    axes.set(xlabel="PSI against the reference", title=f"Cohort {verdict['cohort']}: features")
    return figure


def score_bars(observed: Observed, after: ScoreProfile) -> "Figure":
    """Shares of the clients by tenth of the reference's probabilities."""
    figure, axes = _figure(8)
    labels = observed.profile.bins[SCORE].labels
    before = observed.profile.counts[SCORE]
    for shift, counts, colour, name in (
        (-0.2, before, _GREY, "reference"),
        (0.2, after.counts, _BLUE, observed.cohort),
    ):
        shares = counts.values / max(counts.present, 1)
        axes.barh([place + shift for place in range(len(labels))], shares, 0.4, color=colour, label=name)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set(
        xlabel="share of the clients", ylabel="probability of default", title=f"Scores of cohort {observed.cohort}"
    )
    axes.legend()
    return figure


def finding_bars(verdict: Mapping[str, Any], layer: str, top: int = 15) -> "Figure":
    """The findings of a layer: each value as a share of its threshold, 1 being where it is told."""
    found = [finding for finding in verdict["findings"] if finding["layer"] == layer][:top]
    figure, axes = _figure(len(found))
    for place, finding in enumerate(reversed(found)):
        ratio = abs(finding["value"] / finding["threshold"]) if finding["value"] and finding["threshold"] else 0.0
        axes.barh(place, ratio, color=_COLOURS[finding["state"]], hatch=_HATCHES.get(finding["state"]))
    names = [f["segment"] or f["column"] or f["table"] or f["metric"] for f in reversed(found)]
    axes.axvline(1, color=_GREY, linestyle="--")
    axes.set_yticks(range(len(found)), names, fontsize=7)
    axes.set(xlabel="value by its limit", title=f"Cohort {verdict['cohort']}: {layer}")
    return figure


def _figure(rows: int) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.28 * rows + 1.4), layout="constrained")
    return figure, figure.add_subplot()
