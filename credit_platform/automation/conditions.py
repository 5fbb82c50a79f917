"""What must be true before something runs by itself, and how much of the graph a change concerns."""

from collections.abc import Collection
from datetime import UTC

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus

from credit_platform import quarantine
from credit_platform.alerting.retraining import Decision, Situation
from credit_platform.alerting.store import AlertStore
from credit_platform.features.window import labelled_cohorts
from credit_platform.home_credit.contracts import TABLE_NAMES, table
from credit_platform.lake import current
from credit_platform.settings import Settings

REASON, INCIDENTS = "credit/reason", "credit/incidents"
"""Tags of a training: why it was started, and the incidents that asked for it."""


def champion_decides(instance: dg.DagsterInstance) -> bool:
    """Whether a version is in force; the asset `champion` also exists where no challenger has passed the gate yet."""
    return bool(deciding_version(instance))


def changed_tables(settings: Settings, cohort: str, delivered: dict[str, str]) -> set[str]:
    """The tables whose delivered content (SHA-256 by table) is not what the lake's were made from.

    Outcomes that are not delivered as a file of their own are those of the application file, if it has any.
    """
    wanted = {name: {delivered.get(name)} for name in (*TABLE_NAMES, "outcomes")}
    if "outcomes" not in delivered:
        wanted["outcomes"] = {None, delivered.get("application")}
    made = {name: current(settings, f"raw_{name}", cohort) for name in wanted}
    return {
        name
        for name, version in made.items()
        if version is None or version.facts["source"].get("sha256") not in wanted[name]
    }


def with_children(tables: Collection[str]) -> set[str]:
    """Tables and those whose rows they decide about: a bureau balance is kept where its credit is."""
    found = set(tables)
    for name in (*TABLE_NAMES, "outcomes"):  # parents come before children
        if table(name).parent in found:
            found.add(name)
    return found


def deciding_version(instance: dg.DagsterInstance) -> str:
    """The version that the asset `champion` named last; empty where none decides."""
    event = instance.get_latest_materialization_event(dg.AssetKey("champion"))
    found = event.asset_materialization if event else None
    version = str(found.metadata["version"].value) if found else "none"
    return "" if version == "none" else version


def situation(settings: Settings, instance: dg.DagsterInstance) -> Situation:
    """What the decision about a training by drift rests on. A training that failed does not count."""
    store = AlertStore.find(settings)
    incidents = []
    if store is not None:
        with store, store.reading() as read:
            incidents = list(read.unresolved().values())
    failed = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    runs = instance.get_run_records(dg.RunsFilter(job_name="train"), limit=50)
    return Situation(
        incidents=incidents,
        set_aside=quarantine.quarantined(settings),
        labelled=labelled_cohorts(settings),
        trainings=[
            record.create_timestamp.astimezone(UTC)
            for record in runs
            if INCIDENTS in record.dagster_run.tags and record.dagster_run.status not in failed
        ],
        version=deciding_version(instance),
    )


def training_tags(decision: Decision) -> dict[str, str]:
    return {REASON: decision.reason, INCIDENTS: ",".join(decision.incidents)}


def outcome_of_training(instance: dg.DagsterInstance, run_id: str) -> str:
    """What came of a training, in words: whether its version decides now, and why."""
    event = instance.get_latest_materialization_event(dg.AssetKey("champion"))
    if event is None or event.asset_materialization is None or event.run_id != run_id:
        return f"run {run_id[:8]} made no challenger"
    said = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    return f"version {said['challenger']} {said['result']}: {said['reason']}"


def stopped(context: dg.SensorEvaluationContext) -> list[str]:
    """The sensors and schedules of this code location that somebody has stopped."""
    repository = context.repository_def
    if repository is None:
        return []
    names = {s.name for s in repository.sensor_defs} | {s.name for s in repository.schedule_defs}
    return sorted(
        state.origin.instigator_name
        for state in context.instance.all_instigator_state()
        if state.status == InstigatorStatus.STOPPED and state.origin.instigator_name in names
    )
