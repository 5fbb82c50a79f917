"""What is wrong with an installation, and what to do about it: looked at from outside, nothing is changed or made.

Each check yields findings; one that fails in a way nobody thought of is a finding itself. Not here: what is wrong with
data (`quality/`) or with a model (`monitoring/`).
"""

import os
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from credit_platform.settings import Settings

State = Literal["ok", "note", "wrong"]
_PATIENCE_SECONDS = 3
_LITTLE, _TOO_LITTLE = 10e9, 1e9
"""Bytes of free disk: a cohort of Kaggle's size takes some gigabytes while it is made."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do where something is."""

    state: State
    subject: str
    found: str
    advice: str = ""


def examine(settings: Settings, ports: Mapping[str, int]) -> Iterator[Finding]:
    """Looks at everything, one thing after the other. `ports` are those that services are to listen on, by name."""
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("versions", _versions),
        ("settings", lambda: _variables(settings)),
        ("data folder", lambda: _data_folder(settings)),
        ("secrets", lambda: _secrets(settings)),
        ("lake", lambda: _lake(settings)),
        ("registry", lambda: _registry(settings)),
        ("decision log", lambda: _decision_log(settings)),
        ("incidents", lambda: _incidents(settings)),
        ("ports", lambda: _ports({"api": settings.api_port, **ports})),
    )
    for subject, check in checks:
        try:
            yield from check()
        except Exception as error:
            yield Finding("wrong", subject, f"could not be looked at ({type(error).__name__}: {error})")


def _versions() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Finding("wrong", "versions", f"Python {python}", "make the environment anew with Python 3.11 to 3.13")
        return
    strange = []
    for line in requires("credit-platform") or ():
        requirement = Requirement(line)
        try:
            present = version(requirement.name)
        except PackageNotFoundError:
            continue  # an extra that this machine does without
        if not requirement.specifier.contains(present, prereleases=True):
            strange.append(f"{requirement.name} {present} is not {requirement.specifier}")
    if strange:
        yield Finding("wrong", "versions", "; ".join(strange), "install the locked versions again: make clean setup")
    else:
        yield Finding("ok", "versions", f"credit-platform {version('credit-platform')} on Python {python}")


def _variables(settings: Settings) -> Iterator[Finding]:
    known = {f"CREDIT_{name}".upper() for name in type(settings).model_fields}
    file = settings.model_config.get("env_file")
    lines = Path(str(file)).read_text("utf-8").splitlines() if file and Path(str(file)).exists() else []
    named = {line.partition("=")[0].strip().upper() for line in lines} | {name.upper() for name in os.environ}
    unknown = sorted(name for name in named if name.startswith("CREDIT_") and name not in known)
    for name in unknown:
        close = get_close_matches(name, known, 1)
        advice = f"did you mean {close[0]}?" if close else "remove it; credit_platform/settings.py lists what there is"
        yield Finding("note", "settings", f"{name} is no setting and has no effect", advice)
    if not unknown:
        yield Finding("ok", "settings", "all are known and valid")


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        yield Finding("note", "data folder", f"{folder} is not there yet", "land a delivery: credit-platform land")
        folder = next(parent for parent in folder.parents if parent.exists())
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("wrong", "data folder", f"{folder} can't be written to", "change its owner, or CREDIT_DATA_DIR")
    elif folder.stat().st_mode & stat.S_IWOTH:
        yield Finding("wrong", "data folder", f"{folder} can be written to by everybody", f"chmod o-w {folder}")
    else:
        yield Finding("ok", "data folder", str(folder))
    free = shutil.disk_usage(folder).free
    told = f"{free / 1e9:,.1f} GB are free in {folder}"
    if free < _TOO_LITTLE:
        yield Finding("wrong", "disk", told, "make room: lower CREDIT_KEEP_VERSIONS_DAYS, move backups elsewhere")
    elif free < _LITTLE:
        yield Finding("note", "disk", told, "a cohort of Kaggle's size takes some gigabytes while it is made")
    else:
        yield Finding("ok", "disk", told)


def _secrets(settings: Settings) -> Iterator[Finding]:
    env_file = settings.model_config.get("env_file")
    candidates = (settings.keys_file, settings.data_dir / "decisions" / "master.key", Path(str(env_file)))
    open_ones = [path for path in candidates if path.is_file() and path.stat().st_mode & 0o077]
    for path in open_ones:
        yield Finding("wrong", "secrets", f"{path} can be read by others", f"chmod 600 {path}")
    if settings.decisions_url.get_secret_value() and settings.decisions_key is None:
        yield Finding(
            "note",
            "secrets",
            "the master key of the decision log lies in a file of this machine alone",
            "give every machine the same one by CREDIT_DECISIONS_KEY",
        )
    if not open_ones:
        yield Finding("ok", "secrets", "no file that holds one can be read by others")


def _lake(settings: Settings) -> Iterator[Finding]:
    from credit_platform import lake
    from credit_platform.home_credit.landing import landed_cohorts

    cohorts = landed_cohorts(settings)
    made = lake.cohorts_of(settings, "client_mart")
    damaged = []
    if not cohorts:
        yield Finding("note", "lake", "no cohort has been landed", "credit-platform land, or simulate one first")
        return
    for cohort in made:
        try:
            lake.require(settings, "client_mart", cohort).folder()
        except (lake.DamagedTableError, lake.MissingTableError):
            damaged.append(cohort)
    if damaged:
        yield Finding(
            "wrong",
            "lake",
            f"client_mart is damaged: {', '.join(damaged)}",
            "materialise them again, or restore a backup",
        )
    waiting = sorted(set(cohorts) - set(made))
    advice = "credit-platform run; why one is held back: credit-platform quarantine" if waiting else ""
    told = f"cohorts landed: {len(cohorts)}, in the mart: {len(made)}"
    yield Finding("note" if waiting else "ok", "lake", told, advice)


def _registry(settings: Settings) -> Iterator[Finding]:
    if settings.mlflow_tracking_uri.startswith("http") and not _reachable(settings.mlflow_tracking_uri):
        place = urlsplit(settings.mlflow_tracking_uri)
        yield Finding(
            "wrong",
            "registry",
            f"nothing answers at {place.hostname}:{place.port}",
            "start the MLflow server, or mend CREDIT_MLFLOW_TRACKING_URI",
        )
        return
    from credit_platform.model import registry

    number = registry.number_under(settings, settings.model_alias)
    if number is None:
        yield Finding(
            "note", "registry", f"no version is {settings.model_alias}", "credit-platform run; it promotes the first"
        )
        return
    yield Finding("ok", "registry", f"version {number} of {settings.model_name} decides")


def _reachable(url: str) -> bool:
    place = urlsplit(url)
    usual = {"https": 443, "postgresql": 5432}.get(place.scheme, 80)
    try:
        with socket.create_connection((place.hostname or "", place.port or usual), _PATIENCE_SECONDS):
            return True
    except OSError:
        return False


def _decision_log(settings: Settings) -> Iterator[Finding]:
    from serving.decisions.errors import DecisionLogError
    from serving.decisions.log import DecisionLog

    embedded = settings.data_dir / "decisions" / "decisions.db"
    if not settings.decisions_url.get_secret_value() and not embedded.exists():
        yield Finding("note", "decision log", "there is none yet", "the API makes it with its first start")
        return
    try:
        with DecisionLog.open(settings, create=False) as log:
            if log.database.is_current():
                yield Finding("ok", "decision log", "can be opened; credit-platform verify-log proves what is in it")
            else:
                yield Finding("wrong", "decision log", "its tables are of an older version", "credit-platform migrate")
    except DecisionLogError as error:
        yield Finding("wrong", "decision log", str(error), "credit-platform migrate makes one that is not there")


def _incidents(settings: Settings) -> Iterator[Finding]:
    from credit_platform.alerting.store import AlertStore, AlertStoreError

    if url := settings.alert_url.get_secret_value():
        state: State = "ok" if _reachable(url) else "wrong"
        found = f"{'something answers' if state == 'ok' else 'nothing answers'} at {urlsplit(url).hostname}"
        yield Finding(
            state, "incidents", found, "" if state == "ok" else "mend CREDIT_ALERT_URL, or start the database"
        )
        return
    try:
        store = AlertStore.find(settings)
    except AlertStoreError as error:
        yield Finding("wrong", "incidents", str(error), "restore a backup")
        return
    if store is None:
        yield Finding("ok", "incidents", "none was ever opened")
        return
    store.close()
    yield Finding("ok", "incidents", "can be read")


def _ports(wanted: Mapping[str, int]) -> Iterator[Finding]:
    for name, port in wanted.items():
        with socket.socket() as probe:
            probe.settimeout(_PATIENCE_SECONDS)
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        found = f"{port} for {name} {'is taken' if taken else 'is free'}"
        advice = "by the platform itself if it runs; else choose another: credit-platform up --help" if taken else ""
        yield Finding("note" if taken else "ok", "port", found, advice)
