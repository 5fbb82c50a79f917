"""What explains the champion as assets: the global SHAP summary, and the population that clients are shown beside."""

import dagster as dg

from credit_platform.explain.population import TABLE, Population
from credit_platform.explain.shap_summary import TABLE as SHAP
from credit_platform.explain.shap_summary import global_explanation, importance, plots, swarm, write_swarm
from credit_platform.features.splits import OUT_OF_TIME, splits_dir
from credit_platform.lake import draft
from credit_platform.metadata import markdown_table, plot, schema_of
from credit_platform.model import registry
from credit_platform.model.reference import draw
from credit_platform.resources import MlflowRuns
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings


@dg.asset(
    group_name="explain",
    kinds={"shap", "catboost", "mlflow"},
    owners=["team:model-validation"],
    deps=["champion", "feature_splits"],
    metadata={
        "dagster/column_schema": schema_of(
            feature=("VARCHAR", "Feature of the champion"),
            mean_abs_shap=("DOUBLE", "Mean absolute SHAP value, in log-odds of default"),
        )
    },
    description=(
        "Exact SHAP values of a sample of the valid part under the champion: bar, beeswarm, dependence of the "
        "strongest features, importances."
    ),
)
def shap_summary(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], mlflow: dg.ResourceParam[MlflowRuns]
) -> dg.MaterializeResult:
    import matplotlib
    import pyarrow as pa
    import pyarrow.parquet as pq

    matplotlib.use("Agg")
    version = registry.fetch(settings)
    scorer = Scorer.load(version.folder, version.number)
    table = draw(pq.read_table(splits_dir(settings) / "X_valid.parquet"), settings.shap_sample, settings.seed)
    explanation = global_explanation(scorer, table)
    strongest = importance(explanation)
    figures = plots(explanation)
    with draft(settings, SHAP) as new:
        pq.write_table(
            pa.table({"feature": [name for name, _ in strongest], "mean_abs_shap": [value for _, value in strongest]}),
            new.folder / "importance.parquet",
        )
        write_swarm(swarm(explanation, scorer.schema.category_names), version.number, new.folder)
        for name, figure in figures.items():
            figure.savefig(new.folder / f"{name}.png", dpi=120, bbox_inches="tight")
        with mlflow.run(context, version.run_id) as tracking:
            tracking.log_artifacts(str(new.folder), "explainability")
        place = new.publish(len(strongest)).folder()
    meanings = {feature.name: feature.meaning for feature in scorer.schema.features}
    return dg.MaterializeResult(
        metadata={
            "version": version.number,
            "dagster/row_count": table.num_rows,
            "dagster/uri": str(place),
            **{name: plot(figure) for name, figure in figures.items()},
            "strongest": markdown_table(
                [{"feature": n, "mean abs. SHAP": v, "meaning": meanings[n]} for n, v in strongest[:20]]
            ),
        }
    )


@dg.asset(
    group_name="explain",
    kinds={"catboost"},
    owners=["team:credit-risk"],
    deps=["champion", "feature_splits"],
    description=(
        "How clients that the champion has not been trained on spread over its features and its probabilities, over "
        "all of them and over those alike: shares only, which the API shows a client beside."
    ),
)
def population(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    version = registry.fetch(settings)
    scorer = Scorer.load(version.folder, version.number)
    splits = splits_dir(settings)
    parts = [part for part in ("valid", "test", OUT_OF_TIME) if (splits / f"y_{part}.parquet").exists()]
    rows = pa.concat_tables(
        pq.read_table(splits / f"X_{part}.parquet", columns=["cohort", *scorer.schema.names]) for part in parts
    )
    defaulted = pa.concat_tables(pq.read_table(splits / f"y_{part}.parquet", columns=["TARGET"]) for part in parts)
    counted = Population.count(scorer, rows, np.asarray(defaulted.column("TARGET").to_numpy()))
    with draft(settings, TABLE) as new:
        counted.write(new.folder)
        place = new.publish(rows.num_rows).folder()
    context.log.info(f"{rows.num_rows:,} clients in {len(counted.groups)} groups")
    return dg.MaterializeResult(
        metadata={
            "version": version.number,
            "dagster/row_count": rows.num_rows,
            "dagster/uri": str(place),
            "groups": markdown_table(
                [
                    {
                        "alike in": ", ".join(f"{name} = {value}" for name, value in group.key.items()) or "everybody",
                        "clients": group.clients,
                        "default rate": group.default_rate,
                        "approval rate": group.approval_rate,
                    }
                    for group in counted.groups
                ]
            ),
        }
    )
