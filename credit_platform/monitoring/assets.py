"""The drift report of a cohort as an asset: the full-data verdict, and Evidently's picture of it."""

import json

import dagster as dg

from credit_platform.automation.partitions import cohorts, per_cohort, sound_cohorts
from credit_platform.features.schema import FeatureSchema
from credit_platform.lake import atomic, table_path
from credit_platform.metadata import markdown_table, plot, schema_of
from credit_platform.model import registry
from credit_platform.model.reference import SCORE, draw, read_reference
from credit_platform.monitoring import evidently_report
from credit_platform.monitoring.drift import judge
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
        current = pq.read_table(table_path(settings, "client_mart", cohort), columns=watched.names)
        scored = pq.read_table(table_path(settings, "scores", cohort), columns=[SCORE])
        current = current.append_column(SCORE, scored.column(SCORE))
        verdict = judge(
            cohort,
            version.number,
            reference,
            current,
            watched.features,
            settings.drift_psi,
            settings.drift_share,
        )
        html, evidently_json = report_path(settings, cohort), report_path(settings, cohort, "evidently.json")
        evidently_report.write_report(
            draw(reference, settings.drift_sample, settings.seed),
            draw(current, settings.drift_sample, settings.seed),
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
                "dagster/partition_row_count": current.num_rows,
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
