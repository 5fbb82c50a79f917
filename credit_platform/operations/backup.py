"""A backup of the data folder while everything runs, and an empty data folder made whole from one.

Nothing has to stop: versions of tables never change, databases of SQLite are copied by SQLite itself, and landing is
kept out for as long as its folder is copied. Parts are copied in such an order that whatever one part names is in a
part copied after it: Dagster names tables, scores and decisions name versions of the model, versions name artifacts. A
backup is there only when it is complete, and an index holds the digest of every file. Left out are the master key of
the decision log, which must not lie beside what it opens, and what can be fetched again. Not here: PostgreSQL, MLflow
servers and object stores, which have backups of their own.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

from credit_platform.lake.files import atomic_folder, drafting, exclusive, replace_folders, room_for, to_disk
from credit_platform.lake.versions import MANIFEST
from credit_platform.settings import Settings

INDEX = "backup.json"
_PARTS = ("dagster", "decisions", "monitoring", "lake", "landing", "model", "mlflow", "api-keys.json")
_NOT_COPIED = frozenset({"decisions/master.key", "mlflow/versions"})
"""The key of the log; copies of what an MLflow server has."""
_SQLITE = b"SQLite format 3\0"
_PLACES = ("artifact_location", "artifact_uri", "source", "storage_location")
"""Columns of MLflow's tables that name folders."""

Progress = Callable[[str], None]


class BackupError(Exception):
    """A backup can't be made or restored; the message says why and what to do."""


@dataclass
class Backup:
    """What was copied, and what a person should know of it."""

    folder: Path
    files: int = 0
    size: int = 0
    notes: list[str] = field(default_factory=list)


def back_up(settings: Settings, folder: Path, keep: int = 0, progress: Progress = lambda _: None) -> Backup:
    """Copies the data folder to a new one below `folder`, named by the time; `keep` so many of them, or with 0 all.

    Raises:
        BackupError: there is nothing to copy, or `folder` lies within the data folder.
        NoRoomError: the disk is full; nothing was left behind.
    """
    source, now = settings.data_dir, datetime.now(UTC)
    if folder.absolute().is_relative_to(source):
        raise BackupError(f"{folder} lies in what is to be backed up; name a folder elsewhere, on another disk")
    if not any((source / part).exists() for part in _PARTS):
        raise BackupError(f"{source} holds nothing to back up; CREDIT_DATA_DIR says where the data lie")
    folder.mkdir(parents=True, exist_ok=True)
    made = Backup(folder / f"{now:%Y%m%dT%H%M%SZ}", notes=_elsewhere(settings))
    with atomic_folder(made.folder) as draft, room_for("the backup", draft):
        draft.chmod(0o700)
        copy = _Copy(source, draft, made, progress)
        copy.parts("dagster", "decisions", "monitoring", *(() if settings.lake_uri else ("lake",)))
        with _kept_still(source / "landing"):
            copy.parts("landing")
        # Promotions write to the ledger and to the registry, and hold this lock.
        with _kept_still(source / "model"):
            copy.parts("model", "mlflow/mlflow.db")
        copy.parts("mlflow", "api-keys.json")
        index = {"made_at": now.isoformat(), "data_dir": str(source), "files": copy.digests}
        (draft / INDEX).write_text(json.dumps(index, indent=1), "utf-8")
        for path in (draft / INDEX, draft):
            to_disk(path)
    complete = sorted(path.parent for path in folder.glob(f"*T*Z/{INDEX}"))
    for old in complete[:-keep] if keep else ():
        shutil.rmtree(old)
    return made


def _kept_still(folder: Path) -> AbstractContextManager[None]:
    return exclusive(folder) if folder.is_dir() else nullcontext()


def restore(settings: Settings, backup: Path, progress: Progress = lambda _: None) -> Backup:
    """Brings a backup back into a data folder that is empty; the registry then names places in that folder.

    Raises:
        BackupError: that is no complete backup, a file of it is not what was written, or the data folder is not empty.
        NoRoomError: the disk is full; nothing was restored.
    """
    before, digests = _read(backup)
    target = settings.data_dir
    if present := [part for part in _PARTS if (target / part).exists()]:
        raise BackupError(
            f"{target} holds {', '.join(present)}; move that away, or set CREDIT_DATA_DIR to a new folder"
        )
    target.mkdir(parents=True, exist_ok=True)
    made = Backup(target, notes=_elsewhere(settings))
    with drafting(target) as draft, room_for("the restored data", draft):
        for name, digest in digests.items():
            progress(name)
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy2(backup / name, draft / name)
            except FileNotFoundError:
                raise BackupError(f"{backup / name} is gone; take another backup") from None
            if _digest(draft / name) != digest:
                raise BackupError(f"{backup / name} is not what was written; take another backup")
            made.files, made.size = made.files + 1, made.size + (draft / name).stat().st_size
        if (draft / "mlflow" / "mlflow.db").exists():
            _move_places(draft / "mlflow" / "mlflow.db", before, target)
        if (draft / "decisions").exists():
            (draft / "decisions").chmod(0o700)
            made.notes.append(
                f"the decision log needs its master key: put it into {target / 'decisions' / 'master.key'} (chmod 600) "
                "or CREDIT_DECISIONS_KEY, then run credit-platform verify-log"
            )
        replace_folders({draft / part: target / part for part in _PARTS if (draft / part).exists()})
    return made


def _elsewhere(settings: Settings) -> list[str]:
    places = {
        "the lake": settings.lake_uri,
        "the decision log": "PostgreSQL" if settings.decisions_url.get_secret_value() else "",
        "incidents": "PostgreSQL" if settings.alert_url.get_secret_value() else "",
        "the registry": "an MLflow server" if settings.mlflow_tracking_uri else "",
        "artifacts of models": settings.mlflow_artifacts_uri,
    }
    return [
        f"{what}: kept by {place}, back it up there (docs/operations.md)" for what, place in places.items() if place
    ]


class _Copy:
    """Copies parts of one folder to another and remembers the digests of what it wrote."""

    def __init__(self, source: Path, target: Path, made: Backup, progress: Progress) -> None:
        self.source, self.target, self.made, self.progress = source, target, made, progress
        self.digests: dict[str, str] = {}
        self._links: dict[tuple[int, int], Path] = {}

    def parts(self, *names: str) -> None:
        """Files or folders, whatever of them is there; of each table the version in force."""
        for name in names:
            self.progress(name)
            self._tree(self.source / name)

    def _tree(self, path: Path) -> None:
        name = path.relative_to(self.source).as_posix()
        if name in self.digests or name in _NOT_COPIED:
            return
        if not path.is_dir():
            with suppress(FileNotFoundError):  # a document that was replaced meanwhile
                self._file(path)
        elif (path / "current").is_file():
            self._table(path)
        else:
            entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
            # The heads of the decision log before the log: one that is newer would say that a tail was lost.
            for entry in sorted(entries, key=lambda entry: (entry.suffix == ".db", entry.name)):
                self._tree(entry)

    def _table(self, folder: Path) -> None:
        # A replaced version stays for an hour at least: it can't vanish while it is copied.
        identity = (folder / "current").read_text("utf-8")
        written = json.loads((folder / identity / MANIFEST).read_bytes())["files"]
        for path in sorted((folder / identity).iterdir()):
            digest = self._file(path)
            if path.name in written and written[path.name]["sha256"] != digest:
                self.made.notes.append(f"{path} is not what was written, nor is its copy; materialise its table again")
        current = self.target / folder.relative_to(self.source) / "current"
        current.write_text(identity, "utf-8")
        self._note(current)

    def _file(self, path: Path) -> str:
        if path.name.endswith(("-wal", "-shm", "-turn", "-next", "-journal")):
            return ""
        target = self.target / path.relative_to(self.source)
        target.parent.mkdir(parents=True, exist_ok=True)
        found = path.stat()
        place = (found.st_dev, found.st_ino)
        if place in self._links:
            os.link(self._links[place], target)
        elif _is_sqlite(path):
            _copy_database(path, target)
        else:
            shutil.copy2(path, target)
            if found.st_nlink > 1:
                self._links[place] = target
        return self._note(target)

    def _note(self, target: Path) -> str:
        digest = self.digests[str(target.relative_to(self.target))] = _digest(target)
        to_disk(target)
        self.made.files, self.made.size = self.made.files + 1, self.made.size + target.stat().st_size
        return digest


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_SQLITE)) == _SQLITE


def _copy_database(path: Path, target: Path) -> None:
    """One state of a database that others may be writing to."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("pragma journal_mode = delete")
    target.chmod(path.stat().st_mode & 0o777)


def _move_places(database: Path, before: Path, now: Path) -> None:
    """MLflow keeps absolute addresses of its folders."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in list(_columns(connection)):
            connection.execute(
                f'update "{table}" set "{column}" = replace("{column}", ?, ?) where "{column}" like ?',
                (before.as_uri(), now.as_uri(), f"{before.as_uri()}/%"),
            )
            connection.execute(
                f'update "{table}" set "{column}" = replace("{column}", ?, ?) where "{column}" like ?',
                (str(before), str(now), f"{before}/%"),
            )


def _columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
        for column in connection.execute(f'pragma table_info("{table}")').fetchall():
            if column[1] in _PLACES:
                yield table, column[1]


def _read(backup: Path) -> tuple[Path, dict[str, str]]:
    """The folder that was backed up, and the digests of the copied files."""
    try:
        index = json.loads((backup / INDEX).read_text("utf-8"))
        return Path(index["data_dir"]), dict(index["files"])
    except FileNotFoundError:
        inside = sorted(path.parent.name for path in backup.glob(f"*/{INDEX}"))
        known = f"; it holds the backups {', '.join(inside)}" if inside else ""
        raise BackupError(f"{backup} is no backup{known}") from None
    except (OSError, ValueError, LookupError) as error:
        raise BackupError(f"{backup / INDEX} can't be read ({type(error).__name__}); take another backup") from None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
