"""The quality report as an asset: what was found in a cohort's raw tables, and whether the cohort stops here."""

from collections.abc import Iterator

import dagster as dg

from credit_platform import quarantine
from credit_platform.automation.partitions import cohorts, data_version, per_cohort, set_aside, sound_cohorts
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.metadata import markdown_table, plot, schema_of
from credit_platform.quality import checks
from credit_platform.quality.plots import trend_plot
from credit_platform.quality.reports import COLUMNS, TABLE, Report, report, trends
from credit_platform.quality.rules import digest
from credit_platform.settings import Settings


@dg.asset(
    group_name="quality",
    kinds={"duckdb", "parquet"},
    owners=["team:data-engineering"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    code_version=digest()[:12],
    deps=[f"raw_{name}" for name in TABLE_NAMES],
    check_specs=checks.specs(TABLE),
    description=(
        "What was measured in a cohort's raw tables, beside the cohort before and the public data, one row each. "
        "A cohort with a finding that blocks is set aside until a corrected delivery or a person lets it pass."
    ),
    metadata={"dagster/column_schema": schema_of(**COLUMNS)},
)
def quality_report(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    reports = []
    for cohort in sorted(sound_cohorts(context, settings, judge=TABLE)):
        made = report(settings, cohort)
        reports.append(made)
        if made.blocking:
            quarantine.hold(settings, cohort, TABLE, [finding.sentence for finding in made.blocking], made.fault)
        else:
            quarantine.lift(settings, cohort, TABLE)
        told = len(made.findings) - len(made.blocking)
        context.log.info(f"{cohort}: {len(made.blocking)} findings that block, {told} others")
        context.add_asset_metadata(_metadata(settings, made), partition_key=cohort)
    content = reports[-1].version.content if reports else ""
    yield dg.MaterializeResult(data_version=data_version(context, content))
    held = {made.cohort: why for made in reports if (why := quarantine.reasons(settings, made.cohort))}
    ends_the_run = len(context.partition_keys) == 1 and bool(held)
    yield from checks.results(reports, ends_the_run)
    if ends_the_run:
        raise set_aside(*held.popitem())


def _metadata(settings: Settings, made: Report) -> dict[str, object]:
    findings = [{"severity": f.severity, "family": f.family, "finding": f.sentence} for f in made.findings]
    return {
        "dagster/partition_row_count": made.version.rows,
        "dagster/uri": str(made.version.folder()),
        "version": made.version.id,
        "unchanged": made.unchanged,
        "compared_with": made.previous or "the public data",
        "blocking": len(made.blocking),
        "findings": markdown_table(findings),
        "trends": plot(trend_plot(trends(settings, made.cohort))),
    }
