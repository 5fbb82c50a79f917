"""Monitoring as assets: a cohort's drift with Evidently's picture of it, and its realised performance."""

import json

import dagster as dg

from credit_platform.automation.partitions import cohorts, per_cohort, sound_cohorts
from credit_platform.features.schema import FeatureSchema
from credit_platform.lake import atomic, current, table_path
from credit_platform.metadata import markdown_table, plot, schema_of
from credit_platform.model import registry
from credit_platform.model.reference import SCORE, draw, read_reference
from credit_platform.monitoring import evidently_report
from credit_platform.monitoring.drift import judge
from credit_platform.monitoring.performance import measure
from credit_platform.monitoring.plots import drift_bars
from credit_platform.monitoring.reports import report_path, verdict_path
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings


@dg.asset(
    group_name="monitoring",
    kinds={"evidently", "duckdb"},
    owners=["team:credit-risk"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    deps=["client_mart", "scores", "champion"],
    metadata={
        "dagster/column_schema": schema_of(
            column=("VARCHAR", "Watched feature of the champion"),
            psi=("DOUBLE", "Population stability index against the training reference"),
            reasons=("VARCHAR", "What moved: values, missing share, unseen categories"),
        )
    },
    description=(
        "A cohort against the champion's training reference: which of its most important features moved, whether the "
        "scores did, and Evidently's report of both (HTML and JSON)."
    ),
)
def drift_report(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    import pyarrow.parquet as pq

    version = registry.fetch(settings)
    scorer = Scorer.load(version.folder, version.number)
    watched = FeatureSchema(tuple(scorer.most_important(settings.drift_columns)), scorer.schema.cohorts)
    reference = read_reference(version.folder)
    drifted = []
    for cohort in sound_cohorts(context, settings):
        clients = pq.read_table(table_path(settings, "client_mart", cohort), columns=watched.names)
        scored = pq.read_table(table_path(settings, "scores", cohort), columns=[SCORE])
        clients = clients.append_column(SCORE, scored.column(SCORE))
        verdict = judge(
            cohort,
            version.number,
            reference,
            clients,
            watched.features,
            settings.drift_psi,
            settings.drift_share,
        )
        html, evidently_json = report_path(settings, cohort), report_path(settings, cohort, "evidently.json")
        evidently_report.write_report(
            draw(reference, settings.drift_sample, settings.seed),
            draw(clients, settings.drift_sample, settings.seed),
            watched,
            settings.drift_psi,
            settings.drift_share,
            html,
            evidently_json,
            verdict.sentence,
        )
        with atomic(verdict_path(settings, cohort)) as beside:
            beside.write_text(json.dumps(verdict.as_json(), indent=1), "utf-8")
        context.log.info(verdict.sentence)
        if verdict.drifted:
            drifted.append(cohort)
        context.add_asset_metadata(
            {
                "drift_share": verdict.drift_share,
                "score_psi": verdict.score_psi,
                "drifted": verdict.drifted,
                "dagster/partition_row_count": clients.num_rows,
                "report": dg.MetadataValue.path(str(html)),
                "psi_by_feature": plot(drift_bars(verdict)),
                "drifted_columns": markdown_table(
                    [
                        {"feature": c.column, "PSI": c.psi, "what moved": "; ".join(c.reasons)}
                        for c in verdict.columns
                        if c.drifted
                    ]
                ),
            },
            partition_key=cohort,
        )
    return dg.MaterializeResult(metadata={"version": version.number, "drifted_cohorts": ", ".join(drifted) or "none"})


@dg.asset(
    group_name="monitoring",
    kinds={"duckdb", "parquet"},
    owners=["team:model-validation"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    deps=["scores", "raw_outcomes", "feature_splits"],
    metadata={
        "dagster/column_schema": schema_of(
            cohort=("VARCHAR", "Cohort"),
            model_version=("VARCHAR", "Version that scored it"),
            metric=("VARCHAR", "Metric"),
            value=("DOUBLE", "Its value"),
            low=("DOUBLE", "Lower end of its interval of 95 %"),
            high=("DOUBLE", "Upper end of its interval of 95 %"),
            meaning=("VARCHAR", "What the metric is"),
            clients=("BIGINT", "Clients with a known outcome whom the model was not fitted to"),
        )
    },
    description=(
        "A cohort's scores compared with its outcomes, where they are known: ranking, calibration and cost with "
        "intervals. History can be backfilled without retraining."
    ),
)
def performance(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    measured = 0
    for cohort in sound_cohorts(context, settings):
        if current(settings, "scores", cohort) is None:
            context.log.warning(f"{cohort} has not been scored and is left out")
            continue
        found = measure(settings, cohort)
        measured += bool(found.metrics)
        context.log.info(f"{cohort}: {found.clients:,} outcomes judged, {found.coverage:.0%} of the scores have one")
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": len(found.metrics),
                "version": found.version,
                "clients": found.clients,
                "seen_in_training": found.seen_in_training,
                "label_coverage": found.coverage,
                **{name: interval.value for name, interval in found.metrics.items()},
                "metrics": markdown_table(
                    [{"metric": name, "value, 95 %": f"{value:.4f}"} for name, value in found.metrics.items()]
                ),
            },
            partition_key=cohort,
        )
    return dg.MaterializeResult(metadata={"cohorts_with_outcomes": measured})
