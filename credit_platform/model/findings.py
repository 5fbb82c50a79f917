"""What a validator asks of a version first, each question answered from what was measured, with the numbers.

Not here: what may decide (`promotion.py`): a question that is answered "look at it" stops nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from credit_platform.model.promotion import DEFAULT_LIMITS, GateReport
from credit_platform.scoring.scorer import Scorer

FOUR_FIFTHS = 0.8
SHIFTED = 0.1
"""PSI of a score from which a population is said to have moved (Siddiqi, "Credit Risk Scorecards", 2006)."""
FEW_DEFAULTS = 100
"""Below so many defaults a part's intervals are too wide to tell a good model from a middling one."""


class Finding(NamedTuple):
    """A question that should be answered yes, whether it is, and what was found."""

    question: str
    holds: bool
    found: str


def findings(
    report: Mapping[str, Any], scorer: Scorer, metrics: Mapping[str, float], gate: GateReport | None
) -> list[Finding]:
    """The questions on an evaluation's report, a version and its run's metrics."""
    return [
        *_of_gate(gate),
        *(finding for part, of in report.items() for finding in _of_part(part.replace("_", " "), of)),
        _theory(scorer),
        _rising(report),
        _impact(report["test"]["fairness"]),
        *_reasons(metrics),
    ]


def _of_gate(gate: GateReport | None) -> Iterator[Finding]:
    if gate is not None:
        against = f"version {gate.champion}" if gate.champion else "no champion"
        yield Finding(f"Did it pass the gate, against {against}?", gate.passed, gate.reason)


def _of_part(part: str, of: Mapping[str, Any]) -> Iterator[Finding]:
    metrics = of["metrics"]
    defaults = round(metrics["default_rate"]["value"] * of["clients"])
    yield Finding(
        f"Are there enough defaults to judge by ({part})?",
        defaults >= FEW_DEFAULTS,
        f"{defaults:,} of {of['clients']:,} clients",
    )
    slope, shift = metrics["calibration_slope"], metrics["calibration_intercept"]
    yield Finding(
        f"Do the probabilities come true ({part})?",
        slope["low"] <= 1 <= slope["high"] and shift["low"] <= 0 <= shift["high"],
        f"predicted {metrics['mean_probability']['value']:.2%}, observed {_share(metrics['default_rate'])}; slope "
        f"{_number(slope)}, intercept {_number(shift)}",
    )
    off = [
        f"{row['by']} {row['group']} ({row['predicted']:.1%}, observed {row['low']:.1%} to {row['high']:.1%})"
        for row in (*of["segments"], *of["cohorts"])
        if not row["low"] <= row["predicted"] <= row["high"]
    ]
    looked_at = len(of["segments"]) + len(of["cohorts"])
    yield Finding(
        f"Do they come true in every segment and cohort ({part})?",
        not off,
        f"{len(off)} of {looked_at} lie outside their interval, where chance alone puts one in twenty"
        + (f": {', '.join(off)}" if off else ""),
    )
    beside = {row["metric"]: row for row in of.get("beside_the_scorecard", ())}
    if beside:
        cost, auc = beside["cost_per_client"], beside["auc"]
        yield Finding(
            f"Is it cheaper than a plain scorecard ({part})?",
            cost["high"] < 0,
            f"cost per client {cost['difference']:+.4f} ({cost['low']:+.4f} to {cost['high']:+.4f}), AUC "
            f"{auc['difference']:+.4f} ({auc['low']:+.4f} to {auc['high']:+.4f})",
        )
    yield Finding(
        f"Are the scores spread as on the valid part ({part})?", of["score_psi"] < SHIFTED, f"PSI {of['score_psi']:.3f}"
    )


def _theory(scorer: Scorer) -> Finding:
    threshold = scorer.threshold
    return Finding(
        "Does the cut-off agree with theory?",
        threshold.holds_theory,
        f"{threshold.value:.4f} ({threshold.low:.4f} to {threshold.high:.4f}), theory "
        f"{threshold.costs.theoretical_threshold:.4f}",
    )


def _rising(report: Mapping[str, Any]) -> Finding:
    falls = [
        f"{worse['grade']} below {better['grade']} ({part.replace('_', ' ')})"
        for part, of in report.items()
        for better, worse in pairwise(row for row in of["grades"] if row["clients"])
        if worse["observed"] < better["observed"]
    ]
    return Finding(
        "Do observed default rates rise from grade to grade?", not falls, ", ".join(falls) or "in every part judged"
    )


def _impact(fairness: Sequence[Mapping[str, Any]]) -> Finding:
    below = [
        f"{row['by']} {row['group']} {row['impact ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f}; default rate "
        f"{row['default rate']:.1%})"
        for row in fairness
        if row["impact ratio"] < FOUR_FIFTHS
    ]
    least = min((row["impact ratio"] for row in fairness), default=1.0)
    return Finding(
        "Is every group approved at least four fifths as often as the most approved one?",
        not below,
        ", ".join(below) or f"the least impact ratio is {least:.2f}",
    )


def _reasons(metrics: Mapping[str, float]) -> Iterator[Finding]:
    if "additivity_error" in metrics:
        error = metrics["additivity_error"]
        yield Finding("Do the reasons add up to the score?", error < 1e-6, f"to {error:.0e} log-odds")
    if "same_first_reason" in metrics:
        first, overlap = metrics["same_first_reason"], metrics["reason_overlap"]
        yield Finding(
            "Does the same training with another seed give the same reasons?",
            first >= DEFAULT_LIMITS.same_first_reason and overlap >= DEFAULT_LIMITS.reason_overlap,
            f"the first one for {first:.0%} of the riskiest clients; {overlap:.0%} of all that are told",
        )


def _number(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.2f} ({interval['low']:.2f} to {interval['high']:.2f})"


def _share(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.2%} ({interval['low']:.2%} to {interval['high']:.2%})"
