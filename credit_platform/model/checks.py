"""The checks of the model group: a champion decides, and the challenger is better than no model."""

import dagster as dg

from credit_platform.model import registry
from credit_platform.settings import Settings


@dg.asset_check(asset="champion", blocking=True, description="A version is registered under the champion's alias.")
def a_champion_decides(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    number = registry.number_under(settings, settings.model_alias)
    return dg.AssetCheckResult(passed=number is not None, metadata={"version": number or "none"})


@dg.asset_check(
    asset="evaluation",
    description="The challenger ranks better than chance and costs less than approving or refusing everyone.",
)
def the_challenger_earns_its_keep(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    event = context.instance.get_latest_materialization_event(dg.AssetKey("evaluation"))
    judged = event.asset_materialization if event else None
    if judged is None:
        return dg.AssetCheckResult(passed=False, description="nothing was evaluated yet")
    auc, cost, approve, refuse = (
        float(str(judged.metadata[name].value))
        for name in ("auc", "cost_per_client", "cost_approve_all", "cost_refuse_all")
    )
    return dg.AssetCheckResult(
        passed=auc > 0.5 and cost < min(approve, refuse),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"auc": auc, "cost_per_client": cost, "cost_without_a_model": min(approve, refuse)},
    )
