"""The verdict on a cohort: its findings, the state of each layer, and the numbers behind them, kept as one JSON file.

Outcomes come months after the rest, so their layer is judged again by itself. Not here: judging (`judging.py`), and
where the file lies (`reports.py`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from credit_platform.lake import atomic
from credit_platform.monitoring.findings import LAYERS, STATES, Finding, worst
from credit_platform.monitoring.forecast import BLIND, forecast
from credit_platform.monitoring.judging import explained, judged
from credit_platform.monitoring.layers import outcomes
from credit_platform.monitoring.layers.features import distances
from credit_platform.monitoring.layers.score import of_cohort
from credit_platform.monitoring.observed import Observed
from credit_platform.monitoring.reports import verdict_path
from credit_platform.settings import Settings

Verdict = dict[str, Any]
_BAD = ("warn", "critical")


def monitor(settings: Settings, cohort: str) -> Verdict:
    """Judges a scored cohort and keeps the verdict; the report is not drawn.

    Raises:
        NoModelError: no version decides.
        MissingTableError: the cohort has no mart, or no scores.
    """
    observed = Observed.of(settings, cohort)
    return keep(settings, verdict_of(observed, judged(observed)))


def with_outcomes(observed: Observed, verdict: Verdict) -> Verdict:
    """A kept verdict with its outcomes judged anew."""
    before = [Finding.from_json(facts) for facts in verdict["findings"]]
    others = [finding for finding in before if finding.layer != "outcomes"]
    found = explained([*others, *outcomes.judge(observed)])
    return keep(observed.settings, {**verdict, **_of_outcomes(observed), **_judged(observed.cohort, found)})


def verdict_of(observed: Observed, found: Sequence[Finding]) -> Verdict:
    """What the API, the pages and the report show of findings; plain JSON."""
    columns = distances(observed)
    moved = [column for column in columns if column.moved]
    by_column: dict[str, list[str]] = {column.column: [column.sentence] for column in moved}
    for finding in found:
        if finding.layer == "quality" and finding.state in _BAD and finding.column in observed.counts:
            by_column.setdefault(finding.column, []).append(finding.sentence)
    scores = of_cohort(observed)
    scored = observed.scored
    expected = None
    if scored is not None and observed.scorer is not None and len(scored.clients):
        costs = observed.scorer.threshold.costs
        expected = forecast(scored.probability, scored.threshold, (costs.false_negative, costs.false_positive))
    return {
        "model_version": observed.version,
        "clients": observed.clients,
        "clients_fitted_to": scored.seen if scored else 0,
        "threshold": observed.settings.drift_share,
        "drift_share": sum(column.weight for column in moved),
        "score_psi": next((f.value for f in found if f.layer == "score" and f.metric == "psi"), None),
        "mean_probability": scores.expected_defaults / scores.clients if scores else None,
        "approval_rate": 1 - scores.refused / scores.clients if scores else None,
        "drifted_columns": list(by_column),
        "reasons": by_column,
        "columns": {column.column: column.psi.size for column in columns},
        "details": [
            {
                "column": column.column,
                "table": column.table,
                "importance": column.weight,
                "psi": column.psi.size,
                "ks": column.ks.size,
                "p": column.psi.p,
                "missing_reference": observed.profile.counts[column.column].missing_share,
                "missing": observed.counts[column.column].missing_share,
                "moved": column.moved,
            }
            for column in columns
        ],
        "forecast": {**asdict(expected), "note": BLIND} if expected else None,
        **_of_outcomes(observed),
        **_judged(observed.cohort, found),
    }


def keep(settings: Settings, verdict: Verdict) -> Verdict:
    """Writes a verdict where it is looked for."""
    path = verdict_path(settings, verdict["cohort"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as beside:
        beside.write_text(json.dumps(verdict, indent=1), "utf-8")
    return verdict


def _of_outcomes(observed: Observed) -> Verdict:
    """What outcomes said so far, with their standard errors, beside what the scores had promised."""
    return {
        "label_coverage": observed.scored.coverage if observed.scored else 0.0,
        "realised": {name: number._asdict() for name, number in outcomes.of_cohort(observed).items()},
    }


def _judged(cohort: str, found: Sequence[Finding]) -> Verdict:
    state = worst(list(found))
    layers = {layer: [finding.state for finding in found if finding.layer == layer] for layer in LAYERS}
    return {
        "cohort": cohort,
        "state": state,
        "drifted": state in _BAD,
        "sentence": sentence(cohort, found),
        "layers": {layer: max(states, key=STATES.index) for layer, states in layers.items() if states},
        "findings": [finding.as_json() for finding in found],
    }


def sentence(cohort: str, found: Sequence[Finding]) -> str:
    """The verdict in words: the first bad finding that nothing explains, and how many more there are."""
    bad = [finding for finding in found if finding.state in _BAD and not finding.explained_by]
    if not bad:
        return f"cohort {cohort} is as the version expects"
    gravest = max(bad, key=lambda finding: STATES.index(finding.state))
    others = len(bad) - 1
    more = f"; {others} more {'finding' if others == 1 else 'findings'}" if others else ""
    cause = f"{gravest.cause}: " if gravest.cause else ""
    return f"cohort {cohort}, {gravest.state}, {cause}{gravest.sentence}{more}"
