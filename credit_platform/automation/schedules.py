"""When things run by the calendar."""

import dagster as dg

from credit_platform.automation.conditions import champion_decides
from credit_platform.automation.jobs import monitor
from credit_platform.automation.partitions import cohorts


@dg.schedule(
    job=monitor,
    cron_schedule="0 6 2 * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On the second of each month: score and monitor the newest cohort.",
)
def monthly_monitoring(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    known = cohorts.get_partition_keys(dynamic_partitions_store=context.instance)
    if not known:
        return dg.SkipReason("no cohort has been landed")
    if not champion_decides(context.instance):
        return dg.SkipReason("no champion has been trained")
    newest = max(known)
    return dg.RunRequest(run_key=f"{newest}-{context.scheduled_execution_time:%Y-%m}", partition_key=newest)


schedules = [monthly_monitoring]
