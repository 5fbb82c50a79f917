"""The scores of a cohort as an asset: every client of its mart, decided by the champion."""

import dagster as dg

from credit_platform.automation.partitions import cohorts, data_version, per_cohort, sound_cohorts
from credit_platform.metadata import plot, schema_of
from credit_platform.model import registry
from credit_platform.scoring.batch import score_cohort, score_histogram
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings


@dg.asset(
    group_name="scoring",
    kinds={"catboost", "parquet"},
    owners=["team:credit-risk"],
    partitions_def=cohorts,
    backfill_policy=per_cohort,
    deps=["client_mart", "champion"],
    metadata={
        "dagster/column_schema": schema_of(
            SK_ID_CURR=("BIGINT", "Application"),
            probability_of_default=("DOUBLE", "Probability of default"),
            score=("INTEGER", "Points, the higher the better"),
            grade=("VARCHAR", "Rating grade, A the best"),
            decision=("VARCHAR", "approve, review or refuse"),
            threshold=("DOUBLE", "Cut-off in force"),
            model_version=("VARCHAR", "Version that decided"),
        )
    },
    description="Probability of default and decision of every client of a cohort, by the scorer that serves the API.",
)
def scores(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    version = registry.fetch(settings)
    scorer = Scorer.load(version.folder, version.number)
    content = ""
    for cohort in sound_cohorts(context, settings):
        scored = score_cohort(settings, scorer, cohort)
        content = scored.version.content
        place = scored.version.folder()
        context.log.info(f"{cohort}: {scored.clients:,} clients scored, {scored.refused:,} refused")
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": scored.clients,
                "dagster/uri": str(place),
                "unchanged_buckets": scored.reused,
                "mean_probability": scored.mean_probability,
                "approval_rate": 1 - scored.refused / scored.clients,
                "distribution": plot(score_histogram(place, scorer.threshold.value, cohort)),
            },
            partition_key=cohort,
        )
    return dg.MaterializeResult(data_version=data_version(context, content), metadata={"version": version.number})
