"""Reads the registry without MLflow, whose import takes seconds and a hundred megabytes: which version an alias names,
and where a version's files are.

A tracking server is asked over its REST API, a database by the columns in which MLflow keeps this. Whoever reaches
MLflow in a way that only MLflow knows (signed requests, client certificates, workspaces, plugins) is told so, and asks
MLflow. Not here: changing anything, and fetching files (`registry.py`).
"""

import json
import os
from base64 import b64encode
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

_SECONDS = 10
_PLAIN = {"MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_URI"}
"""Of MLflow's settings on how to reach a server, those that are understood here."""
_DELETED = "Deleted_Internal"
"""MLflow's name for the stage of versions that were deleted."""


class UnreadableError(Exception):
    """The registry can't be read in this way; MLflow may know how."""


class Registered(NamedTuple):
    """A version: the run that it was logged in, and the address of its files."""

    run_id: str
    files: str


def aliases(uri: str, model: str) -> dict[str, str] | None:
    """The number of the version under each alias of a model; None where there is no such model.

    Raises:
        UnreadableError: MLflow must be asked.
    """
    if _is_server(uri):
        found = _asked(uri, "registered-models/get", {"name": model})
        given = found.get("registered_model", {}).get("aliases", []) if found else []
        return None if found is None else {each["alias"]: str(each["version"]) for each in given}
    rows = _read(uri, "select alias, version from registered_model_aliases where name = :model", model=model)
    found_aliases = {alias: str(number) for alias, number in rows}
    if len(found_aliases) < len(rows):
        raise UnreadableError("the model is in several workspaces")
    return found_aliases


def registered(uri: str, model: str, number: str) -> Registered | None:
    """A version of a model; None where there is none of this number.

    Raises:
        UnreadableError: MLflow must be asked.
    """
    if not number.isdecimal():
        return None
    if _is_server(uri):
        found = _asked(uri, "model-versions/get", {"name": model, "version": number})
        version = found["model_version"] if found else None
        return Registered(version.get("run_id", ""), version.get("source", "")) if version else None
    query = (
        "select run_id, coalesce(storage_location, source) from model_versions "
        "where name = :model and version = :number and current_stage <> :deleted"
    )
    rows = _read(uri, query, model=model, number=int(number), deleted=_DELETED)
    if len(rows) > 1:
        raise UnreadableError("the model is in several workspaces")
    return Registered(*rows[0]) if rows else None


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _read(uri: str, query: str, **values: Any) -> list[tuple[Any, ...]]:
    try:
        from sqlalchemy import NullPool, create_engine, text
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise UnreadableError("SQLAlchemy is not installed") from error
    try:
        with create_engine(uri, poolclass=NullPool).connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]
    except (SQLAlchemyError, ImportError) as error:
        raise UnreadableError(type(error).__name__) from error


class _NoRedirects(HTTPRedirectHandler):
    """Credentials are for the server that was named, and for no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _asked(uri: str, path: str, query: dict[str, str]) -> dict[str, Any] | None:
    """What the server answers; None where it says that there is no such thing."""
    own = {name for name in os.environ if name.startswith(("MLFLOW_TRACKING_", "MLFLOW_WORKSPACE"))} - _PLAIN
    if own or "@" in urlsplit(uri).netloc:
        raise UnreadableError("the server is reached in a way that MLflow knows")
    address = f"{uri.rstrip('/')}/api/2.0/mlflow/{path}?{urlencode(query)}"
    request = Request(address, headers={"Accept": "application/json", **_credentials()})  # noqa: S310 - as `_is_server`
    try:
        with build_opener(_NoRedirects).open(request, timeout=_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        if error.code == 404 and b"RESOURCE_DOES_NOT_EXIST" in error.read():
            return None
        raise UnreadableError(f"the server answers {error.code}") from error
    except (OSError, ValueError) as error:
        raise UnreadableError(type(error).__name__) from error


def _credentials() -> dict[str, str]:
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}".encode()
        return {"Authorization": f"Basic {b64encode(pair).decode()}"}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    return {}
