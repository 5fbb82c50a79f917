"""The quality report as an asset: what was found in a cohort's raw tables, and whether the cohort stops here."""

from collections.abc import Iterator

import dagster as dg

from credit_platform import quarantine
from credit_platform.automation.partitions import cohorts, data_version, per_cohort, sound_cohorts
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.metadata import schema_of
from credit_platform.quality import checks
from credit_platform.quality.reports import TABLE, report
from credit_platform.settings import Settings


@dg.asset(
    group_name="quality",
    kinds={"duckdb", "parquet"},
    owners=["team:data-engineering"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    deps=[f"raw_{name}" for name in TABLE_NAMES],
    check_specs=checks.specs(TABLE),
    description="What was measured in a cohort's raw tables, beside the cohort before: one row per measure.",
    metadata={
        "dagster/column_schema": schema_of(
            cohort=("VARCHAR", "Cohort"),
            table=("VARCHAR", "Source table"),
            column=("VARCHAR", "Its column; empty for the whole table"),
            measure=("VARCHAR", "What was measured"),
            value=("DOUBLE", "What was found"),
            previous=("DOUBLE", "The same in the cohort before"),
            rule=("VARCHAR", "The rule that looked at it"),
            severity=("VARCHAR", "block or warn, where the rule finds fault"),
            passed=("BOOLEAN", "Whether the rule finds none"),
            sentence=("VARCHAR", "The fault in words"),
        )
    },
)
def quality_report(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    found, content = {}, ""
    for cohort in sound_cohorts(context, settings, judge=TABLE):
        made = report(settings, cohort)
        content = made.version.content
        if made.blocking:
            quarantine.hold(settings, cohort, TABLE, [finding.sentence for finding in made.blocking], made.content)
        else:
            quarantine.lift(settings, cohort, TABLE)
        found[cohort] = made.blocking
        context.add_asset_metadata(
            {"dagster/partition_row_count": made.version.rows, "previous": made.previous or "none"},
            partition_key=cohort,
        )
    yield dg.MaterializeResult(data_version=data_version(context, content))
    held = [cohort for cohort in found if quarantine.reasons(settings, cohort)]
    alone = len(context.partition_keys) == 1 and bool(held)
    yield from checks.results(found, dg.AssetCheckSeverity.ERROR if alone else dg.AssetCheckSeverity.WARN)
    if alone:
        reasons = " ".join(quarantine.reasons(settings, held[0]))
        raise dg.Failure(
            f"cohort {held[0]} is in quarantine: {reasons} Land a corrected delivery, or let it pass: "
            f"credit-platform release {held[0]}",
            allow_retries=False,
        )
