"""The checks of the quality report: findings that block set the cohort aside, others are told."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from credit_platform.quality.rules import Result

BLOCKING = "trustworthy"


def specs(asset: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            BLOCKING, asset=asset, blocking=True, description="Nothing was found that sets the cohort aside."
        )
    ]


def results(found: Mapping[str, Sequence[Result]], severity: dg.AssetCheckSeverity) -> Iterator[dg.AssetCheckResult]:
    """The result from each cohort's blocking findings."""
    yield dg.AssetCheckResult(
        check_name=BLOCKING,
        passed=not any(found.values()),
        severity=severity,
        metadata={
            cohort: dg.MetadataValue.md("\n".join(f"- {result.sentence}" for result in results))
            for cohort, results in found.items()
            if results
        },
    )
