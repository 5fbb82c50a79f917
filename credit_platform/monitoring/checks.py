"""The checks of the drift reports: one for each layer. Their results come with the report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from credit_platform.monitoring.findings import LAYERS

_DESCRIPTIONS = {
    "quality": "Features arrive as in the reference: missing shares, categories, ranges and units.",
    "skew": "The API scored the features that the mart has for the same clients.",
    "score": "Scores, approval rate and expected cost are as in the reference.",
    "segments": "The scores of each group of clients are as in the reference.",
    "outcomes": "Clients pay as their scores promised.",
    "features": "The features that matter are distributed as in the reference.",
    "multivariate": "A classifier can't tell the clients from those of the reference.",
}


def specs(asset: str) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(layer, asset=asset, description=_DESCRIPTIONS[layer]) for layer in LAYERS]


def results(verdicts: Sequence[Mapping[str, Any]]) -> Iterator[dg.AssetCheckResult]:
    """The result of each layer from the verdicts of a run. What another layer explains is told, but does not fail."""
    for layer in LAYERS:
        found = {
            of["cohort"]: [f for f in of["findings"] if f["layer"] == layer and f["state"] in ("warn", "critical")]
            for of in verdicts
        }
        yield dg.AssetCheckResult(
            check_name=layer,
            passed=not any(not finding["explained_by"] for findings in found.values() for finding in findings),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                cohort: dg.MetadataValue.md("\n".join(map(_line, findings)))
                for cohort, findings in found.items()
                if findings
            },
        )


def _line(finding: Mapping[str, Any]) -> str:
    by = f" Explained by {finding['explained_by']}." if finding["explained_by"] else ""
    return f"- {finding['state']}: {finding['sentence']}.{by}"
