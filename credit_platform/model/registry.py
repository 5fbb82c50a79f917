"""The model registry: where versions are stored, which one is in force, and how its files reach a scorer.

This is the only module that talks to MLflow. mlflow is imported inside, it takes seconds; to look up an alias and to
find files that are here, `lookup.py` does without it. By default mlflow neither reports home nor draws progress bars.
"""

import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from credit_platform.features.schema import FeatureSchema
from credit_platform.lake import atomic_folder
from credit_platform.model import lookup
from credit_platform.scoring.estimators import libraries_of
from credit_platform.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel


os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

CHALLENGER = "challenger"
SCORER = "scorer"
"""The name of a version's folder among the artifacts of its MLflow model."""
_SCORER_NEEDS = ("numpy", "pandas", "pyarrow")
"""Distributions that `scoring/pyfunc.py` takes for a version of any family."""


class NoModelError(LookupError):
    """The registry holds no version under the alias asked for."""


class Version(NamedTuple):
    """A registered version and the folder its files lie in."""

    number: str
    run_id: str
    folder: Path


class OnFile(NamedTuple):
    """A registered version, without its files: its aliases, and what its run was given and has measured."""

    number: str
    made_at: datetime
    aliases: tuple[str, ...]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]


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
    if _is_empty(settings):
        return None
    try:
        aliases = lookup.aliases(settings.tracking_uri, settings.model_name)
    except lookup.UnreadableError:
        model = _registered(settings)
        aliases = model.aliases if model else None
    return str(aliases[alias]) if aliases and alias in aliases else None


def find(settings: Settings, alias: str) -> Version | None:
    """The version under an alias with its files on this machine, or None where there is none."""
    number = number_under(settings, alias)
    return None if number is None else version(settings, number)


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


def version(settings: Settings, number: str) -> Version:
    """The version of a number with its files on this machine, whatever its alias.

    Raises:
        NoModelError: there is no such version.
    """
    found = _entry(settings, number)
    return Version(number, found.run_id, _files(settings, number, found.files))


def log_version(settings: Settings, folder: Path, schema: FeatureSchema) -> str:
    """Logs a version's folder in the active MLflow run, as a model that MLflow can serve, and registers it.

    Returns the new version's number; it has no alias yet.

    Raises:
        ValueError: the folder is not called `SCORER`, by which name it is found again.
    """
    if folder.name != SCORER:
        raise ValueError(f"a version's folder is to be called {SCORER!r}, not {folder.name!r}")
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    kinds = {"numeric": DataType.double, "category": DataType.string}
    inputs = [ColSpec(kinds[feature.kind], feature.name, required=False) for feature in schema.features]
    outputs = [ColSpec(DataType.double, "probability_of_default"), ColSpec(DataType.string, "decision")]
    # Not this package: no index has it, and whoever took its name there would be installed in its place.
    needed = dict.fromkeys((*_SCORER_NEEDS, *libraries_of(folder)))
    with warnings.catch_warnings():
        # MLflow asks for type hints and an example to guess the signature from; it is given one.
        warnings.simplefilter("ignore", UserWarning)
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(files("credit_platform.scoring").joinpath("pyfunc.py")),
            artifacts={SCORER: str(folder)},
            registered_model_name=settings.model_name,
            signature=ModelSignature(Schema(inputs), Schema(outputs)),
            pip_requirements=[f"{name}=={metadata.version(name)}" for name in needed],
        )
    return str(info.registered_model_version)


def point(settings: Settings, alias: str, number: str) -> None:
    """Makes an alias name a version."""
    client(settings).set_registered_model_alias(settings.model_name, alias, number)


def run_of(settings: Settings, number: str) -> str:
    """The id of the run that a version was logged in.

    Raises:
        NoModelError: there is no such version.
    """
    return _entry(settings, number).run_id


def has_signature(settings: Settings, number: str) -> bool:
    """Whether a version says what columns and types it takes; MLflow leaves that out without an error where it can't.

    Raises:
        NoModelError: there is no such version.
    """
    from mlflow.models import get_model_info

    _version(settings, number)
    return get_model_info(f"models:/{settings.model_name}/{number}").signature is not None


def listed(settings: Settings, most: int = 50) -> list[OnFile]:
    """The newest versions, with what their runs say of them, the newest first. Leaves an empty machine empty."""
    model = _registered(settings)
    if model is None:
        return []
    found = client(settings)
    query = f"name = '{settings.model_name}'"
    versions = found.search_model_versions(query, max_results=most, order_by=["version_number DESC"])
    return [
        OnFile(
            number=str(version.version),
            made_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
            aliases=tuple(sorted(alias for alias, number in model.aliases.items() if number == version.version)),
            parameters=run.data.params,
            metrics=run.data.metrics,
        )
        for version in versions
        for run in (found.get_run(version.run_id),)
    ]


def attach(settings: Settings, number: str, path: str, text: str) -> None:
    """Stores a text among the artifacts of a version's run.

    Raises:
        NoModelError: there is no such version.
    """
    client(settings).log_text(run_of(settings, number), text, path)


def attached(settings: Settings, number: str, path: str) -> str | None:
    """A text among the artifacts of a version's run, or None where there is none.

    Raises:
        NoModelError: there is no such version.
    """
    content = attached_bytes(settings, number, path)
    return None if content is None else content.decode()


def attached_bytes(settings: Settings, number: str, path: str) -> bytes | None:
    """A file among the artifacts of a version's run, or None where there is none.

    Raises:
        NoModelError: there is no such version.
    """
    from mlflow.artifacts import download_artifacts

    run_id, folder = run_of(settings, number), path.rpartition("/")[0]
    if path not in {file.path for file in client(settings).list_artifacts(run_id, folder)}:
        return None
    with TemporaryDirectory() as temporary:
        return Path(download_artifacts(artifact_uri=f"runs:/{run_id}/{path}", dst_path=temporary)).read_bytes()


def tag(settings: Settings, number: str, tags: Mapping[str, str]) -> None:
    """Sets tags of a version."""
    found = client(settings)
    for key, value in tags.items():
        found.set_model_version_tag(settings.model_name, number, key, value)


def tag_model(settings: Settings, key: str, value: str) -> None:
    """Sets a tag of the registered model, where there is one."""
    if _registered(settings) is not None:
        client(settings).set_registered_model_tag(settings.model_name, key, value)


def tag_of_model(settings: Settings, key: str) -> str | None:
    """A tag of the registered model, or None where there is none."""
    model = _registered(settings)
    return model.tags.get(key) if model else None


def _is_empty(settings: Settings) -> bool:
    """Whether there is no store yet; to look into it would make one."""
    return not settings.mlflow_tracking_uri and not (settings.mlflow_dir / "mlflow.db").exists()


def _entry(settings: Settings, number: str) -> lookup.Registered:
    """What the registry says of a version.

    Raises:
        NoModelError: there is no such version.
    """
    found = None
    if not _is_empty(settings):
        try:
            found = lookup.registered(settings.tracking_uri, settings.model_name, number)
        except lookup.UnreadableError:
            asked = _version(settings, number)
            found = lookup.Registered(str(asked.run_id), str(asked.source))
    if found is None:
        raise _no_version(settings, number)
    return found


def _registered(settings: Settings) -> "RegisteredModel | None":
    from mlflow.exceptions import MlflowException

    if _is_empty(settings):
        return None
    try:
        return client(settings).get_registered_model(settings.model_name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _version(settings: Settings, number: str) -> "ModelVersion":
    from mlflow.exceptions import MlflowException

    try:
        if _registered(settings) is not None:
            return client(settings).get_model_version(settings.model_name, number)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    raise _no_version(settings, number)


def _no_version(settings: Settings, number: str) -> NoModelError:
    return NoModelError(f"no version {number!r} of model {settings.model_name!r} in {settings.tracking_uri}")


def _files(settings: Settings, number: str, stored: str) -> Path:
    """A version's folder: where MLflow keeps it on this machine, or a copy of what the server has, made once."""
    address = f"models:/{settings.model_name}/{number}"
    if not (settings.mlflow_tracking_uri or settings.mlflow_artifacts_uri):
        here = Path(url2pathname(urlsplit(stored).path)) / "artifacts" / SCORER
        if stored.startswith("file:") and here.exists():
            return here
        from mlflow.artifacts import download_artifacts

        client(settings)
        return Path(download_artifacts(artifact_uri=address)) / "artifacts" / SCORER
    copy = settings.mlflow_dir / "versions" / settings.model_name / number
    if not copy.exists():
        from mlflow.artifacts import download_artifacts

        client(settings)
        with atomic_folder(copy) as beside:
            download_artifacts(artifact_uri=address, dst_path=str(beside))
    return copy / "artifacts" / SCORER


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
