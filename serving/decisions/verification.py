"""Proves that the log is what was written: walks the chain from its start and names the first entry that is not right.

It finds an entry that was changed, deleted, put in, moved or forged, a key that was changed or vanished without an
erasure on record, and, by the heads kept apart from the log, a tail that was cut off. Memory is bounded by a page.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from sqlalchemy import Connection, Row, Table, func, select
from sqlalchemy.exc import DBAPIError

from serving.decisions.chain import START, Head, code, digest_of, link
from serving.decisions.errors import DecisionLogError
from serving.decisions.keys import LogKeys
from serving.decisions.log import DecisionLog
from serving.decisions.schema import keys, records

_PAGE = 256

Progress = Callable[[int, int], None]
"""Is told how many entries are checked, and of how many."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. All is well where there is no problem; nothing is known of what comes after one."""

    entries: int
    decisions: int
    erased: int
    heads: int
    newest: str
    problem: str | None


def verify(log: DecisionLog, heads: Iterable[Path] = (), progress: Progress | None = None) -> Report:
    """Checks the whole log against itself, the head beside it, and copies of heads that were kept elsewhere.

    `heads` counts those compared, `newest` is the hash of the last entry, `erased` counts decisions whose key is gone.

    Raises:
        DecisionLogError: the log can't be read, or a file is no head.
    """
    files = [*heads, *([log.head_file] if log.head_file.exists() else [])]
    with log.database.reading() as connection:
        return _Walk(connection, log.keys, [(file, Head.read(file)) for file in files]).report(progress)


class _ProblemError(Exception):
    """Ends the walk."""


class _Walk:
    def __init__(self, connection: Connection, log_keys: LogKeys, heads: list[tuple[Path, Head]]) -> None:
        self._connection = connection
        self._keys = log_keys
        self._heads = heads
        self._entries = self._decisions = self._sealed = self._destroyed = 0
        self._hash = START

    def report(self, progress: Progress | None) -> Report:
        total = self._count(records)
        problem = None
        try:
            self._check_signatures()
            for row in self._rows():
                self._check(row)
                if progress and (self._entries % _PAGE == 0 or self._entries == total):
                    progress(self._entries, total)
            self._check_end()
        except _ProblemError as found:
            problem = str(found)
        return Report(
            entries=self._entries,
            decisions=self._decisions,
            erased=self._decisions - self._sealed,
            heads=len(self._heads),
            newest=self._hash.hex(),
            problem=problem,
        )

    def _rows(self) -> Iterator[Row]:
        """All entries in their order, with what opens them."""
        query = select(records, keys.c.client, keys.c.wrapped, keys.c.id.label("key"))
        query = query.join(keys, keys.c.id == records.c.id, isouter=True).order_by(records.c.sequence)
        last, size = -(2**63), _PAGE
        while True:
            try:
                page = self._connection.execute(query.where(records.c.sequence > last).limit(size)).all()
            except DBAPIError:
                if size == 1:
                    raise _ProblemError(f"entry {self._entries + 1} can't be read") from None
                size = 1  # to name the one
                continue
            if not page:
                return
            yield from page
            last = page[-1].sequence

    def _check(self, row: Row) -> None:
        expected = self._entries + 1
        if row.sequence != expected:
            missing = f"entry {expected} is missing" if row.sequence > expected else f"entry {row.sequence} was put in"
            raise _ProblemError(missing)
        name = f"entry {expected} ({row.event} {row.id})"
        content = digest_of(row.id, row.at, row.event, row.subject, row.body, row.sealed)
        current = link(self._hash, expected, content)
        if not _same(current, row.hash):
            raise _ProblemError(f"{name} is not what was put on record, or not where it was")
        if not _same(code(self._keys.chain, current), row.mac):
            raise _ProblemError(f"{name} was not put on record by this log")
        for file, head in self._heads:
            if head.sequence == expected and head.hash != current.hex():
                raise _ProblemError(f"{name} is not the one that {file} names: the log was rewritten up to there")
        if row.event == "decision":
            self._decisions += 1
            self._check_key(row, name)
        elif row.event in ("erasure", "retention"):
            self._destroyed += json.loads(row.body)["destroyed"]
        self._hash, self._entries = current, expected

    def _check_key(self, row: Row, name: str) -> None:
        if row.key is None:
            return
        try:
            self._keys.key_of(row.id, row.client, row.wrapped)
        except (DecisionLogError, TypeError):
            raise _ProblemError(
                f"the key of {name} was changed, or CREDIT_DECISIONS_KEY lacks its master key"
            ) from None
        self._sealed += 1

    def _check_signatures(self) -> None:
        for file, head in self._heads:
            if not head.genuine(self._keys.head):
                raise _ProblemError(f"{file} was not signed by this log")

    def _check_end(self) -> None:
        for file, head in self._heads:
            if head.sequence > self._entries:
                raise _ProblemError(
                    f"the log ends with entry {self._entries}, but {file} names entry {head.sequence} of {head.at}: "
                    "the tail was cut off"
                )
        if orphans := self._count(keys) - self._sealed:
            raise _ProblemError(f"{orphans} keys belong to no decision on record: the log lost entries")
        erased = self._decisions - self._sealed
        if erased > self._destroyed:
            raise _ProblemError(f"{erased - self._destroyed} keys vanished without an erasure on record")
        if erased < self._destroyed:
            raise _ProblemError(f"{self._destroyed - erased} destroyed keys are back: destroy them again")

    def _count(self, table: Table) -> int:
        return int(self._connection.execute(select(func.count()).select_from(table)).scalar_one())


def _same(expected: bytes, found: object) -> bool:
    return isinstance(found, bytes) and compare_digest(expected, found)
