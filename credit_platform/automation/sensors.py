"""What happens by itself: cohorts are noticed when they land or change, drift and failed runs raise alerts."""

import json
from hashlib import sha256

import dagster as dg

from credit_platform.automation.conditions import champion_decides, is_processed
from credit_platform.automation.jobs import build_mart, process_cohort
from credit_platform.automation.partitions import cohorts
from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import content_hashes, is_complete, landed_cohorts
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
    changed = []
    known = set(cohorts.get_partition_keys(dynamic_partitions_store=context.instance))
    landed = [cohort for cohort in landed_cohorts(settings) if is_complete(settings, cohort)]
    for cohort in landed:
        stamp = _stamp(settings, cohort)
        before = seen.get(cohort, {})
        if before.get("stamp") == stamp:
            now[cohort] = before
            continue
        now[cohort] = {"stamp": stamp, "content": _content(settings, cohort)}
        if before.get("content") != now[cohort]["content"] and (before or not is_processed(settings, cohort)):
            changed.append(cohort)
    new = [cohort for cohort in landed if cohort not in known]
    job = process_cohort if champion_decides(context.instance) else build_mart
    # Keyed by stamp, not by content: a delivery that is taken back to what it was must run again.
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{cohort}:{now[cohort]['stamp']}", job_name=job.name, partition_key=cohort)
            for cohort in changed
        ],
        dynamic_partitions_requests=[cohorts.build_add_request(new)] if new else [],
        cursor=json.dumps(now),
        skip_reason=None if changed else dg.SkipReason("no cohort has landed or changed"),
    )


def _stamp(settings: Settings, cohort: str) -> str:
    """Names, sizes and times of a cohort's files: cheap, and content is read only where it differs."""
    files = [(path, path.stat()) for path in sorted((settings.landing_dir / cohort).iterdir())]
    return _digest([(path.name, found.st_size, found.st_mtime_ns) for path, found in files])


def _content(settings: Settings, cohort: str) -> str:
    """A delivery that can't be told apart into tables counts as changed: its run says what is wrong with it."""
    try:
        return _digest(content_hashes(settings.landing_dir / cohort))
    except DeliveryError as error:
        return _digest(str(error))


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


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
            f"run {run.run_id[:8]} of {run.job_name} failed in {', '.join(failed) or 'no step'}{_of_cohort(run)}",
            f"run {run.run_id} in the Dagster UI",
        ),
    )
    registry.fail_open_runs(settings, run.run_id)


def _of_cohort(run: dg.DagsterRun) -> str:
    cohort = run.tags.get("dagster/partition")
    return f", cohort {cohort}" if cohort else ""


sensors = [landing_sensor, drift_sensor, run_failure_alert]
