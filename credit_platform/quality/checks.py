"""The checks of the quality report: one for each family of rules. Their results come with the report."""

from collections.abc import Iterator, Sequence

import dagster as dg

from credit_platform.quality.judgement import Result
from credit_platform.quality.reports import Report
from credit_platform.quality.rules import families

_DESCRIPTIONS = {
    "schema": "No table brings columns that the contract does not know.",
    "keys": "No row lacks its key or repeats another's.",
    "orphans": "Histories belong to the cohort's applications, and loans to previous applications.",
    "ranges": "Values lie within the ranges that the contracts promise.",
    "sentinels": "Values that stand for none are as frequent as in the cohort before and in the public data.",
    "missing": "Values are missing as often as in the cohort before and in the public data; no column has gone.",
    "units": "No column seems to come in another unit than before.",
    "categories": "No category is new to the contracts and to all cohorts before.",
    "duplicates": "No client was delivered in a cohort before; rows do not repeat.",
    "volume": "There are about as many applications, and as much history for each, as in the cohort before.",
    "freshness": "No history ends months before that of the cohort before.",
}


def specs(asset: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(family, asset=asset, blocking=may_block, description=_DESCRIPTIONS[family])
        for family, may_block in families().items()
    ]


def results(reports: Sequence[Report], ends_the_run: bool) -> Iterator[dg.AssetCheckResult]:
    """The result of each family from the reports of a run; a finding that blocks is an error where it ends the run."""
    for family in families():
        found = {report.cohort: [f for f in report.findings if f.family == family] for report in reports}
        blocks = ends_the_run and any(f.severity == "block" for findings in found.values() for f in findings)
        yield dg.AssetCheckResult(
            check_name=family,
            passed=not any(found.values()),
            severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
            metadata={
                cohort: dg.MetadataValue.md("\n".join(map(_line, findings)))
                for cohort, findings in found.items()
                if findings
            },
        )


def _line(finding: Result) -> str:
    ids = f" For example {', '.join(finding.ids)}." if finding.ids else ""
    return f"- {finding.severity}: {finding.sentence}{ids}"
