"""The client mart as an asset: one row per application of a cohort, joined from its seven raw tables."""

import dagster as dg

from credit_platform.automation.partitions import cohorts, per_cohort
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import connect, quote, table_path, write_parquet
from credit_platform.mart.build import build_client_mart, mart_columns
from credit_platform.mart.coverage import coverage
from credit_platform.metadata import markdown_table
from credit_platform.settings import Settings


def _schema() -> dg.TableSchema:
    return dg.TableSchema(
        columns=[dg.TableColumn(name=c.name, type=c.type, description=c.meaning) for c in mart_columns()]
    )


def _lineage() -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        deps_by_column={
            column.name: [
                dg.TableColumnDep(asset_key=dg.AssetKey(f"raw_{table}"), column_name=name)
                for table, name in (source.split(".") for source in column.sources)
            ]
            for column in mart_columns()
        }
    )


@dg.asset(
    group_name="mart",
    kinds={"duckdb", "sql", "parquet"},
    owners=["team:data-engineering"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    deps=[f"raw_{name}" for name in TABLE_NAMES],
    description="One row per application: what the client said, and their histories with this lender and others.",
    metadata={"dagster/column_schema": _schema()},
)
def client_mart(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    total = 0
    for cohort in context.partition_keys:
        place = table_path(settings, "client_mart", cohort)
        sources = {
            name: f"read_parquet({quote(str(table_path(settings, f'raw_{name}', cohort)))})" for name in TABLE_NAMES
        }
        with connect(settings) as connection:
            rows = write_parquet(connection, build_client_mart(connection, sources), place)
            histories = coverage(connection, place)
        total += rows
        context.log.info(f"{cohort}: {rows:,} clients")
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": rows,
                "dagster/uri": str(place),
                "histories": markdown_table(histories),
            },
            partition_key=cohort,
        )
    return dg.MaterializeResult(
        metadata={
            "rows_in_this_run": total,
            "columns": len(mart_columns()),
            "dagster/column_lineage": _lineage(),
        }
    )
