"""What happens by itself: cohorts are noticed when they land or change, findings and failed runs become incidents,
incidents ask for a new model.

Every sensor may be ticked again and again: what it saw is in its cursor, and what it asks for has a key. Not here: when
something is an incident (`alerting/incidents.py`), and when a new model helps (`alerting/retraining.py`).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from credit_platform.alerting import heartbeat, retraining, sources, watch
from credit_platform.alerting.incidents import Run
from credit_platform.automation.conditions import (
    INCIDENTS,
    champion_decides,
    changed_tables,
    outcome_of_training,
    situation,
    stopped,
    training_tags,
    with_children,
)
from credit_platform.automation.jobs import build_mart, process_cohort, take_outcomes, train
from credit_platform.automation.partitions import cohorts
from credit_platform.features.window import since
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import is_complete, landed_cohorts
from credit_platform.model import registry
from credit_platform.monitoring.findings import LAYERS
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
    trained = [
        "feature_splits",
        "scorecard",
        "candidate",
        "evaluation",
        "champion",
        "model_card",
        "shap_summary",
        "population",
    ]
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


OUTCOMES = ("outcomes",)
"""The layer of findings that comes months after the others, with the outcomes."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Turns what monitoring finds of a cohort's data, and cohorts set aside, into incidents and alerts.",
)
def drift_sensor(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    return _observed(context, settings, [layer for layer in LAYERS if layer not in OUTCOMES])


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Turns what the outcomes say of a cohort's scores into incidents and alerts.",
)
def performance_sensor(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    return _observed(context, settings, OUTCOMES)


def _observed(context: dg.SensorEvaluationContext, settings: Settings, layers: Collection[str]) -> dg.SensorResult:
    """Takes in the findings that are new, or other than before, the oldest cohort first."""
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    known = {cohort: run for cohort in sources.cohorts_of(settings) if (run := sources.run_of(settings, cohort))}
    runs = {cohort: sources.of_layers(run, layers) for cohort, run in known.items()}
    now = {cohort: sources.digest(run) for cohort, run in runs.items()}
    changed = [cohort for cohort in runs if seen.get(cohort) != now[cohort]]
    told = watch.observe(settings, [runs[cohort] for cohort in changed]) if changed else []
    found = f"looked at {', '.join(changed)}; told {len(told)} incidents" if changed else "no findings are new"
    return dg.SensorResult(cursor=json.dumps(now), skip_reason=dg.SkipReason(found))


@dg.sensor(
    job=train,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Requests a training where open incidents of drift or performance ask for one: with outcomes from after the "
        "change to learn from, never on a broken feed, and not too often. The run's tags say why."
    ),
)
def retraining_sensor(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    now = datetime.now(UTC)
    known = situation(settings, context.instance)
    decision = retraining.decide(known, retraining.Limits.of(settings), now)
    if not decision.due or decision.key == context.cursor:
        return dg.SensorResult(cursor=context.cursor, skip_reason=dg.SkipReason(decision.reason))
    window = {"feature_splits": {"config": {"cohorts": since(known.labelled, decision.since)}}}
    request = dg.RunRequest(run_key=decision.key, run_config={"ops": window}, tags=training_tags(decision))
    return dg.SensorResult(run_requests=[request], cursor=decision.key)


@dg.sensor(
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Alerts where a landed cohort was not monitored in time, no cohort has landed for long, or a sensor or "
        "schedule is stopped; reminds of what is open, and delivers what a channel did not take."
    ),
)
def heartbeat_sensor(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    now = datetime.now(UTC)
    waits = champion_decides(context.instance)
    still = {name: f"{name} is stopped: start it in the Dagster UI" for name in stopped(context)}
    still |= heartbeat.unheard(settings)
    late = heartbeat.silent(settings, now) if waits else {}
    signals = [
        *(sources.operational("silence", subject, sentence) for subject, sentence in late.items()),
        *(sources.operational("stopped", subject, sentence) for subject, sentence in still.items()),
    ]
    watch.observe(settings, [Run("heartbeat", tuple(signals), frozenset({"silence", "stopped"}))], now)
    watch.remind(settings, now)
    heartbeat.beat(settings, now)
    return dg.SensorResult(skip_reason=dg.SkipReason("; ".join([*late.values(), *still.values()]) or "all is alive"))


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alerts when a run fails, and ends MLflow runs that a killed process left open.",
)
def run_failure_alert(context: dg.RunFailureSensorContext, settings: dg.ResourceParam[Settings]) -> None:
    run = context.dagster_run
    failed = [event.step_key for event in context.get_step_failure_events() if event.step_key]
    cohort = run.tags.get("dagster/partition", "")
    of = f", cohort {cohort}" if cohort else ""
    sentence = f"run {run.run_id[:8]} of {run.job_name} failed in {', '.join(failed) or 'no step'}{of}"
    watch.observe(settings, [sources.failure(run.job_name, cohort, sentence, run.run_id)])
    if asked := run.tags.get(INCIDENTS):
        watch.link_outcome(settings, asked.split(","), f"the training failed, run {run.run_id[:8]}")
    registry.fail_open_runs(settings, run.run_id)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the incident of a run that failed before, and ties a training's outcome to what asked for it.",
)
def run_success_alert(context: dg.RunStatusSensorContext, settings: dg.ResourceParam[Settings]) -> None:
    run = context.dagster_run
    watch.observe(settings, [sources.success(run.job_name, run.tags.get("dagster/partition", ""))])
    if asked := run.tags.get(INCIDENTS):
        watch.link_outcome(settings, asked.split(","), outcome_of_training(context.instance, run.run_id))


sensors = [
    landing_sensor,
    drift_sensor,
    performance_sensor,
    retraining_sensor,
    heartbeat_sensor,
    run_failure_alert,
    run_success_alert,
]
