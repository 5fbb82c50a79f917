"""When things run by the calendar."""

from datetime import timedelta

import dagster as dg

from credit_platform.alerting.retraining import feed_is_broken
from credit_platform.automation.conditions import REASON, champion_decides, situation
from credit_platform.automation.jobs import monitor, rehearse_alarms, train
from credit_platform.automation.partitions import cohorts
from credit_platform.settings import Settings

_JUST = timedelta(days=30)


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


@dg.schedule(
    job=train,
    cron_schedule="0 5 3 1,4,7,10 *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On the third of each quarter: train, unless a feed is broken or a drift has just led to a training.",
)
def quarterly_retraining(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    known, at = situation(settings, context.instance), context.scheduled_execution_time
    if not known.labelled:
        return dg.SkipReason("no cohort with known outcomes has been landed")
    if broken := feed_is_broken(known.incidents, known.set_aside, known.labelled[-1]):
        return dg.SkipReason(f"nothing should be learnt now: {broken}")
    if any(at - trained < _JUST for trained in known.trainings):
        return dg.SkipReason("a drift has led to a training within the last month")
    return dg.RunRequest(run_key=f"quarter-{at:%Y-%m}", tags={REASON: f"quarterly, {at:%Y-%m}"})


@dg.schedule(
    job=monitor,
    cron_schedule="0 6 * * 1",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each Monday: judge the newest cohort again, beside what the API has decided since.",
)
def weekly_serving_drift(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    known = cohorts.get_partition_keys(dynamic_partitions_store=context.instance)
    if not known or not champion_decides(context.instance):
        return dg.SkipReason("no cohort is scored yet")
    if not settings.decisions_url.get_secret_value() and not (settings.data_dir / "decisions").exists():
        return dg.SkipReason("the API has decided nothing yet")
    newest = max(known)
    return dg.RunRequest(
        run_key=f"{newest}-{context.scheduled_execution_time:%Y-%m-%d}",
        partition_key=newest,
        asset_selection=[dg.AssetKey("drift_report")],
    )


@dg.schedule(
    job=rehearse_alarms,
    cron_schedule="0 4 * * 0",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each Sunday: see whether each alarm still rings.",
)
def weekly_alarm_test(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    if not champion_decides(context.instance):
        return dg.SkipReason("no champion has been trained")
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")


schedules = [monthly_monitoring, weekly_serving_drift, weekly_alarm_test, quarterly_retraining]
