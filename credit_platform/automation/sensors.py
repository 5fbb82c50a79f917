"""What happens by itself: cohorts are noticed when they land or change, drift and failed runs raise alerts."""

import json

import dagster as dg

from credit_platform.automation.jobs import build_mart, process_cohort
from credit_platform.automation.partitions import cohorts
from credit_platform.home_credit.landing import content_hashes, landed_cohorts
from credit_platform.model import registry
from credit_platform.monitoring.alerts import Alert, drift_alert, raise_alert
from credit_platform.monitoring.reports import report_path, verdicts
from credit_platform.settings import Settings


@dg.sensor(
    jobs=[build_mart, process_cohort],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers new folders under landing/ as cohorts, and runs what a new or changed cohort needs.",
)
def landing_sensor(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    seen: dict[str, dict[str, str]] = json.loads(context.cursor or "{}")
    now: dict[str, dict[str, str]] = {}
    new, changed = [], []
    known = set(cohorts.get_partition_keys(dynamic_partitions_store=context.instance))
    for cohort in landed_cohorts(settings):
        stamp = _stamp(settings, cohort)
        before = seen.get(cohort, {})
        if before.get("stamp") == stamp:
            now[cohort] = before
            continue
        hashes = json.dumps(content_hashes(settings.landing_dir / cohort), sort_keys=True)
        now[cohort] = {"stamp": stamp, "hashes": hashes}
        if cohort not in known:
            new.append(cohort)
        if before.get("hashes") != hashes:
            changed.append(cohort)
    has_champion = context.instance.get_latest_materialization_event(dg.AssetKey("champion")) is not None
    job = process_cohort if has_champion else build_mart
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{cohort}:{now[cohort]['hashes']}", job_name=job.name, partition_key=cohort)
            for cohort in changed
        ],
        dynamic_partitions_requests=[cohorts.build_add_request(new)] if new else [],
        cursor=json.dumps(now),
        skip_reason=None if changed else dg.SkipReason("no cohort has landed or changed"),
    )


def _stamp(settings: Settings, cohort: str) -> str:
    """Names, sizes and times of a cohort's files: cheap, and content is hashed only where it differs."""
    files = sorted((settings.landing_dir / cohort).iterdir())
    return json.dumps([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes an alert to data/monitoring/alerts.log when a cohort's verdict turns to drifted.",
)
def drift_sensor(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    alerted: dict[str, str] = json.loads(context.cursor or "{}")
    raised = []
    for verdict in verdicts(settings):
        cohort = verdict["cohort"]
        if not verdict["drifted"]:
            alerted.pop(cohort, None)
        elif alerted.get(cohort) != verdict["model_version"]:
            raise_alert(settings, drift_alert(verdict, report_path(settings, cohort)))
            alerted[cohort] = verdict["model_version"]
            raised.append(cohort)
    return dg.SensorResult(
        cursor=json.dumps(alerted),
        skip_reason=dg.SkipReason(f"alerted: {', '.join(raised)}" if raised else "no cohort has newly drifted"),
    )


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes an alert when a run fails, and ends MLflow runs that a killed process left open.",
)
def run_failure_alert(context: dg.RunFailureSensorContext, settings: dg.ResourceParam[Settings]) -> None:
    run = context.dagster_run
    failed = [event.step_key for event in context.get_step_failure_events() if event.step_key]
    raise_alert(
        settings,
        Alert(
            "run_failure",
            "critical",
            run.job_name,
            f"run {run.run_id[:8]} of {run.job_name} failed in {', '.join(failed) or 'no step'}",
            f"run {run.run_id} in the Dagster UI",
        ),
    )
    registry.fail_open_runs(settings, run.run_id)


sensors = [landing_sensor, drift_sensor, run_failure_alert]
