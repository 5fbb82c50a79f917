"""The feature splits as an asset: every labelled cohort's mart rows, in three parts."""

import dagster as dg

from credit_platform.features.preprocessor import FILE_NAME, fit_preprocessor
from credit_platform.features.splits import PARTS, labelled_cohorts, write_splits
from credit_platform.lake import draft
from credit_platform.mart.build import mart_columns
from credit_platform.metadata import markdown_table, schema_of
from credit_platform.settings import Settings


@dg.asset(
    group_name="features",
    kinds={"duckdb", "scikitlearn", "parquet"},
    owners=["team:data-science"],
    deps=["client_mart", "raw_outcomes"],
    description=(
        "Labelled clients in a train, a valid and a test part, stratified by cohort and outcome, with balancing sample "
        "weights, the feature schema, and the fitted preprocessor for models that need one."
    ),
)
def feature_splits(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    import joblib
    import pyarrow.parquet as pq

    cohorts = labelled_cohorts(settings)
    context.log.info(f"labelled cohorts: {', '.join(cohorts) or 'none'}")
    meanings = {column.name: column.meaning for column in mart_columns()}
    with draft(settings, "feature_splits") as new:
        schema, parts = write_splits(settings, cohorts, meanings, new.folder)
        context.log.info(f"{len(schema.features)} features; fitting the preprocessor")
        transformer = fit_preprocessor(pq.read_table(new.folder / "X_train.parquet"), schema)
        joblib.dump(transformer, new.folder / FILE_NAME)
        version = new.publish(sum(part.clients for part in parts.values()))
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version.content),
        metadata={
            "dagster/row_count": version.rows,
            "dagster/uri": str(version.folder()),
            "dagster/column_schema": schema_of(**{f.name: (f.kind, f.meaning) for f in schema.features}),
            "features": len(schema.features),
            "categories": len(schema.category_names),
            "cohorts": ", ".join(cohorts),
            "parts": markdown_table(
                [
                    {"part": name, "clients": parts[name].clients, "default rate": parts[name].default_rate}
                    for name in PARTS
                ]
            ),
        },
    )
