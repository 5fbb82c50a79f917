"""What assets are given: the settings, and MLflow runs through dagster-mlflow. Dependency injection, nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from credit_platform.model import registry
from credit_platform.settings import Settings

if TYPE_CHECKING:
    from dagster_mlflow.resources import MlFlow


class MlflowRuns:
    """MLflow runs, one per Dagster run, opened and closed around each step that logs.

    dagster-mlflow's resource finds the MLflow run of a Dagster run by its tag, so that all steps of a run share one.
    Its hook ends that run at the job's last step and misses failures under some executors; and importing it imports
    mlflow. So the resource is built here, inside the step that needs it, and the run is ended with that step: FAILED
    when it fails, whatever the executor. Later assets log to the run of the version they are about.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @contextmanager
    def run(self, context: dg.AssetExecutionContext, run_id: str | None = None) -> Iterator["MlFlow"]:
        """The MLflow run of this Dagster run, or the earlier run `run_id`, open for logging."""
        from dagster_mlflow import mlflow_tracking

        registry.client(self.settings)
        config: dict[str, object] = {
            "mlflow_run_id": run_id,
            "experiment_name": self.settings.mlflow_experiment,
            "mlflow_tracking_uri": self.settings.tracking_uri,
            "extra_tags": {"dagster_job": context.run.job_name},
        }
        with dg.build_resources(
            {"mlflow": mlflow_tracking},
            instance=context.instance,
            resource_config={"mlflow": {"config": config}},
            dagster_run=context.run,
            log_manager=context.log,
        ) as built:
            try:
                yield built.mlflow
            except BaseException:
                built.mlflow.end_run(status="FAILED")
                raise
            built.mlflow.end_run(status="FINISHED")


def resources(settings: Settings) -> dict[str, object]:
    """The resources of the code location, by the names that assets ask for."""
    return {"settings": settings, "mlflow": MlflowRuns(settings)}
