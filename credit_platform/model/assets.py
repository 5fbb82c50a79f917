"""The model group: a challenger is searched, registered, judged on the test part, and made champion if it earns it.

Assets hand over a version's alias in the registry, never a model.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
from pydantic import Field

from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.features.splits import splits_dir
from credit_platform.metadata import markdown_table, plot, schema_of
from credit_platform.model import registry
from credit_platform.model.business_cost import choose_threshold
from credit_platform.model.evaluation import METRICS, metrics, plots
from credit_platform.model.promotion import gate
from credit_platform.model.reference import write_reference
from credit_platform.model.search import search
from credit_platform.resources import MlflowRuns
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings


class SearchConfig(dg.Config):
    """The grid of the search. Every combination is fitted on every fold."""

    depth: list[int] = Field([4, 6], description="Depths of the trees.")
    l2_leaf_reg: list[float] = Field([3.0, 20.0], description="L2 penalties on leaf values.")
    iterations: list[int] = Field([250], description="Numbers of trees.")
    learning_rate: list[float] = Field([0.06], description="Step sizes of boosting.")


@dg.asset(
    group_name="model",
    kinds={"catboost", "scikitlearn", "mlflow"},
    owners=["team:data-science"],
    deps=["feature_splits"],
    description=(
        "A model found by grid search over CatBoost's parameters, business cost and AUC as scores, with the cut-off of "
        "least cost; logged to MLflow and registered as a new version with the alias `challenger`."
    ),
    metadata={
        "dagster/column_schema": schema_of(
            depth=("INTEGER", "Depth of the trees"),
            l2_leaf_reg=("DOUBLE", "L2 penalty on leaf values"),
            iterations=("INTEGER", "Number of trees"),
            learning_rate=("DOUBLE", "Step of each tree"),
            cost_per_client=("DOUBLE", "Business cost in cross-validation at the theoretical cut-off"),
            auc=("DOUBLE", "Area under the ROC curve in cross-validation"),
        )
    },
)
def candidate(
    context: dg.AssetExecutionContext,
    config: SearchConfig,
    settings: dg.ResourceParam[Settings],
    mlflow: dg.ResourceParam[MlflowRuns],
) -> dg.MaterializeResult:
    import pyarrow.parquet as pq

    place = splits_dir(settings)
    schema = FeatureSchema.read(place)
    train = model_frame(pq.read_table(place / "X_train.parquet"), schema)
    valid = pq.read_table(place / "X_valid.parquet", columns=schema.names)
    outcomes, valid_outcomes = (
        pq.read_table(place / f"y_{part}.parquet").column("TARGET").to_numpy() for part in ("train", "valid")
    )
    grid = config.model_dump()
    with mlflow.run(context) as tracking:
        context.log.info(f"searching on {len(train):,} clients with {len(schema.features)} features")
        found = search(train, outcomes, schema, settings, grid)
        valid_probability = found.model.predict_proba(model_frame(valid, schema))[:, 1]
        threshold = choose_threshold(valid_outcomes, valid_probability, found.costs)
        for i, trial in enumerate(found.trials):
            with tracking.start_run(run_name=f"trial {i + 1}", nested=True):
                tracking.log_params({name: trial[name] for name in grid})
                tracking.log_metrics({name: value for name, value in trial.items() if name not in grid})
        tracking.log_params({**found.parameters, "cohorts": ", ".join(schema.cohorts), "features": len(schema.names)})
        tracking.log_metrics({"threshold": threshold.value, "valid_cost_per_client": threshold.cost_per_client})
        with TemporaryDirectory() as folder:
            files = [
                schema.write(Path(folder)),
                threshold.write(Path(folder)),
                write_reference(valid, valid_probability, settings.seed, Path(folder)),
            ]
            version = registry.log_version(settings, found.model, train.head(5), files)
    registry.point(settings, registry.CHALLENGER, version)
    context.log.info(f"registered {settings.model_name} version {version}")
    return dg.MaterializeResult(
        metadata={
            "version": version,
            "dagster/row_count": len(train),
            "threshold": threshold.value,
            "valid_cost_per_client": threshold.cost_per_client,
            "parameters": dg.MetadataValue.json(found.parameters),
            "trials": markdown_table(found.trials),
        }
    )


@dg.asset(
    group_name="model",
    kinds={"scikitlearn", "mlflow"},
    owners=["team:model-validation"],
    deps=["candidate", "feature_splits"],
    description="The challenger judged on the test part: ranking, probabilities, decisions and what they cost.",
    metadata={"dagster/column_schema": schema_of(**{name: ("DOUBLE", text) for name, text in METRICS.items()})},
)
def evaluation(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], mlflow: dg.ResourceParam[MlflowRuns]
) -> dg.MaterializeResult:
    import pyarrow.parquet as pq

    place = splits_dir(settings)
    challenger = registry.fetch(settings, registry.CHALLENGER)
    scorer = Scorer.load(challenger.folder, challenger.number)
    defaulted = pq.read_table(place / "y_test.parquet").column("TARGET").to_numpy()
    probability = scorer.table_probabilities(pq.read_table(place / "X_test.parquet"))
    numbers = metrics(defaulted, probability, scorer.threshold)
    figures = plots(defaulted, probability, scorer.threshold)
    with mlflow.run(context, challenger.run_id) as tracking:
        tracking.log_metrics({f"test_{name}": value for name, value in numbers.items()})
        for name, figure in figures.items():
            tracking.log_figure(figure, f"evaluation/{name}.png")
    return dg.MaterializeResult(
        metadata={
            "version": challenger.number,
            "dagster/row_count": len(defaulted),
            **numbers,
            **{name: plot(figure) for name, figure in figures.items()},
        }
    )


@dg.asset(
    group_name="model",
    kinds={"mlflow"},
    owners=["team:model-validation"],
    deps=["evaluation", "feature_splits"],
    description=(
        "The version that decides: the challenger takes the alias `champion` where it costs less on the test part than "
        "deciding without a model and than the present champion; otherwise the champion stays."
    ),
    metadata={
        "dagster/column_schema": schema_of(
            version=("VARCHAR", "Version that was compared"),
            auc=("DOUBLE", "Area under the ROC curve on the test part"),
            cost_per_client=("DOUBLE", "Business cost per client of the test part at the version's own cut-off"),
        )
    },
)
def champion(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    import pyarrow.parquet as pq

    place = splits_dir(settings)
    table = pq.read_table(place / "X_test.parquet")
    defaulted = pq.read_table(place / "y_test.parquet").column("TARGET").to_numpy()
    challenger = registry.fetch(settings, registry.CHALLENGER)
    present = registry.find(settings, settings.model_alias)
    judged = {}
    for version in {challenger.number: challenger, **({present.number: present} if present else {})}.values():
        scorer = Scorer.load(version.folder, version.number)
        judged[version.number] = metrics(defaulted, scorer.table_probabilities(table), scorer.threshold)
    numbers = judged[challenger.number]
    outcome = gate(
        numbers["cost_per_client"],
        min(numbers["cost_approve_all"], numbers["cost_refuse_all"]),
        judged[present.number]["cost_per_client"] if present and present.number != challenger.number else None,
    )
    if outcome.passed:
        registry.point(settings, settings.model_alias, challenger.number)
    context.log.info(
        f"version {challenger.number} {'promoted' if outcome.passed else 'not promoted'}: {outcome.reason}"
    )
    deciding = registry.number_under(settings, settings.model_alias)
    return dg.MaterializeResult(
        metadata={
            "version": deciding or "none",
            "challenger": challenger.number,
            "promoted": outcome.passed,
            "reason": outcome.reason,
            "cost_per_client": judged[deciding]["cost_per_client"] if deciding else numbers["cost_per_client"],
            "compared": markdown_table(
                [{"version": n, "auc": m["auc"], "cost_per_client": m["cost_per_client"]} for n, m in judged.items()]
            ),
        }
    )
