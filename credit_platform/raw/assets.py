"""The raw tables as assets: one per contract, partitioned by cohort."""

from collections.abc import Iterator

import dagster as dg

from credit_platform import quarantine
from credit_platform.automation.partitions import cohorts, data_version, per_cohort
from credit_platform.home_credit import contracts
from credit_platform.home_credit.contracts import Table, table, tables
from credit_platform.home_credit.delivery import DeliveryError, Problem
from credit_platform.metadata import column_schema, markdown_table
from credit_platform.raw import checks
from credit_platform.raw.ingest import delivered_content, gaps, ingest
from credit_platform.settings import Settings


def raw_asset(contract: Table) -> dg.AssetsDefinition:
    """The asset `raw_<table>`, with its contract as column schema and as blocking check."""
    name = f"raw_{contract.name}"

    @dg.asset(
        name=name,
        group_name="raw",
        kinds={"duckdb", "parquet"},
        owners=["team:data-engineering"],
        description=f"{contract.meaning} One row is {contract.grain}.",
        partitions_def=cohorts,
        backfill_policy=per_cohort,
        code_version=contracts.digest(contract.name)[:12],
        deps=[f"raw_{contract.parent}"] if contract.parent else [],
        check_specs=checks.specs(name),
        metadata={"dagster/column_schema": column_schema(contract)},
    )
    def raw(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        problems: dict[str, tuple[Problem, ...]] = {}
        content = ""
        for cohort in context.partition_keys:
            try:
                ingested = ingest(settings, contract.name, cohort)
            except DeliveryError as error:
                problems[cohort] = error.problems
                reasons = [str(problem) for problem in error.problems if problem.blocking]
                quarantine.hold(settings, cohort, name, reasons, delivered_content(settings, cohort))
                context.log.error(f"cohort {cohort} is set aside: {error}")
                if len(context.partition_keys) == 1:
                    yield from checks.results(problems, dg.AssetCheckSeverity.ERROR)
                    raise dg.Failure(f"cohort {cohort} breaks its contract:\n{error}", allow_retries=False) from error
                continue
            quarantine.lift(settings, cohort, name)
            problems[cohort], content = ingested.inspection.problems, ingested.version.content
            context.log.info(
                f"{cohort}: {ingested.rows:,} rows of {contract.name}{', unchanged' if ingested.unchanged else ''}"
            )
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": ingested.rows,
                    "rows_of_other_clients": ingested.left_out,
                    "dagster/uri": str(ingested.path),
                    "version": ingested.version.id,
                    "unchanged": ingested.unchanged,
                    "gaps": markdown_table(gaps(contract, ingested.inspection)),
                },
                partition_key=cohort,
            )
        yield dg.MaterializeResult(data_version=data_version(context, content))
        # An error would end the run, and with it the other cohorts.
        yield from checks.results(problems, dg.AssetCheckSeverity.WARN)

    return raw


raw_tables = [raw_asset(contract) for contract in (*tables(), table("outcomes"))]
