"""A table is a row of versions, of which one is in force.

    <lake>/<table>/<cohort>/<version>/bucket-000.parquet ... _manifest.json
    <lake>/<table>/<cohort>/current                  the id of the version in force

A version's files never change, so that whoever reads a table reads one version of it, whatever is written meanwhile.
It comes into force in one step, when all of it is there; a process that dies before leaves the old one. What a version
was made from stands in its manifest, so that whatever would come out the same need not be made again. Replaced
versions are kept for some days and can be restored. Not here: where the bytes lie (`storage.py`).
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import file_digest, sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from credit_platform.lake.files import drafting, room_for
from credit_platform.lake.storage import Storage, storage
from credit_platform.settings import Settings

MANIFEST = "_manifest.json"
"""Underscored, so that readers of the whole folder pass it over."""
_CURRENT = "current"
_GRACE = timedelta(hours=1)
"""How long a replaced version stays at least: somebody may still be reading it."""


class MissingTableError(FileNotFoundError):
    """A table that has not been made yet."""


class DamagedTableError(RuntimeError):
    """A file of a table is not what was written."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a version: the SHA-256 of its bytes, their number, and the fingerprint of what it was made from."""

    sha256: str
    size: int
    made_from: str = ""


@dataclass(frozen=True)
class Version:
    """One version of a table. `content` is the digest of its files, `made_from` of what the whole was made from.

    `facts` are what its writer wants remembered, as JSON. `cohort` is None for a table without partitions.
    """

    table: str
    cohort: str | None
    id: str
    written_at: datetime
    content: str
    made_from: str
    rows: int
    files: Mapping[str, StoredFile]
    facts: Mapping[str, Any]
    _storage: Storage = field(repr=False, compare=False)

    def file(self, name: str) -> Path:
        """One of the version's files as a local path, of the size it was written with.

        Raises:
            DamagedTableError: the file is gone or was cut short.
        """
        try:
            path = self._storage.file(f"{_key(self.table, self.cohort)}/{self.id}/{name}")
            size = path.stat().st_size
        except FileNotFoundError:
            size = None
        if size != self.files[name].size:
            found = "is gone" if size is None else f"holds {size:,} bytes, {self.files[name].size:,} were written"
            raise self._damaged(name, found)
        return path

    def verified(self, name: str) -> Path:
        """The same, its bytes compared with what was written, once by each process.

        Raises:
            DamagedTableError: the file is not what was written.
        """
        path = self.file(name)
        if _digest(path) != self.files[name].sha256:
            raise self._damaged(name, "is not what was written")
        return path

    def folder(self) -> Path:
        """The folder of the version with all its files.

        Raises:
            DamagedTableError: a file is gone or was cut short.
        """
        for name in self.files:
            self.file(name)
        return self._storage.root / _key(self.table, self.cohort) / self.id

    def verified_folder(self) -> Path:
        """The same, all bytes compared with what was written, once by each process.

        Raises:
            DamagedTableError: a file is not what was written.
        """
        for name in self.files:
            self.verified(name)
        return self.folder()

    def is_whole(self) -> bool:
        """Whether every file is what was written."""
        try:
            self.verified_folder()
        except DamagedTableError:
            return False
        return True

    def _damaged(self, name: str, found: str) -> DamagedTableError:
        versions_of = f"credit-platform versions {self.table} {self.cohort or ''}".rstrip()
        return DamagedTableError(
            f"{self}: {name} {found}; materialise {self.table} again, or restore an older version ({versions_of})"
        )

    def __str__(self) -> str:
        return f"{self.table}{f' of cohort {self.cohort}' if self.cohort else ''}"


@dataclass
class Draft:
    """A version in the making: a folder to fill, then to publish."""

    table: str
    cohort: str | None
    folder: Path
    _settings: Settings
    _kept: dict[str, tuple[str, StoredFile]] = field(default_factory=dict)

    def keep(self, version: Version, name: str) -> None:
        """Takes a file of an earlier version over as it is."""
        os.link(version.file(name), self.folder / name)
        self._kept[name] = (f"{_key(self.table, self.cohort)}/{version.id}/{name}", version.files[name])

    def publish(
        self,
        rows: int,
        made_from: str = "",
        files_made_from: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Version:
        """Brings what was written into force. Where the content is that of the version in force, that one stays."""
        made = files_made_from or {}
        files = {
            path.name: self._kept[path.name][1]
            if path.name in self._kept
            else StoredFile(_digest(path), path.stat().st_size, made.get(path.name, ""))
            for path in sorted(self.folder.iterdir())
        }
        content = sha256(json.dumps([(name, file.sha256) for name, file in files.items()]).encode()).hexdigest()
        now, place = datetime.now(UTC), storage(self._settings)
        present = current(self._settings, self.table, self.cohort)
        same = present is not None and present.content == content and present.is_whole()
        if present is not None and same:
            identity, written_at = present.id, present.written_at
        else:
            identity, written_at = f"{now:%Y%m%dT%H%M%S%fZ}-{content[:8]}", now
        version = Version(
            self.table, self.cohort, identity, written_at, content, made_from, rows, files, dict(facts or {}), place
        )
        key = _key(self.table, self.cohort)
        if same:
            place.write(f"{key}/{identity}/{MANIFEST}", _as_json(version))
        else:
            (self.folder / MANIFEST).write_bytes(_as_json(version))
            place.put(self.folder, f"{key}/{identity}", {name: old for name, (old, _) in self._kept.items()})
            place.write(f"{key}/{_CURRENT}", identity.encode())
        _prune(self._settings, self.table, self.cohort, now)
        return version


@contextmanager
def draft(settings: Settings, table: str, cohort: str | None = None) -> Iterator[Draft]:
    """A version to fill and publish within the block; one that was not published is dropped.

    Raises:
        NoRoomError: the disk is full; the version in force stays.
    """
    of = f" of cohort {cohort}" if cohort else ""
    with drafting(storage(settings).root / _key(table, cohort)) as folder, room_for(f"{table}{of}", folder):
        yield Draft(table, cohort, folder, settings)


def current(settings: Settings, table: str, cohort: str | None = None) -> Version | None:
    """The version in force, or None where the table has not been made."""
    identity = storage(settings).read(f"{_key(table, cohort)}/{_CURRENT}")
    return None if identity is None else find_version(settings, table, cohort, identity.decode())


def require(settings: Settings, table: str, cohort: str | None = None) -> Version:
    """The version in force.

    Raises:
        MissingTableError: the table has not been made.
    """
    found = current(settings, table, cohort)
    if found is None:
        of = f" of cohort {cohort}" if cohort else ""
        raise MissingTableError(f"{table}{of} has not been made yet; materialise it first")
    return found


def find_version(settings: Settings, table: str, cohort: str | None, identity: str) -> Version | None:
    """A version by its id, or None where there is none."""
    place = storage(settings)
    content = place.read(f"{_key(table, cohort)}/{identity}/{MANIFEST}")
    return None if content is None else _from_json(content, place)


def versions(settings: Settings, table: str, cohort: str | None = None) -> list[Version]:
    """All versions that are kept, oldest first."""
    names = storage(settings).names(_key(table, cohort))
    found = (find_version(settings, table, cohort, name) for name in names if name != _CURRENT)
    return [version for version in found if version is not None]


def restore(settings: Settings, table: str, cohort: str | None, identity: str) -> Version:
    """Brings an older version back into force. What is made from the table is stale then, until it is made again.

    Raises:
        LookupError: no such version is kept.
        DamagedTableError: a file of the version is not what was written.
    """
    version = find_version(settings, table, cohort, identity)
    if version is None:
        kept = ", ".join(v.id for v in versions(settings, table, cohort)) or "none"
        raise LookupError(f"no version {identity!r} of {_key(table, cohort)} is kept; there are: {kept}")
    version.verified_folder()
    storage(settings).write(f"{_key(table, cohort)}/{_CURRENT}", identity.encode())
    return version


def table_path(settings: Settings, table: str, cohort: str | None = None) -> Path:
    """The folder of the version in force, with its files on this machine.

    Raises:
        MissingTableError: the table has not been made.
        DamagedTableError: a file is not what was written.
    """
    return require(settings, table, cohort).verified_folder()


def cohorts_of(settings: Settings, table: str) -> list[str]:
    """The cohorts of which a table is in the lake, in order."""
    place = storage(settings)
    return [name for name in place.names(table) if place.read(f"{table}/{name}/{_CURRENT}") is not None]


def _prune(settings: Settings, table: str, cohort: str | None, now: datetime) -> None:
    """Removes versions that were replaced longer ago than they are to be kept."""
    kept = versions(settings, table, cohort)
    in_force = current(settings, table, cohort)
    age = max(timedelta(days=settings.keep_versions_days), _GRACE)
    for version, successor in pairwise(kept):
        if version != in_force and now - successor.written_at > age:
            storage(settings).remove(f"{_key(table, cohort)}/{version.id}")


def _key(table: str, cohort: str | None) -> str:
    return table if cohort is None else f"{table}/{cohort}"


def _digest(path: Path) -> str:
    found = path.stat()
    return _digest_once(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest_once(path: Path, size: int, written: int) -> str:  # noqa: ARG001 - a file written to is another
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _as_json(version: Version) -> bytes:
    fields = {name: getattr(version, name) for name in ("table", "cohort", "id", "content", "made_from", "rows")}
    files = {name: asdict(file) for name, file in version.files.items()}
    document = {
        **fields,
        "written_at": version.written_at.isoformat(),
        "files": files,
        "facts": dict(version.facts),
    }
    return json.dumps(document, indent=1).encode()


def _from_json(content: bytes, place: Storage) -> Version:
    document = json.loads(content)
    return Version(
        table=document["table"],
        cohort=document["cohort"],
        id=document["id"],
        written_at=datetime.fromisoformat(document["written_at"]),
        content=document["content"],
        made_from=document["made_from"],
        rows=document["rows"],
        files={name: StoredFile(**fields) for name, fields in document["files"].items()},
        facts=document["facts"],
        _storage=place,
    )
