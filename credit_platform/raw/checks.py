"""The checks of the raw tables: each table's contract blocks, unknown values and ranges warn.

Their results come from the inspection that the ingestion makes anyway, so they are returned with the table.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from credit_platform.home_credit.delivery import Problem

CONTRACT, VALUES = "contract", "known_values"


def specs(asset: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            CONTRACT, asset=asset, blocking=True, description="Columns, types and keys are as the contract promises."
        ),
        dg.AssetCheckSpec(
            VALUES, asset=asset, description="No value out of range, no category or column the contract does not know."
        ),
    ]


def results(
    problems: Mapping[str, Sequence[Problem]], severity: dg.AssetCheckSeverity
) -> Iterator[dg.AssetCheckResult]:
    """The results of both checks from each cohort's problems; a table that was refused says nothing of its values.

    `severity` is that of a broken contract: an error blocks what comes after it in the run.
    """
    blocking = {cohort: [p for p in found if p.blocking] for cohort, found in problems.items()}
    reported = {cohort: [p for p in found if not p.blocking] for cohort, found in problems.items()}
    refused = any(blocking.values())
    yield dg.AssetCheckResult(check_name=CONTRACT, passed=not refused, severity=severity, metadata=_listed(blocking))
    if refused:
        return
    yield dg.AssetCheckResult(
        check_name=VALUES,
        passed=not any(reported.values()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata=_listed(reported),
    )


def _listed(problems: Mapping[str, Sequence[Problem]]) -> dict[str, dg.MetadataValue]:
    return {
        cohort: dg.MetadataValue.md("\n".join(f"- {problem}{_quoted(problem.ids)}" for problem in found))
        for cohort, found in problems.items()
        if found
    }


def _quoted(ids: Sequence[str]) -> str:
    return f"; e.g. {', '.join(ids)}" if ids else ""
