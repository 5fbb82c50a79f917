"""How old the newest materialisation of an asset may be before the Dagster UI shows it as late.

A cohort lands each month, and a model that nobody renewed for half a year should be looked at. Shown in the UI by
Dagster's own freshness policies; whoever is to be told of it is told by the heartbeat (`alerting/heartbeat.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import dagster as dg

from credit_platform.settings import settings

_MONTHLY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=settings().alert_expect_days + 5),
    warn_window=timedelta(days=settings().alert_expect_days),
)
_HALF_YEARLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=183), warn_window=timedelta(days=100))

POLICIES: Mapping[str, dg.FreshnessPolicy] = {
    **dict.fromkeys(("raw_application", "quality_report", "client_mart", "scores", "drift_report"), _MONTHLY),
    **dict.fromkeys(("candidate", "champion"), _HALF_YEARLY),
}
"""The assets that have one: the first and the last of what a cohort needs, and the model."""


def fresh(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with their freshness policies."""

    def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = POLICIES.get(spec.key.to_user_string())
        return spec if policy is None else spec.replace_attributes(freshness_policy=policy)

    return [made for made in dg.map_asset_specs(with_policy, assets) if isinstance(made, dg.AssetsDefinition)]
