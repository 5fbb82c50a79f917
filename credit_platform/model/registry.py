"""The model registry: where versions are stored, which one is in force, and how its files reach a scorer.

This is the only module that talks to MLflow's registry. mlflow is imported inside, it takes seconds; by default it
neither reports home nor draws progress bars.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from credit_platform.lake import atomic_folder
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
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(settings.tracking_uri)  # models:/ addresses are looked up in the process's store only
    if not settings.mlflow_tracking_uri:
        settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
    found = MlflowClient(settings.tracking_uri)
    if found.get_experiment_by_name(settings.mlflow_experiment) is None:
        local = None if settings.mlflow_tracking_uri else (settings.mlflow_dir / "artifacts").resolve().as_uri()
        location = settings.mlflow_artifacts_uri or local
        found.create_experiment(settings.mlflow_experiment, artifact_location=location)
    return found


def number_under(settings: Settings, alias: str) -> str | None:
    """The number of the version under an alias, or None where there is none. Leaves an empty machine empty."""
    from mlflow.exceptions import MlflowException

    if not settings.mlflow_tracking_uri and not settings.mlflow_dir.exists():
        return None
    try:
        aliases = client(settings).get_registered_model(settings.model_name).aliases
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return str(aliases[alias]) if alias in aliases else None


def find(settings: Settings, alias: str) -> Version | None:
    """The version under an alias with its files on this machine, or None where there is none."""
    number = number_under(settings, alias)
    if number is None:
        return None
    run_id = client(settings).get_model_version(settings.model_name, number).run_id
    return Version(number, str(run_id), _files(settings, number))


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


def _files(settings: Settings, number: str) -> Path:
    """A version's folder: where MLflow keeps it on this machine, or a copy of what the server has, made once."""
    from mlflow.artifacts import download_artifacts

    address = f"models:/{settings.model_name}/{number}"
    if not (settings.mlflow_tracking_uri or settings.mlflow_artifacts_uri):
        return Path(download_artifacts(artifact_uri=address))
    copy = settings.mlflow_dir / "versions" / settings.model_name / number
    if not copy.exists():
        with atomic_folder(copy) as beside:
            download_artifacts(artifact_uri=address, dst_path=str(beside))
    return copy


def fail_open_runs(settings: Settings, dagster_run_id: str) -> int:
    """Ends as FAILED the MLflow runs that a Dagster run left open because its process was killed. Returns how many."""
    found = client(settings)
    experiments = [found.get_experiment_by_name(settings.mlflow_experiment).experiment_id]
    runs = list(found.search_runs(experiments, f"tags.dagster_run_id = '{dagster_run_id}'"))
    for run in tuple(runs):
        runs += found.search_runs(experiments, f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    opened = [run.info.run_id for run in runs if run.info.status == "RUNNING"]
    for run_id in opened:
        found.set_terminated(run_id, "FAILED")
    return len(opened)
