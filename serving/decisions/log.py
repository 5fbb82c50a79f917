"""The door to the decision log: open it, put decisions and outcomes on record, look them up.

    with DecisionLog.open(settings) as log:
        receipt = log.record(Decision(...), Personal(...))   # durable, or DecisionLogError
        receipt = await log.record_async(...)
        log.get(receipt.id)

Not here: erasing (`erasure.py`) and proving that nothing was changed (`verification.py`).
"""

import logging
import os
import time as clock
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Row, Select, insert, select

from credit_platform.settings import Settings
from serving.decisions.chain import Entry, Head, append
from serving.decisions.database import Database
from serving.decisions.entries import (
    Decision,
    Outcome,
    Personal,
    Receipt,
    Record,
    first_id,
    micros,
    moment,
    new_id,
    now,
    written,
)
from serving.decisions.errors import DecisionLogError, ErasedError, UnknownDecisionError
from serving.decisions.keys import LogKeys, MasterKeys, make_key_file, read_key_file
from serving.decisions.schema import keys, records, secret
from serving.decisions.writer import GroupCommit

logger = logging.getLogger(__name__)

_HEAD_SECONDS = 1.0
_PAGE = 500

_SEALED = (
    select(records, keys.c.client, keys.c.wrapped)
    .join(keys, keys.c.id == records.c.id, isouter=True)
    .where(records.c.event == "decision")
)
_UNSEALED = select(*(column for column in records.c if column.name != "sealed")).where(records.c.event == "decision")


class DecisionLog:
    """One log, for all threads and tasks of a process. Several processes may write the same one."""

    def __init__(self, database: Database, log_keys: LogKeys, folder: Path) -> None:
        self.database = database
        self.keys = log_keys
        self.head_file = folder / f"head-{log_keys.name}.json"
        self._writer = GroupCommit(self._write)
        self._newest: Receipt | None = None
        self._head_due = 0.0

    @classmethod
    def open(cls, settings: Settings, *, create: bool = True) -> Self:
        """Opens the log of the settings; makes it, its tables and its key file where there are none and it may.

        Raises:
            DecisionLogError: it can't be opened; the message says what to do.
        """
        folder = settings.data_dir / "decisions"
        embedded = URL.create("sqlite", database=str(folder / "decisions.db"))
        database = Database(settings.decisions_url.get_secret_value() or embedded)
        try:
            if create:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                database.migrate()
            elif not database.exists():
                raise DecisionLogError("There is no decision log; CREDIT_DATA_DIR or CREDIT_DECISIONS_URL say where.")
            given = settings.decisions_key.get_secret_value() if settings.decisions_key else ""
            return cls(database, _log_keys(database, given, folder / "master.key"), folder)
        except BaseException as error:
            database.close()
            if isinstance(error, OSError):
                raise DecisionLogError(f"The decision log can't be opened in {folder} ({error.strerror}).") from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes nothing more on, and returns when all that waits is durable."""
        self._writer.close()
        self.keep_head()
        self.database.close()

    @property
    def waiting(self) -> int:
        """Entries of this process that are not durable yet."""
        return self._writer.waiting

    # Putting on record

    def record(self, decision: Decision, personal: Personal) -> Receipt:
        """Returns once the decision is durable; only then may it be answered.

        Raises:
            DecisionLogBusyError: too many wait already.
            DecisionLogError: it could not be recorded.
            ValueError: it holds NaN, infinity or what JSON lacks, so that it can't be recorded exactly.
        """
        return self.record_all([(decision, personal)])[0]

    def record_all(self, decisions: Sequence[tuple[Decision, Personal]]) -> list[Receipt]:
        """The same for many, all in one transaction."""
        return self._writer.write(self._entries(decisions)) if decisions else []

    async def record_async(self, decision: Decision, personal: Personal) -> Receipt:
        """`record` for asyncio."""
        return (await self.record_all_async([(decision, personal)]))[0]

    async def record_all_async(self, decisions: Sequence[tuple[Decision, Personal]]) -> list[Receipt]:
        """`record_all` for asyncio."""
        return await self._writer.write_async(self._entries(decisions)) if decisions else []

    def record_outcome(
        self,
        *,
        defaulted: bool,
        observed_on: date,
        source: str,
        decision_id: str | None = None,
        client: int | str | None = None,
    ) -> Receipt:
        """Puts an outcome on record, of a decision or of a client (see `decision_of`). Again the same is no new entry;
        another one corrects it: the latest counts.

        Raises:
            UnknownDecisionError: there is no such decision.
            DecisionLogError: it could not be recorded.
        """
        if decision_id is None:
            if client is None:
                raise ValueError("an outcome needs a decision or a client")
            decision_id = self.decision_of(client, observed_on)
        outcome = Outcome(decision_id=decision_id, defaulted=defaulted, observed_on=observed_on, source=source)
        return self.record_outcomes([outcome])[0]

    def record_outcomes(self, outcomes: Sequence[Outcome]) -> list[Receipt]:
        """The same for many, some hundred per transaction. After an error, the same call again is right.

        Raises:
            UnknownDecisionError: one of the decisions is not on record; nothing was recorded.
            DecisionLogError: some could not be recorded.
        """
        wanted = list({outcome.decision_id for outcome in outcomes})
        found: set[str] = set()
        with self.database.reading() as connection:
            for i in range(0, len(wanted), _PAGE):
                page = records.c.id.in_(wanted[i : i + _PAGE]), records.c.event == "decision"
                found |= set(connection.execute(select(records.c.id).where(*page)).scalars())
        if missing := set(wanted) - found:
            raise UnknownDecisionError(f"no decision {min(missing)} is on record")
        receipts = []
        for i in range(0, len(outcomes), _PAGE):
            at = now()
            receipts += self._writer.write(
                [Entry(new_id(at), at, "outcome", o.to_json(), subject=o.decision_id) for o in outcomes[i : i + _PAGE]]
            )
        return receipts

    # Looking up

    def get(self, decision_id: str) -> Record:
        """One decision.

        Raises:
            UnknownDecisionError: it is not on record.
            DecisionLogError: the log can't be read, or what was sealed was changed.
        """
        found = self._records(_SEALED.where(records.c.id == decision_id))
        if not found:
            raise UnknownDecisionError(f"no decision {decision_id} is on record")
        return found[0]

    def inputs(self, decision_id: str) -> dict[str, Any]:
        """Exactly what was scored.

        Raises:
            UnknownDecisionError: the decision is not on record.
            ErasedError: its inputs were erased.
            DecisionLogError: the log can't be read, or what was sealed was changed.
        """
        personal = self.get(decision_id).personal
        if personal is None:
            raise ErasedError(f"the inputs of decision {decision_id} were erased")
        return dict(personal.inputs)

    def of_client(self, client: int | str, *, limit: int = 20, before: str | None = None) -> list[Record]:
        """A client's decisions, newest first; for the next page, `before` is the last id of this one."""
        query = _SEALED.where(keys.c.client == self.keys.pseudonym(client))
        if before is not None:
            query = query.where(keys.c.id < before)
        return self._records(query.order_by(keys.c.id.desc()).limit(limit))

    def since(self, *, sequence: int = 0, time: datetime | None = None, personal: bool = True) -> Iterator[Record]:
        """Decisions in pages of bounded memory: those after a place in the chain, in its order; or those made at a
        time or later, in the order of time. Who wants to miss none goes on from the last sequence seen, not from a
        time. Without `personal` nothing is unsealed.
        """
        column, last = (records.c.sequence, sequence) if time is None else (records.c.id, first_id(micros(time)))
        query = (_SEALED if personal else _UNSEALED).order_by(column).limit(_PAGE)
        while page := self._records(query.where(column > last)):
            yield from page
            last = page[-1].sequence if time is None else page[-1].id

    def outcomes(self, decision_id: str) -> list[Outcome]:
        """All outcomes reported of a decision; the last one counts."""
        query = select(records.c.body).where(records.c.subject == decision_id).order_by(records.c.sequence)
        with self.database.reading() as connection:
            return [Outcome.from_json(decision_id, body) for body in connection.execute(query).scalars()]

    def decision_of(self, client: int | str, by: date) -> str:
        """The newest decision on a client made on or before a day (UTC): the one its outcome is about.

        Raises:
            UnknownDecisionError: there is none, or it was erased.
        """
        after = first_id(micros(datetime.combine(by, time_of_day.max, UTC)) + 1)
        query = (
            select(keys.c.id)
            .where(keys.c.client == self.keys.pseudonym(client), keys.c.id < after)
            .order_by(keys.c.id.desc())
            .limit(1)
        )
        with self.database.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise UnknownDecisionError(f"no decision on this client by {by} is on record")
        return str(found)

    def _entries(self, decisions: Sequence[tuple[Decision, Personal]]) -> list[Entry]:
        entries = []
        for decision, personal in decisions:
            at = now()
            name = new_id(at)
            client = None if personal.client is None else self.keys.pseudonym(personal.client)
            sealed, wrapped = self.keys.seal(name, client, written(personal))
            entries.append(
                Entry(name, at, "decision", written(decision).decode(), sealed=sealed, client=client, wrapped=wrapped)
            )
        return entries

    def _write(self, entries: Sequence[Entry]) -> list[Receipt]:
        with self.database.writing() as connection:
            receipts = self._append(connection, entries)
        self.keep_head(receipts[-1])
        return receipts

    def _append(self, connection: Connection, entries: Sequence[Entry]) -> list[Receipt]:
        """Appends, except outcomes that are the latest of their decision already."""
        subjects = {entry.subject for entry in entries if entry.subject}
        if not subjects:
            return append(connection, entries, self.keys.chain)
        query = select(records).where(records.c.subject.in_(subjects)).order_by(records.c.sequence)
        known = connection.execute(query).all()
        latest: dict[str | None, Row | Entry] = {row.subject: row for row in known}
        receipts = {row.id: _receipt(row) for row in known}
        new, ids = [], []
        for entry in entries:
            said = latest.get(entry.subject) if entry.subject else None
            if said is None or said.body != entry.body:
                new.append(entry)
                said = latest[entry.subject] = entry
            ids.append(said.id)
        receipts |= {receipt.id: receipt for receipt in append(connection, new, self.keys.chain)}
        return [receipts[i] for i in ids]

    def keep_head(self, newest: Receipt | None = None) -> None:
        """Leaves the newest head beside the log, now and then, and always without `newest`. Never fails: a decision
        that is on record must not.
        """
        self._newest = newest or self._newest
        if self._newest is None or (newest and clock.monotonic() < self._head_due):
            return
        self._head_due = clock.monotonic() + _HEAD_SECONDS
        try:
            Head.of(self._newest, self.keys.head).write(self.head_file)
        except (OSError, DecisionLogError) as error:
            logger.warning("the head of the decision log can't be kept: %s", error)

    def _records(self, query: Select) -> list[Record]:
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
            ids = [row.id for row in rows]
            reported = select(records).where(records.c.subject.in_(ids)).order_by(records.c.sequence)
            outcomes = {row.subject: row.body for row in connection.execute(reported)} if ids else {}
        return [self._record(row, outcomes.get(row.id)) for row in rows]

    def _record(self, row: Row, outcome: str | None) -> Record:
        opened = getattr(row, "wrapped", None) is not None
        return Record(
            row.id,
            row.sequence,
            moment(row.at),
            row.hash.hex(),
            Decision.from_json(row.body),
            Personal.from_json(self.keys.open(row.id, row.client, row.sealed, row.wrapped)) if opened else None,
            Outcome.from_json(row.id, outcome) if outcome else None,
        )


def _receipt(row: Row) -> Receipt:
    return Receipt(row.id, row.sequence, moment(row.at), row.hash.hex(), row.subject)


def _log_keys(database: Database, given: str, file: Path) -> LogKeys:
    """The log's keys. The first one to open a log makes its secret, and its master key where none was given."""
    wrapped = select(secret.c.wrapped)
    with database.reading() as connection:
        found = connection.execute(wrapped).scalar_one_or_none()
    if found is None:
        with database.writing() as connection:
            found = connection.execute(wrapped).scalar_one_or_none()
            if found is None:
                first = _master_keys(given, file) or make_key_file(file)
                found = first.wrap(os.urandom(32), b"secret")
                connection.execute(insert(secret), {"only": 1, "wrapped": found})
    masters = _master_keys(given, file)
    if masters is None:
        raise DecisionLogError(f"The decision log's key is missing: set CREDIT_DECISIONS_KEY, or put {file} back.")
    return LogKeys(masters, masters.unwrap(found, b"secret"))


def _master_keys(given: str, file: Path) -> MasterKeys | None:
    return MasterKeys.parse(given) if given else read_key_file(file)
