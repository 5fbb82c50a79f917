"""The client mart as an asset: one row per application of a cohort, joined from its seven raw tables."""

import dagster as dg

from credit_platform.automation.partitions import cohorts, data_version, per_cohort, sound_cohorts
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import connect
from credit_platform.mart.buckets import build_cohort, sql_digest
from credit_platform.mart.build import mart_columns
from credit_platform.mart.coverage import coverage
from credit_platform.mart.lookup import BATCH_ROWS, publish_lookup
from credit_platform.metadata import markdown_table, schema_of
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
    code_version=sql_digest()[:12],
    deps=["quality_report", *(f"raw_{name}" for name in TABLE_NAMES)],
    description="One row per application: what the client said, and their histories with this lender and others.",
    metadata={"dagster/column_schema": _schema()},
)
def client_mart(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    content = ""
    for cohort in sound_cohorts(context, settings):
        built = build_cohort(settings, cohort)
        content = built.version.content
        with connect(settings) as connection:
            histories = coverage(connection, built.path)
        context.log.info(
            f"{cohort}: {built.rows:,} clients in {built.buckets} buckets, {built.reused} of them unchanged"
        )
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": built.rows,
                "buckets": built.buckets,
                "unchanged_buckets": built.reused,
                "dagster/uri": str(built.path),
                "version": built.version.id,
                "histories": markdown_table(histories),
            },
            partition_key=cohort,
        )
    return dg.MaterializeResult(
        data_version=data_version(context, content),
        metadata={
            "columns": len(mart_columns()),
            "dagster/column_lineage": _lineage(),
        },
    )


@dg.asset(
    group_name="mart",
    kinds={"arrow"},
    owners=["team:data-engineering"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    deps=["client_mart"],
    description="The mart packed by row, so that one client's row is found in about a millisecond.",
    metadata={
        "dagster/column_schema": schema_of(
            SK_ID_CURR=("BIGINT", "Application"),
            row=("BLOB", "The client's mart row as packed doubles; categories are numbers into the schema's lists"),
        )
    },
)
def client_lookup(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    content = ""
    for cohort in sound_cohorts(context, settings):
        published = publish_lookup(settings, cohort)
        content = published.version.content
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": published.version.rows,
                "dagster/uri": str(published.version.folder()),
                "unchanged_buckets": published.reused,
                "bytes": sum(file.size for file in published.version.files.values()),
            },
            partition_key=cohort,
        )
    return dg.MaterializeResult(data_version=data_version(context, content), metadata={"clients_a_batch": BATCH_ROWS})
