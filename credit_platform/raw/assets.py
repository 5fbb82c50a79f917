"""The raw tables as assets: one per contract, partitioned by cohort."""

from collections.abc import Iterator

import dagster as dg

from credit_platform.automation.partitions import cohorts, per_cohort
from credit_platform.home_credit.contracts import Table, table, tables
from credit_platform.home_credit.delivery import DeliveryError, Problem
from credit_platform.metadata import column_schema, markdown_table
from credit_platform.raw import checks
from credit_platform.raw.ingest import gaps, ingest
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
        deps=[f"raw_{contract.parent}"] if contract.parent else [],
        check_specs=checks.specs(name),
        metadata={"dagster/column_schema": column_schema(contract)},
    )
    def raw(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        problems: dict[str, tuple[Problem, ...]] = {}
        total = 0
        for cohort in context.partition_keys:
            try:
                ingested = ingest(settings, contract.name, cohort)
            except DeliveryError as error:
                yield from checks.results({**problems, cohort: error.problems})
                raise dg.Failure(f"cohort {cohort} breaks its contract:\n{error}", allow_retries=False) from error
            problems[cohort] = ingested.inspection.problems
            total += ingested.rows
            context.log.info(f"{cohort}: {ingested.rows:,} rows of {contract.name}")
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": ingested.rows,
                    "rows_of_other_clients": ingested.left_out,
                    "dagster/uri": str(ingested.path),
                    "gaps": markdown_table(gaps(contract, ingested.inspection)),
                },
                partition_key=cohort,
            )
        yield dg.MaterializeResult(metadata={"rows_in_this_run": total})
        yield from checks.results(problems)

    return raw


raw_tables = [raw_asset(contract) for contract in (*tables(), table("outcomes"))]
