"""The code location: the only place where the graph is put together."""

import warnings
from collections.abc import Mapping

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)

from credit_platform.alerting.assets import alarm_test  # noqa: E402
from credit_platform.alerting.checks import monitoring_is_alive  # noqa: E402
from credit_platform.automation.freshness import fresh  # noqa: E402
from credit_platform.automation.jobs import jobs  # noqa: E402
from credit_platform.automation.schedules import schedules  # noqa: E402
from credit_platform.automation.sensors import sensors  # noqa: E402
from credit_platform.explain.assets import population, shap_summary  # noqa: E402
from credit_platform.features.assets import feature_splits  # noqa: E402
from credit_platform.features.checks import (  # noqa: E402
    no_feature_knows_the_outcome,
    outcome_is_no_feature,
    outcomes_are_stratified,
    parts_are_disjoint,
)
from credit_platform.mart.assets import client_lookup, client_mart  # noqa: E402
from credit_platform.mart.checks import history_is_from_before_the_application, one_row_per_client  # noqa: E402
from credit_platform.model.assets import candidate, champion, evaluation, model_card, scorecard  # noqa: E402
from credit_platform.model.checks import a_champion_decides, the_challenger_earns_its_keep  # noqa: E402
from credit_platform.monitoring.assets import drift_report, performance  # noqa: E402
from credit_platform.quality.assets import quality_report  # noqa: E402
from credit_platform.raw.assets import raw_tables  # noqa: E402
from credit_platform.resources import resources  # noqa: E402
from credit_platform.scoring.assets import scores  # noqa: E402
from credit_platform.scoring.checks import every_client_has_a_score  # noqa: E402
from credit_platform.settings import settings  # noqa: E402


def build_defs(resource_overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """The whole graph; tests put their own settings in place of the environment's.

    Steps run in the process of their run: importing the libraries costs more than most steps do.
    """
    return dg.Definitions(
        assets=fresh(
            [
                *raw_tables,
                quality_report,
                client_mart,
                client_lookup,
                feature_splits,
                scorecard,
                candidate,
                evaluation,
                champion,
                model_card,
                shap_summary,
                population,
                scores,
                drift_report,
                performance,
                alarm_test,
            ]
        ),
        asset_checks=[
            one_row_per_client,
            history_is_from_before_the_application,
            parts_are_disjoint,
            outcomes_are_stratified,
            outcome_is_no_feature,
            no_feature_knows_the_outcome,
            the_challenger_earns_its_keep,
            a_champion_decides,
            every_client_has_a_score,
            monitoring_is_alive,
        ],
        jobs=jobs,
        schedules=schedules,
        sensors=sensors,
        executor=dg.in_process_executor,
        resources={**resources(settings()), **(resource_overrides or {})},
    )


defs = build_defs()
