"""Materialises jobs of the graph in this process, for the command line: with progress, and a summary at the end.

Runs go to the same Dagster instance that the UI shows. Not here: what a job does.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from credit_platform.home_credit.landing import landed_cohorts
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

INSTANCE_CONFIG = (
    "telemetry:\n  enabled: false\nnux:\n  enabled: false\nconcurrency:\n  runs:\n    max_concurrent_runs: 2\n"
    "run_monitoring:\n  enabled: true\n  max_runtime_seconds: 43200\n"
    # A run whose process was killed is made again; one whose asset failed is not.
    "run_retries:\n  enabled: true\n  max_retries: 2\n  retry_on_asset_or_op_failure: false\n"
    "retention:\n  schedule:\n    purge_after_days: 90\n  sensor:\n    purge_after_days:\n"
    "      skipped: 7\n      failure: 30\n      success: 90\n"
    "python_logs:\n  managed_python_loggers: [credit_platform]\n  python_log_level: INFO\n"
)


PHASES = {
    "everything": ("build_mart", "train", "monitor"),
    "process_cohort": ("build_mart", "monitor"),
}
"""Jobs that the command line runs as several: each cohort by itself, so that one that fails holds up no other."""


@dataclass
class Outcome:
    """What the runs did: seconds by step, errors by step and cohort, failed checks, and each asset's metadata.

    `metadata` is by asset and cohort; the cohort is None for an asset without partitions.
    """

    runs: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[tuple[str, str | None], str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    metadata: dict[str, dict[str | None, dict[str, Any]]] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return not self.errors


def open_instance(settings: Settings) -> "dg.DagsterInstance":
    """The persistent Dagster instance: DAGSTER_HOME where it is set, else a folder under the data directory."""
    import dagster as dg

    home = os.environ.setdefault("DAGSTER_HOME", str(settings.dagster_home.resolve()))
    os.makedirs(home, exist_ok=True)
    config = os.path.join(home, "dagster.yaml")
    if not os.path.exists(config):
        with open(config, "w", encoding="utf-8") as file:
            file.write(INSTANCE_CONFIG)
    return dg.DagsterInstance.get()


def register_cohorts(instance: "dg.DagsterInstance", settings: Settings) -> list[str]:
    """Makes every landed cohort a partition. Returns all of them, in the order in which they were registered."""
    known = instance.get_dynamic_partitions("cohort")
    new = [cohort for cohort in landed_cohorts(settings) if cohort not in known]
    if new:
        instance.add_dynamic_partitions("cohort", new)
    return [*known, *new]


def step_count(job: str, settings: Settings, cohorts: Sequence[str]) -> int:
    """How many steps the runs of a job have, all cohorts together."""
    return sum(
        len(definition.nodes) * (len(cohorts) if definition.partitions_def else 1)
        for definition in (_job(phase, settings) for phase in PHASES.get(job, (job,)))
    )


def run_job(
    job: str,
    settings: Settings,
    cohorts: Sequence[str],
    instance: "dg.DagsterInstance",
    on_step: Callable[[str, str], None] = lambda _step, _state: None,
) -> Outcome:
    """Runs a job, one run for each cohort. A cohort that fails is left out of what follows; the others go on.

    `on_step` is called with a step's name, with its cohort where it has one, and `started`, `done` or `failed`.
    """
    outcome = Outcome()
    sound = list(cohorts)
    for phase in PHASES.get(job, (job,)):
        definition = _job(phase, settings)
        for cohort in list(sound) if definition.partitions_def else [None]:
            if not _run(definition, cohort, instance, outcome, on_step) and cohort is not None:
                sound.remove(cohort)
            elif not outcome.success and cohort is None:
                return outcome
    return outcome


def _run(
    definition: "dg.JobDefinition",
    cohort: str | None,
    instance: "dg.DagsterInstance",
    outcome: Outcome,
    on_step: Callable[[str, str], None],
) -> bool:
    """One run of a job; its events are noted in `outcome`. Returns whether it succeeded."""
    run_id = str(uuid4())
    outcome.runs.append(run_id)
    before = len(outcome.errors)

    def listen(event: Any) -> None:
        if event.dagster_event is not None:
            _note(outcome, event.dagster_event, cohort, on_step)

    instance.add_event_listener(run_id, listen)
    result = definition.execute_in_process(
        instance=instance,
        run_id=run_id,
        partition_key=cohort,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    if not result.success and len(outcome.errors) == before:
        outcome.errors[definition.name, cohort] = f"run {run_id} failed outside its steps; the Dagster UI has its log"
    return result.success


def _job(name: str, settings: Settings) -> Any:
    from credit_platform.definitions import build_defs
    from credit_platform.resources import resources

    return build_defs(resources(settings)).resolve_job_def(name)


def _note(outcome: Outcome, event: Any, cohort: str | None, on_step: Callable[[str, str], None]) -> None:
    kind, step = event.event_type_value, event.step_key
    shown = f"{step} {cohort}" if cohort else step
    if kind == "STEP_START":
        on_step(shown, "started")
    elif kind == "STEP_SUCCESS":
        outcome.seconds[step] = outcome.seconds.get(step, 0.0) + event.event_specific_data.duration_ms / 1000
        on_step(shown, "done")
    elif kind == "STEP_FAILURE":
        outcome.errors[step, cohort] = _first_cause(event.event_specific_data)
        on_step(shown, "failed")
    elif kind == "ASSET_MATERIALIZATION":
        materialization = event.event_specific_data.materialization
        found = {name: value.value for name, value in materialization.metadata.items()}
        asset = materialization.asset_key.to_user_string()
        outcome.metadata.setdefault(asset, {}).setdefault(materialization.partition, {}).update(found)
    elif kind == "ASSET_CHECK_EVALUATION" and not event.event_specific_data.passed:
        check = event.event_specific_data
        of = f" ({cohort})" if cohort else ""
        outcome.warnings.append(f"{check.asset_key.to_user_string()}: {check.check_name}{of}")


def _first_cause(failure: Any) -> str:
    """The message of the error that the step's own code raised; its class is named unless it is the platform's own."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    error = failure.error
    while error.cause is not None:
        error = error.cause
    message = str(error.message).strip()
    kind, _, text = message.partition(": ")
    return text if kind.startswith("credit_platform.") else message
