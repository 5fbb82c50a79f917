"""The model registry: where versions are stored, which one is in force, and how its files reach a scorer.

This is the only module that talks to MLflow's registry. mlflow is imported inside, it takes seconds; by default it
neither reports home nor draws progress bars.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from catboost import CatBoostClassifier
    from mlflow import MlflowClient


os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

CHALLENGER = "challenger"


class NoModelError(LookupError):
    """The registry holds no version under the alias asked for."""


class Version(NamedTuple):
    """A registered version and the folder its files lie in."""

    number: str
    run_id: str
    folder: Path


def client(settings: Settings) -> "MlflowClient":
    """A client of the configured MLflow store, with the experiment in place.

    MLflow puts the artifacts of a SQLite store relative to the working directory unless the experiment says otherwise,
    so the experiment is made here, once, with an absolute location.
    """
    from mlflow import MlflowClient

    if not settings.mlflow_tracking_uri:
        settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
    found = MlflowClient(settings.tracking_uri)
    if found.get_experiment_by_name(settings.mlflow_experiment) is None:
        local = None if settings.mlflow_tracking_uri else (settings.mlflow_dir / "artifacts").resolve().as_uri()
        found.create_experiment(settings.mlflow_experiment, artifact_location=local)
    return found


def find(settings: Settings, alias: str) -> Version | None:
    """The version under an alias with its files on this machine, or None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        found = client(settings).get_model_version_by_alias(settings.model_name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return Version(str(found.version), str(found.run_id), _download(settings, str(found.version)))


def fetch(settings: Settings, alias: str | None = None) -> Version:
    """The version under an alias (default: the champion's) with its files on this machine.

    Raises:
        NoModelError: nothing is registered under the alias.
    """
    alias = alias or settings.model_alias
    found = find(settings, alias)
    if found is None:
        raise NoModelError(
            f"no model {settings.model_name!r} with alias {alias!r} in {settings.tracking_uri}; "
            "materialise the model group first (credit-platform run)"
        )
    return found


def log_version(settings: Settings, model: "CatBoostClassifier", example: "pd.DataFrame", files: list[Path]) -> str:
    """Logs a model in the active MLflow run and registers it as a new version, without any alias.

    `files` travel inside the version. Returns the version's number.
    """
    import catboost
    import mlflow
    from mlflow.models import infer_signature

    info = mlflow.catboost.log_model(
        model,
        name="model",
        registered_model_name=settings.model_name,
        signature=infer_signature(example, model.predict(example)),
        extra_files=[str(path) for path in files],
        pip_requirements=[f"catboost=={catboost.__version__}"],
    )
    return str(info.registered_model_version)


def point(settings: Settings, alias: str, number: str) -> None:
    """Makes an alias name a version."""
    client(settings).set_registered_model_alias(settings.model_name, alias, number)


def _download(settings: Settings, number: str) -> Path:
    import mlflow

    return Path(
        mlflow.artifacts.download_artifacts(
            artifact_uri=f"models:/{settings.model_name}/{number}", tracking_uri=settings.tracking_uri
        )
    )


def fail_open_runs(settings: Settings, dagster_run_id: str) -> int:
    """Ends as FAILED the MLflow runs that a Dagster run left open because its process was killed. Returns how many."""
    found = client(settings)
    experiment = found.get_experiment_by_name(settings.mlflow_experiment)
    opened = found.search_runs(
        [experiment.experiment_id], f"tags.dagster_run_id = '{dagster_run_id}' and attributes.status = 'RUNNING'"
    )
    for run in opened:
        found.set_terminated(run.info.run_id, "FAILED")
    return len(opened)
