"""The model group: a scorecard as yardstick; a challenger is searched, registered, judged on clients it has not seen,
and made champion if it earns it.

Assets hand over a version's alias in the registry, never a model.
"""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
from pydantic import Field

from credit_platform.features.splits import OUT_OF_TIME, parts_of, splits_dir
from credit_platform.lake import draft, require
from credit_platform.metadata import markdown_table, plot, schema_of
from credit_platform.model import registry
from credit_platform.model.benchmark import benchmark_of, predictions_of, write_benchmark
from credit_platform.model.card import (
    CARD,
    EVALUATION,
    MADE_WITH,
    PRICE,
    SENSITIVITY,
    TRIALS,
    as_html,
    model_card_markdown,
    pictures_of,
    without_pictures,
)
from credit_platform.model.evaluation import METRICS, beside, evaluate, score_psi
from credit_platform.model.evaluation_plots import importance, plots
from credit_platform.model.fairness import audit
from credit_platform.model.families import FAMILIES
from credit_platform.model.judging import gate
from credit_platform.model.provenance import made_with
from credit_platform.model.search import Trial
from credit_platform.model.succession import settle
from credit_platform.model.training import Trained, train
from credit_platform.resources import MlflowRuns
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings


class SearchConfig(dg.Config):
    """The grids of the search, by family. Every combination of a family's values is fitted on every fold."""

    families: dict[str, dict[str, list[Any]]] = Field(
        {
            name: {parameter: list(values) for parameter, values in family.grid.items()}
            for name, family in FAMILIES.items()
        },
        description="Values to try by family and parameter; families: catboost, hist_gradient_boosting, "
        "logistic_regression.",
    )
    weighted: bool = Field(
        False, description="Fit with the splits' balancing sample weights; calibration then mends the probabilities."
    )


@dg.asset(
    group_name="model",
    kinds={"scikitlearn", "parquet"},
    owners=["team:model-validation"],
    deps=["feature_splits"],
    description="A weight-of-evidence scorecard of at most twenty features: what every challenger is compared with.",
    metadata={
        "dagster/column_schema": schema_of(
            part=("VARCHAR", "Part of the splits"),
            SK_ID_CURR=("BIGINT", "Application"),
            probability_of_default=("DOUBLE", "Probability of default by the scorecard"),
        )
    },
)
def scorecard(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    splits = require(settings, "feature_splits")
    with draft(settings, "scorecard") as new:
        rows, points = write_benchmark(settings, splits.folder(), new.folder)
        version = new.publish(rows, made_from=splits.content)
    context.log.info(f"a scorecard of {len({row['feature'] for row in points})} features")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version.content),
        metadata={"dagster/row_count": rows, "dagster/uri": str(version.folder()), "points": markdown_table(points)},
    )


@dg.asset(
    group_name="model",
    kinds={"catboost", "scikitlearn", "mlflow"},
    owners=["team:data-science"],
    deps=["feature_splits"],
    description=(
        "A model found by grid search over families and their parameters, business cost and AUC as scores; calibrated "
        "and given its cut-off, points and grades out of fold; logged to MLflow and registered as a new version with "
        "the alias `challenger`."
    ),
    metadata={
        "dagster/column_schema": schema_of(
            family=("VARCHAR", "Family of models"),
            parameters=("VARCHAR", "Point of the family's grid"),
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
    splits = require(settings, "feature_splits")
    with mlflow.run(context) as tracking, TemporaryDirectory() as temporary:
        folder = Path(temporary) / registry.SCORER
        folder.mkdir()
        trained = train(
            settings, splits.folder(), config.families, folder, weighted=config.weighted, progress=context.log.info
        )
        scorer, found = trained.scorer, trained.found
        threshold = scorer.threshold
        for number, trial in enumerate(found.trials, start=1):
            _log_fits(tracking, number, trial)
        tracking.log_params(
            {
                "family": found.trial.family,
                **found.trial.parameters,
                "cohorts": ", ".join(scorer.schema.cohorts),
                "features": len(scorer.schema.names),
                "splits": splits.content,
                "seed": settings.seed,
                "weighted": config.weighted,
            }
        )
        tracking.log_metrics(
            {
                "threshold": threshold.value,
                "out_of_fold_cost_per_client": threshold.cost_per_client,
                "calibration_slope": scorer.calibration.slope,
                "additivity_error": trained.additivity_error,
                **{f"price_of_exclusion_{name}": price.value for name, price in trained.price.items()},
                **_stability(trained),
            }
        )
        for path, content in {
            SENSITIVITY: trained.sensitivity,
            TRIALS: [_as_row(trial) for trial in found.trials],
            PRICE: {name: asdict(price) for name, price in trained.price.items()},
            MADE_WITH: made_with(splits),
        }.items():
            tracking.log_text(json.dumps(content, indent=1), path)
        tracking.log_artifact(str(folder / "threshold.json"))
        version = registry.log_version(settings, folder, scorer.schema)
    registry.point(settings, registry.CHALLENGER, version)
    context.log.info(f"registered {settings.model_name} version {version}")
    return dg.MaterializeResult(
        metadata={
            "version": version,
            "family": found.trial.family,
            "dagster/row_count": len(trained.outcomes),
            "features": len(scorer.schema.names),
            "threshold": threshold.value,
            "threshold_interval": f"{threshold.low:.4f} to {threshold.high:.4f}",
            "threshold_holds_theory": threshold.holds_theory,
            "out_of_fold_cost_per_client": threshold.cost_per_client,
            "calibration_slope": scorer.calibration.slope,
            "additivity_error": trained.additivity_error,
            **_stability(trained),
            "parameters": dg.MetadataValue.json(dict(found.trial.parameters)),
            "trials": markdown_table([_as_row(trial) for trial in found.trials]),
            "sensitivity": markdown_table(trained.sensitivity),
            "grades": markdown_table([vars(grade) for grade in scorer.scale.grades]),
            "price_of_excluding_protected": markdown_table(
                [{"what they would bring": name, "difference": str(price)} for name, price in trained.price.items()]
            ),
        }
    )


@dg.asset(
    group_name="model",
    kinds={"scikitlearn", "mlflow"},
    owners=["team:model-validation"],
    deps=["candidate", "feature_splits", "scorecard"],
    description=(
        "The challenger judged on the test part and out of time: ranking, calibration, decisions, what they cost, by "
        "segment and cohort, and who is approved by the attributes that must not decide."
    ),
    metadata={"dagster/column_schema": schema_of(**{name: ("DOUBLE", text) for name, text in METRICS.items()})},
)
def evaluation(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], mlflow: dg.ResourceParam[MlflowRuns]
) -> dg.MaterializeResult:
    import pyarrow.parquet as pq

    place = splits_dir(settings)
    challenger = registry.fetch(settings, registry.CHALLENGER)
    scorer = Scorer.load(challenger.folder, challenger.number)
    plain = benchmark_of(settings)
    seen = scorer.table_probabilities(pq.read_table(place / "X_valid.parquet", columns=scorer.schema.names))
    document: dict[str, Any] = {}
    figures: dict[str, Any] = {"importance": importance(scorer.importance)}
    numbers: dict[str, Any] = {}
    for part in parts_of(place):
        if part not in ("test", OUT_OF_TIME):
            continue
        context.log.info(f"judging the {part} part")
        rows = pq.read_table(place / f"X_{part}.parquet")
        defaulted = pq.read_table(place / f"y_{part}.parquet").column("TARGET").to_numpy()
        probability = scorer.table_probabilities(rows)
        report = evaluate(
            part,
            rows,
            defaulted,
            probability,
            scorer.threshold,
            scorer.scale,
            settings.bootstrap_samples,
            settings.seed,
        )
        audited = audit(rows, defaulted, probability, scorer.threshold.value, settings.bootstrap_samples, settings.seed)
        compared = beside(
            defaulted,
            probability,
            scorer.threshold,
            predictions_of(plain, part, rows.column("SK_ID_CURR").to_numpy()),
            settings.bootstrap_samples,
            settings.seed,
        )
        document[part] = {
            **report.as_json(),
            "fairness": audited,
            "score_psi": score_psi(seen, probability),
            "beside_the_scorecard": compared,
        }
        figures |= {
            f"{part}_{name}": figure for name, figure in plots(report, defaulted, probability, scorer.threshold).items()
        }
        numbers |= {f"{part}_{name}": interval.value for name, interval in report.metrics.items()}
        numbers |= {f"{part}_score_psi": document[part]["score_psi"]}
        if part == "test":
            test, fairness, against = report, audited, compared
    with mlflow.run(context, challenger.run_id) as tracking:
        tracking.log_metrics(numbers)
        tracking.log_text(json.dumps(document, indent=1), EVALUATION)
        for name, figure in figures.items():
            tracking.log_figure(figure, f"evaluation/{name}.png")
    return dg.MaterializeResult(
        metadata={
            "version": challenger.number,
            "dagster/row_count": test.clients,
            **{name: interval.value for name, interval in test.metrics.items()},
            **test.without_a_model,
            "threshold": scorer.threshold.value,
            **{name: value for name, value in numbers.items() if name.startswith(OUT_OF_TIME)},
            "metrics": markdown_table(
                [{"metric": name, "test, 95 %": f"{interval:.4f}"} for name, interval in test.metrics.items()]
            ),
            "beside_the_scorecard": markdown_table(against),
            "deciles": markdown_table(test.deciles),
            "gains": markdown_table(test.gains),
            "grades": markdown_table(test.grades),
            "segments": markdown_table(test.segments),
            "cohorts": markdown_table(test.cohorts),
            "fairness": markdown_table(fairness),
            "sensitivity": markdown_table(test.sensitivity),
            **{name: plot(figure) for name, figure in figures.items()},
        }
    )


@dg.asset(
    group_name="model",
    kinds={"mlflow"},
    owners=["team:model-validation"],
    deps=["evaluation", "feature_splits", "scorecard"],
    description=(
        "The version that decides: the challenger takes the alias `champion` where it passes the gate beside no model, "
        "the scorecard and the present champion, on the same clients; otherwise the champion stays."
    ),
    metadata={
        "dagster/column_schema": schema_of(
            rule=("VARCHAR", "Rule of the gate"),
            passed=("BOOLEAN", "Whether it holds"),
            sentence=("VARCHAR", "What was found"),
        )
    },
)
def champion(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    import pyarrow.parquet as pq

    report, swapped = gate(settings, splits_dir(settings), benchmark_of(settings))
    if swapped is not None:
        with draft(settings, "swap_set") as new:
            pq.write_table(swapped, new.folder / "swap_set.parquet")
            new.publish(swapped.num_rows, facts={"challenger": report.challenger, "champion": report.champion})
    outcome = settle(settings, report)
    context.log.info(f"version {outcome.version} {outcome.result}: {outcome.reason}")
    for note in outcome.notes:
        context.log.warning(note)
    deciding = registry.number_under(settings, settings.model_alias)
    return dg.MaterializeResult(
        metadata={
            "version": deciding or "none",
            "challenger": report.challenger,
            "promoted": outcome.result == "promoted",
            "result": outcome.result,
            "reason": outcome.reason,
            "dagster/row_count": report.clients,
            "clients_swapped": swapped.num_rows if swapped is not None else 0,
            "gate": dg.MetadataValue.md(report.markdown()),
        }
    )


@dg.asset(
    group_name="model",
    kinds={"markdown", "mlflow"},
    owners=["team:model-validation"],
    deps=["champion", "evaluation"],
    description=(
        "The challenger's model card, as Markdown and HTML in its MLflow run: data and window, metrics with intervals, "
        "calibration, threshold and its defence, reasons, fairness, limits, gate, and what it takes to rebuild it."
    ),
    metadata={"dagster/column_schema": schema_of(section=("VARCHAR", "Section"), text=("VARCHAR", "What it says"))},
)
def model_card(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    challenger = registry.fetch(settings, registry.CHALLENGER)
    text = model_card_markdown(settings, challenger)
    registry.attach(settings, challenger.number, f"{CARD}.md", text)
    page = as_html(text, pictures_of(settings, challenger, text))
    registry.attach(settings, challenger.number, f"{CARD}.html", page)
    context.log.info(f"the card of version {challenger.number} is in its MLflow run, {CARD}.md and .html")
    return dg.MaterializeResult(
        metadata={
            "version": challenger.number,
            "dagster/row_count": text.count("\n## "),
            "card": dg.MetadataValue.md(without_pictures(text)),
        }
    )


def _log_fits(tracking: Any, number: int, trial: Trial) -> None:
    """A nested MLflow run for each fit of a trial."""
    for fold, (cost, auc) in enumerate(zip(trial.costs, trial.aucs, strict=True), start=1):
        with tracking.start_run(run_name=f"{trial.family} {number}, fold {fold}", nested=True):
            tracking.log_params({"family": trial.family, "fold": fold, **trial.parameters})
            tracking.log_metrics({"cost_per_client": cost, "auc": auc, "fit_seconds": trial.seconds})


def _stability(trained: Trained) -> dict[str, float]:
    """How many clients are told the same with another seed, where that could be measured."""
    found = trained.stability
    return {"same_first_reason": found.same_first, "reason_overlap": found.overlap} if found else {}


def _as_row(trial: Trial) -> dict[str, Any]:
    import numpy as np

    return {
        "family": trial.family,
        "parameters": ", ".join(f"{name.split('__')[-1]} {value}" for name, value in trial.parameters.items()),
        "cost_per_client": trial.cost,
        "cost_std": float(np.std(trial.costs)),
        "auc": float(np.mean(trial.aucs)),
        "auc_std": float(np.std(trial.aucs)),
        "fit_seconds": trial.seconds,
    }
