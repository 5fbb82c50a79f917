"""Monitoring as assets: the verdict on a cohort with Evidently's picture of it, and its realised performance."""

from collections.abc import Iterator

import dagster as dg

from credit_platform.automation.partitions import cohorts, per_cohort, sound_cohorts
from credit_platform.lake import current
from credit_platform.metadata import markdown_table, plot, schema_of
from credit_platform.monitoring import checks, evidently_report, verdicts
from credit_platform.monitoring.findings import LAYERS
from credit_platform.monitoring.judging import judged
from credit_platform.monitoring.observed import Observed
from credit_platform.monitoring.performance import measure
from credit_platform.monitoring.plots import layer_plots
from credit_platform.monitoring.reports import prune, report_path, verdict
from credit_platform.settings import Settings


@dg.asset(
    group_name="monitoring",
    kinds={"evidently", "duckdb"},
    owners=["team:credit-risk"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    deps=["client_mart", "scores", "champion"],
    check_specs=checks.specs("drift_report"),
    metadata={
        "dagster/column_schema": schema_of(
            layer=("VARCHAR", f"Layer that was judged: {', '.join(LAYERS)}"),
            metric=("VARCHAR", "What was measured"),
            state=("VARCHAR", "ok, watch, warn or critical"),
            sentence=("VARCHAR", "What was found, against which limit, among how many clients"),
            explained_by=("VARCHAR", "Layer that explains it"),
        )
    },
    description=(
        "A scored cohort judged by layers against the profile of the version that decides: did the data arrive "
        "as before, have the scores, groups or features moved, do clients pay as promised. With Evidently's report of "
        "it (HTML and JSON)."
    ),
)
def drift_report(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    made = {}
    for cohort in sound_cohorts(context, settings):
        observed = Observed.of(settings, cohort)
        found = verdicts.verdict_of(observed, judged(observed))
        verdicts.keep(settings, found)
        evidently_report.draw_report(observed, found)
        evidently_report.draw_outcomes(observed, found)
        context.log.info(found["sentence"])
        made[cohort] = found
        context.add_asset_metadata(
            {
                "state": found["state"],
                "verdict": found["sentence"],
                "drift_share": found["drift_share"],
                "score_psi": found["score_psi"],
                "dagster/partition_row_count": len(found["findings"]),
                "report": dg.MetadataValue.path(str(report_path(settings, cohort))),
                "findings": markdown_table(
                    [
                        {name: f[name] for name in ("layer", "state", "cause", "sentence", "explained_by")}
                        for f in found["findings"]
                    ]
                ),
                **{layer: plot(figure) for layer, figure in layer_plots(found, observed).items()},
            },
            partition_key=cohort,
        )
    prune(settings)
    states = {cohort: found["state"] for cohort, found in made.items()}
    yield dg.MaterializeResult(metadata={"states": states})
    yield from checks.results(list(made.values()))


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
        if kept := verdict(settings, cohort):
            observed = Observed.of(settings, cohort)
            kept = verdicts.with_outcomes(observed, kept)
            context.log.info(kept["sentence"])
            if evidently_report.draw_outcomes(observed, kept):
                page = dg.MetadataValue.path(str(report_path(settings, cohort, "outcomes.html")))
                context.add_asset_metadata({"report": page}, partition_key=cohort)
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
