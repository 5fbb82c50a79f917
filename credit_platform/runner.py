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
)


@dataclass
class Outcome:
    """What a run did: seconds by step, failed steps with their error, failed checks, and each asset's metadata."""

    run_id: str
    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)

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


def step_count(job: str, settings: Settings) -> int:
    """How many steps a run of a job has."""
    return len(_job(job, settings).nodes)


def run_job(
    job: str,
    settings: Settings,
    cohorts: Sequence[str],
    instance: "dg.DagsterInstance",
    on_step: Callable[[str, str], None] = lambda _step, _state: None,
) -> Outcome:
    """Runs a job on a range of cohorts, from the first given to the last in order of registration, as one run.

    `on_step` is called with a step's name and `started`, `done` or `failed`.
    """
    from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

    outcome = Outcome(str(uuid4()))

    def listen(event: Any) -> None:
        if event.dagster_event is not None:
            _note(outcome, event.dagster_event, on_step)

    instance.add_event_listener(outcome.run_id, listen)
    tags = {ASSET_PARTITION_RANGE_START_TAG: cohorts[0], ASSET_PARTITION_RANGE_END_TAG: cohorts[-1]} if cohorts else {}
    result = _job(job, settings).execute_in_process(
        instance=instance,
        run_id=outcome.run_id,
        tags=tags,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    if not result.success and not outcome.errors:
        outcome.errors[job] = f"run {outcome.run_id} failed outside its steps; the Dagster UI has its log"
    return outcome


def _job(name: str, settings: Settings) -> Any:
    from credit_platform.definitions import build_defs
    from credit_platform.resources import resources

    return build_defs(resources(settings)).resolve_job_def(name)


def _note(outcome: Outcome, event: Any, on_step: Callable[[str, str], None]) -> None:
    kind, step = event.event_type_value, event.step_key
    if kind == "STEP_START":
        on_step(step, "started")
    elif kind == "STEP_SUCCESS":
        outcome.seconds[step] = event.event_specific_data.duration_ms / 1000
        on_step(step, "done")
    elif kind == "STEP_FAILURE":
        outcome.errors[step] = _first_cause(event.event_specific_data)
        on_step(step, "failed")
    elif kind == "ASSET_MATERIALIZATION":
        materialization = event.event_specific_data.materialization
        found = {name: value.value for name, value in materialization.metadata.items()}
        outcome.metadata.setdefault(materialization.asset_key.to_user_string(), {}).update(found)
    elif kind == "ASSET_CHECK_EVALUATION" and not event.event_specific_data.passed:
        check = event.event_specific_data
        outcome.warnings.append(f"{check.asset_key.to_user_string()}: {check.check_name}")


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
