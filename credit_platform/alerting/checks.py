"""The check that somebody is still watching."""

from datetime import timedelta

import dagster as dg

from credit_platform.alerting import heartbeat
from credit_platform.alerting.watch import now
from credit_platform.settings import Settings

_LONGEST = timedelta(hours=1)


@dg.asset_check(
    asset="drift_report",
    description="The newest landed cohort was monitored in time, cohorts still land, and the heartbeat sensor ticks.",
)
def monitoring_is_alive(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    at, last = now(), heartbeat.last_beat(settings)
    late = list(heartbeat.silent(settings, at).values())
    if last is not None and at - last > _LONGEST:
        late.append(f"the heartbeat was last seen {last:%Y-%m-%d %H:%M} UTC; is the Dagster daemon running?")
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(late) or "all is alive",
        metadata={"heartbeat": f"{last:%Y-%m-%d %H:%M} UTC" if last else "no daemon has run yet"},
    )
