"""The feature splits as an asset: every labelled cohort's mart rows, in three parts."""

import dagster as dg
from pydantic import Field

from credit_platform.features.preprocessor import FILE_NAME, fit_preprocessor
from credit_platform.features.protected import protected_columns
from credit_platform.features.splits import write_splits
from credit_platform.features.window import labelled_cohorts, training_window
from credit_platform.lake import draft, require
from credit_platform.mart.build import mart_columns
from credit_platform.metadata import markdown_table, schema_of
from credit_platform.settings import Settings


class WindowConfig(dg.Config):
    """Another training window than the settings name."""

    cohorts: str = Field("", description="As CREDIT_TRAINING_COHORTS; empty: what that says.")


@dg.asset(
    group_name="features",
    kinds={"duckdb", "scikitlearn", "parquet"},
    owners=["team:data-science"],
    deps=["client_mart", "raw_outcomes"],
    description=(
        "Labelled clients of the training window in a train, a valid and a test part, stratified by cohort and "
        "outcome, and the newest labelled cohort as a part out of time; balancing sample weights, the feature schema "
        "without protected attributes, and the fitted preprocessor for models that need one."
    ),
)
def feature_splits(
    context: dg.AssetExecutionContext, config: WindowConfig, settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult:
    import joblib
    import pyarrow.parquet as pq

    if config.cohorts:
        settings = settings.model_copy(update={"training_cohorts": config.cohorts})
    window = training_window(settings, labelled_cohorts(settings))
    context.log.info(f"window: {', '.join(window.cohorts) or 'none'}; out of time: {window.out_of_time or 'none'}")
    meanings = {column.name: column.meaning for column in mart_columns()}
    with draft(settings, "feature_splits") as new:
        schema, parts = write_splits(
            settings, window, meanings, protected_columns(settings.protected_attributes), new.folder
        )
        context.log.info(f"{len(schema.features)} features; fitting the preprocessor")
        transformer = fit_preprocessor(pq.read_table(new.folder / "X_train.parquet"), schema)
        joblib.dump(transformer, new.folder / FILE_NAME)
        marts = {cohort: require(settings, "client_mart", cohort).content for cohort in window.all}
        version = new.publish(sum(part.clients for part in parts.values()), facts={"client_mart": marts})
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version.content),
        metadata={
            "dagster/row_count": version.rows,
            "dagster/uri": str(version.folder()),
            "dagster/column_schema": schema_of(**{f.name: (f.kind, f.meaning) for f in schema.features}),
            "features": len(schema.features),
            "categories": len(schema.category_names),
            "cohorts": ", ".join(window.cohorts),
            "out_of_time": window.out_of_time or "none",
            "protected": ", ".join(feature.name for feature in schema.audited),
            "parts": markdown_table(
                [
                    {"part": name, "clients": part.clients, "default rate": part.default_rate}
                    for name, part in parts.items()
                ]
            ),
        },
    )
