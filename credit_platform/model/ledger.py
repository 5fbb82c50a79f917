"""The promotion ledger: who let which version decide, when and why. It can be added to, never changed.

    <data>/model/promotions/<model>/<number>-<SHA-256 of the content>.json      or below the lake's object store

An entry names the one before it by its hash, so that one that was changed, or removed from the middle, is found; the
newest one's name kept elsewhere shows that the end was cut off, or all of it written anew. Machines that share only an
object store have no lock in common: two entries may then follow the same one, the next follows both, and nothing is
lost.

A move of the champion is two entries: what is to be done, before the alias moves, and that it was done, after. Not
here: the alias and its moves (`succession.py`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import from_json

from credit_platform.lake.files import exclusive
from credit_platform.lake.storage import FolderStorage, Storage, storage
from credit_platform.settings import Settings

Kind = Literal["promotion", "rollback", "refusal", "sign-off request", "found", "done", "dropped"]
"""`found`: the alias was moved by other means. `done` and `dropped` say what became of a promotion or rollback."""

State = Literal["", "under way", "done", "not carried out", "waits", "promoted", "lapsed"]


class LedgerError(RuntimeError):
    """The ledger is not what was written."""


@dataclass(frozen=True)
class Entry:
    """One entry. `name` is its number and the hash of all the rest.

    `by` is who, `why` in their words; versions are None where none decides. `gate_report` is the path of the report
    among the artifacts of `to_version`'s run, `gate_digest` its SHA-256, `overridden` what spoke against the promotion.
    `of` names the move that a `done` or `dropped` is about, `previous` the entries it follows: one, as a rule.
    """

    name: str
    kind: Kind
    at: datetime
    by: str
    why: str
    from_version: str | None
    to_version: str | None
    gate_report: str = ""
    gate_digest: str = ""
    overridden: tuple[str, ...] = ()
    of: str = ""
    previous: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        return int(self.name.partition("-")[0])

    @property
    def is_move(self) -> bool:
        return self.kind in ("promotion", "rollback")


_ADAPTER = TypeAdapter(Entry)


class Line(NamedTuple):
    """A decision as a person reads it: an entry, and what became of it."""

    entry: Entry
    state: State


class Ledger:
    """The entries of one model's ledger, oldest first, and the end to add to."""

    def __init__(self, store: Storage, key: str) -> None:
        self._store, self._key = store, key
        self.entries = _read(store, key)

    def append(
        self,
        kind: Kind,
        *,
        by: str,
        why: str,
        from_version: str | None,
        to_version: str | None,
        gate_report: str = "",
        gate_digest: str = "",
        overridden: Sequence[str] = (),
        of: str = "",
    ) -> Entry:
        """Adds an entry. It is on the disk, or in the object store, when this returns."""
        followed = {name for entry in self.entries for name in entry.previous}
        entry = Entry(
            name="",
            kind=kind,
            at=datetime.now(UTC),
            by=by,
            why=why,
            from_version=from_version,
            to_version=to_version,
            gate_report=gate_report,
            gate_digest=gate_digest,
            overridden=tuple(overridden),
            of=of,
            previous=tuple(entry.name for entry in self.entries if entry.name not in followed),
        )
        content = _ADAPTER.dump_json(entry, indent=1, exclude={"name"})
        number = self.entries[-1].number + 1 if self.entries else 1
        name = f"{number:08}-{sha256(content).hexdigest()}"
        self._store.write(f"{self._key}/{name}.json", content)
        self.entries.append(_entry(name, content))
        return self.entries[-1]

    @property
    def open_moves(self) -> list[Entry]:
        """Moves of which nothing says what became of them."""
        closed = {entry.of for entry in self.entries}
        return [entry for entry in self.entries if entry.is_move and entry.name not in closed]

    @property
    def champion(self) -> str | None:
        """The version that decides, as far as the ledger knows."""
        return next((e.to_version for e in reversed(self.entries) if e.kind in ("done", "found")), None)

    @property
    def line(self) -> list[str]:
        """The versions that a rollback goes back through, the present champion last.

        A rollback takes the versions it goes back over out of the line.
        """
        line: list[str] = []
        rollbacks = {entry.name for entry in self.entries if entry.kind == "rollback"}
        for entry in self.entries:
            if entry.kind in ("done", "found") and entry.to_version is not None:
                if entry.of in rollbacks and entry.to_version in line:
                    while line[-1] != entry.to_version:
                        line.pop()
                else:
                    line.append(entry.to_version)
        return line

    def champions(self) -> set[str]:
        """All versions that have ever decided."""
        return {e.to_version for e in self.entries if e.kind in ("done", "found") and e.to_version is not None}

    def judged(self, version: str) -> Entry | None:
        """The entry that names the newest gate report of a version."""
        return next((e for e in reversed(self.entries) if e.to_version == version and e.gate_digest), None)

    def rolled_back(self, version: str) -> Entry | None:
        """The newest rollback that took the decisions away from a version."""
        done = {entry.of for entry in self.entries if entry.kind == "done"}
        rollbacks = (e for e in reversed(self.entries) if e.kind == "rollback" and e.from_version == version)
        return next((e for e in rollbacks if e.name in done), None)

    def history(self) -> list[Line]:
        """The decisions, oldest first."""
        ends = {entry.of: entry.kind for entry in self.entries if entry.of}
        return [
            Line(entry, self._state(entry, ends.get(entry.name)))
            for entry in self.entries
            if entry.kind not in ("done", "dropped")
        ]

    def _state(self, entry: Entry, end: Kind | None) -> State:
        if entry.is_move:
            return "under way" if end is None else "done" if end == "done" else "not carried out"
        if entry.kind != "sign-off request":
            return ""
        later = [e for e in self.entries if e.number > entry.number]
        if any(e.kind == "done" and e.to_version == entry.to_version for e in later):
            return "promoted"
        judged_again = any(
            e.to_version == entry.to_version and e.gate_digest not in ("", entry.gate_digest) for e in later
        )
        return "lapsed" if judged_again or self.champion != entry.from_version else "waits"


@contextmanager
def opened(settings: Settings) -> Iterator[Ledger]:
    """The ledger of the configured model; for the length of the block no other process of this machine opens it.

    Raises:
        LedgerError: the ledger is not what was written.
    """
    home = settings.data_dir / "model"
    home.mkdir(parents=True, exist_ok=True)
    with exclusive(home):
        yield Ledger(*_place(settings))


def read(settings: Settings) -> Ledger:
    """The ledger for those who only look: nothing is written, and nobody waits, for entries come whole.

    Raises:
        LedgerError: the ledger is not what was written.
    """
    return Ledger(*_place(settings))


def where(settings: Settings) -> str:
    """Where the ledger lies, for messages."""
    store, key = _place(settings)
    return f"{settings.lake_uri}/{key}" if settings.lake_uri else str(store.root / key)


def problems(settings: Settings, newest: str | None = None) -> list[str]:
    """What is wrong with the ledger, in sentences; nothing where all is as it was written.

    `newest` is the name of an entry that is known to have been written.
    """
    store, key = _place(settings)
    contents = _contents(store, key)
    found = _problems(contents)
    if newest and newest not in contents:
        found.append(f"entry {newest}, which the registry names, is missing")
    return found


def _place(settings: Settings) -> tuple[Storage, str]:
    """The lake's object store where there is one, since all machines share it.

    Otherwise a folder beside the lake: a lake can be built again, a ledger can't.
    """
    store = storage(settings) if settings.lake_uri else FolderStorage(settings.data_dir / "model")
    return store, f"promotions/{settings.model_name}"


def _read(store: Storage, key: str) -> list[Entry]:
    contents = _contents(store, key)
    if found := _problems(contents):
        raise LedgerError(f"the promotion ledger is damaged: {'; '.join(found)}; restore {key} from a backup")
    return sorted((_entry(*item) for item in contents.items()), key=lambda entry: (entry.number, entry.at))


def _contents(store: Storage, key: str) -> dict[str, bytes]:
    """The entries' bytes by their names."""
    names = [name.removesuffix(".json") for name in store.names(key)]
    return {name: store.read(f"{key}/{name}.json") or b"" for name in names}


def _problems(contents: dict[str, bytes]) -> list[str]:
    found = []
    for name, content in contents.items():
        number, _, digest = name.partition("-")
        if sha256(content).hexdigest() != digest or not number.isdecimal():
            found.append(f"entry {name} is not what was written")
            continue
        try:
            previous = _entry(name, content).previous
        except (ValueError, TypeError):
            found.append(f"{name} is no entry")
            continue
        found += [
            f"entry {missing}, which {name} follows, is missing" for missing in previous if missing not in contents
        ]
        follows = max((int(before.partition("-")[0]) for before in previous), default=0)
        if int(number) != follows + 1:
            found.append(f"entry {name} is not where it was written")
    return found


def _entry(name: str, content: bytes) -> Entry:
    return _ADAPTER.validate_python({**from_json(content), "name": name})
