"""What happens by itself: cohorts are noticed when they land or change, drift and failed runs raise alerts."""

import json
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from credit_platform.automation.conditions import champion_decides, changed_tables, with_children
from credit_platform.automation.jobs import build_mart, process_cohort, take_outcomes
from credit_platform.automation.partitions import cohorts
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import is_complete, landed_cohorts
from credit_platform.model import registry
from credit_platform.monitoring.alerts import Alert, drift_alert, raise_alert
from credit_platform.monitoring.reports import report_path, verdicts
from credit_platform.raw.ingest import delivered_hashes
from credit_platform.settings import Settings


@dg.sensor(
    jobs=[build_mart, process_cohort, take_outcomes],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Registers new folders under landing/ as cohorts, and requests the assets that a new or changed file concerns: "
        "a table, what is made from it, and no other cohort's; for late outcomes performance and training."
    ),
)
def landing_sensor(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    known = cohorts.get_partition_keys(dynamic_partitions_store=context.instance)
    landed = [cohort for cohort in landed_cohorts(settings) if is_complete(settings, cohort)]
    now = {cohort: _stamp(settings, cohort) for cohort in landed}
    touched = [cohort for cohort in landed if seen.get(cohort) != now[cohort]]
    changed = {cohort: found for cohort in touched if (found := _changed(settings, cohort))}
    new = [cohort for cohort in landed if cohort not in known]
    late = [cohort for cohort in [*known, *new] if changed.get(cohort) == {"outcomes"}]
    decides = champion_decides(context.instance)
    # Keyed by stamp, not by content: a delivery that is taken back to what it was must run again.
    requests = [
        dg.RunRequest(
            run_key=f"{cohort}:{now[cohort]}",
            job_name=(process_cohort if decides else build_mart).name,
            partition_key=cohort,
            asset_selection=_concerned(with_children(tables), decides),
        )
        for cohort, tables in changed.items()
        if cohort not in late
    ]
    if late:
        requests.append(_of_late_outcomes(late, now, decides, trains=decides and settings.retrain_on_outcomes))
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[cohorts.build_add_request(new)] if new else [],
        cursor=json.dumps(now),
        skip_reason=None if requests else dg.SkipReason("no cohort has landed or changed"),
    )


def _changed(settings: Settings, cohort: str) -> set[str]:
    """The changed tables; all where a delivery can't be told apart into tables: its run says what is wrong with it."""
    try:
        return changed_tables(settings, cohort, delivered_hashes(settings, cohort))
    except DeliveryError:
        return {*TABLE_NAMES, "outcomes"}


def _concerned(tables: Collection[str], decides: bool) -> list[dg.AssetKey]:
    """The tables' assets and all per-cohort ones after them."""
    stages = [
        "quality_report",
        "client_mart",
        "client_lookup",
        *(["scores", "drift_report", "performance"] if decides else []),
    ]
    return [dg.AssetKey(name) for name in (*(f"raw_{name}" for name in sorted(tables)), *stages)]


def _of_late_outcomes(late: Sequence[str], now: Mapping[str, str], decides: bool, trains: bool) -> dg.RunRequest:
    """One run for all cohorts whose outcomes arrived, so that one training sees them all.

    Its range may span cohorts whose outcomes have not changed; their tables stay as they are.
    """
    trained = ["feature_splits", "scorecard", "candidate", "evaluation", "champion", "model_card", "shap_summary"]
    steps = ["raw_outcomes", *(["performance"] if decides else []), *(trained if trains else [])]
    return dg.RunRequest(
        run_key="outcomes:" + _digest([(cohort, now[cohort]) for cohort in late]),
        job_name=take_outcomes.name,
        asset_selection=[dg.AssetKey(name) for name in steps],
        tags={ASSET_PARTITION_RANGE_START_TAG: late[0], ASSET_PARTITION_RANGE_END_TAG: late[-1]},
    )


def _stamp(settings: Settings, cohort: str) -> str:
    """Names, sizes and times of a cohort's files: cheap, and content is read only where it differs."""
    files = [(path, path.stat()) for path in sorted((settings.landing_dir / cohort).iterdir())]
    return _digest([(path.name, found.st_size, found.st_mtime_ns) for path, found in files])


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
