"""Where incidents, their history, messages and what is still to be delivered are kept: one small database.

A database rather than a table of the lake, because sensors, the API and the command line change the same few rows at
the same time, and a change of incidents and the message about it must be written together or not at all. SQLite under
the data directory, or PostgreSQL. `alert_events` is only ever added to. No row holds anything about clients.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from credit_platform.alerting.incidents import Incident
from credit_platform.alerting.messages import Message
from credit_platform.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PATIENCE_SECONDS = 10
_LOCK = 0x63726564_616C7274
"""Number of the advisory lock that writers take in PostgreSQL."""

_metadata = MetaData()
_incidents = Table(
    "alert_incidents",
    _metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("last_at", Float, nullable=False, comment="Seconds since 1970."),
    Column("document", Text, nullable=False),
    Index("alert_incidents_last_at", "last_at"),
)
Index(
    "alert_incidents_one_for_a_cause",
    _incidents.c.key,
    unique=True,
    sqlite_where=_incidents.c.status != "resolved",
    postgresql_where=_incidents.c.status != "resolved",
)
_events = Table(
    "alert_events",
    _metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("incident", String(32), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("who", String(200), nullable=False),
    Column("said", Text, nullable=False),
)
_messages = Table(
    "alert_messages",
    _metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Float, nullable=False),
    Column("document", Text, nullable=False),
)
_deliveries = Table(
    "alert_deliveries",
    _metadata,
    Column("message", String(32), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float, comment="Empty where it was delivered, or given up.", index=True),
    Column("done_at", Float),
    Column("error", Text, nullable=False),
)
_marks = Table(
    "alert_marks",
    _metadata,
    Column("name", String(200), primary_key=True, comment="What was looked at, or who did."),
    Column("value", Text, nullable=False),
    Column("at", Float, nullable=False),
)
_INCIDENT = TypeAdapter(Incident)


class AlertStoreError(RuntimeError):
    """The alerts can't be read or written."""


@dataclass(frozen=True)
class Entry:
    """A line of an incident's history."""

    incident: str
    at: datetime
    kind: str
    who: str
    said: str


@dataclass(frozen=True)
class Delivery:
    """A message that one channel has not got yet, and how often that was tried."""

    message: Message
    channel: str
    attempts: int


class AlertStore:
    """The database. `transaction` is one block that no other writer shares; all errors leave as AlertStoreError."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(
            _parse(url),
            connect_args={"timeout": _PATIENCE_SECONDS} if url.startswith("sqlite") else {"connect_timeout": 5},
            hide_parameters=True,
        )
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        if self._is_sqlite:
            event.listen(self._engine, "connect", _own_transactions)
        event.listen(self._engine, "begin", _begin)
        with self.reading() as present:
            complete = present.is_complete
        if not complete:
            with self._errors(), self._engine.execution_options(writes=True).begin() as connection:
                _metadata.create_all(connection)

    @classmethod
    def of(cls, settings: Settings) -> "AlertStore":
        """The store that the settings name.

        Raises:
            AlertStoreError: it can't be opened.
        """
        url = settings.alert_url.get_secret_value()
        if not url:
            settings.monitoring_dir.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{_file(settings)}"
        return cls(url)

    @classmethod
    def find(cls, settings: Settings) -> "AlertStore | None":
        """The store that the settings name, or None where nothing was ever written to it.

        Raises:
            AlertStoreError: it can't be opened.
        """
        here = not settings.alert_url.get_secret_value()
        return None if here and not _file(settings).exists() else cls.of(settings)

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """Reads and writes that no other writer comes between; undone when the block fails."""
        with self._errors(), self._engine.execution_options(writes=True).begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def reading(self) -> Iterator["Transaction"]:
        """One state of the database, to read from."""
        with self._errors(), self._engine.begin() as connection:
            yield Transaction(connection)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> "AlertStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise AlertStoreError(f"the alerts can't be read or written ({type(cause).__name__})") from error


class Transaction:
    """What can be read and written within one transaction."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    @property
    def is_complete(self) -> bool:
        """Whether all tables are there."""
        there = inspect(self._connection).get_table_names()
        return set(_metadata.tables) <= set(there)

    def unresolved(self) -> dict[str, Incident]:
        """The incidents that are suspected or open, by key."""
        query = select(_incidents.c.document).where(_incidents.c.status != "resolved").order_by(_incidents.c.last_at)
        found = (_INCIDENT.validate_json(document) for document in self._connection.scalars(query))
        return {incident.key: incident for incident in found}

    def incidents(self, status: Sequence[str] = (), limit: int = 100, before: datetime | None = None) -> list[Incident]:
        """Incidents of some states (empty: of all), the newest first."""
        query = select(_incidents.c.document).order_by(_incidents.c.last_at.desc(), _incidents.c.id).limit(limit)
        if status:
            query = query.where(_incidents.c.status.in_(status))
        if before is not None:
            query = query.where(_incidents.c.last_at < before.timestamp())
        return [_INCIDENT.validate_json(document) for document in self._connection.scalars(query)]

    def incident(self, identity: str) -> Incident | None:
        query = select(_incidents.c.document).where(_incidents.c.id == identity)
        document = self._connection.scalar(query)
        return None if document is None else _INCIDENT.validate_json(document)

    def verdicts(self) -> tuple[int, int]:
        """How many incidents people closed as useful, and as noise."""
        said = select(_events.c.said).where(_events.c.kind == "resolved", _events.c.who != "monitoring")
        found = list(self._connection.scalars(said))
        useful = sum(text.startswith("resolved as useful") for text in found)
        return useful, len(found) - useful

    def put(self, incident: Incident) -> None:
        """Writes an incident as it is now."""
        row = {
            "key": incident.key,
            "status": incident.status,
            "last_at": incident.last_at.timestamp(),
            "document": _INCIDENT.dump_json(incident).decode(),
        }
        changed = self._connection.execute(update(_incidents).where(_incidents.c.id == incident.id).values(row))
        if not changed.rowcount:
            self._connection.execute(insert(_incidents).values(id=incident.id, **row))

    def drop(self, incident: Incident) -> None:
        """Forgets a suspicion that came to nothing."""
        self._connection.execute(delete(_incidents).where(_incidents.c.id == incident.id))

    def note(self, incident: Incident, kind: str, who: str, said: str, at: datetime) -> None:
        """Adds to an incident's history."""
        row = {"incident": incident.id, "at": at.timestamp(), "kind": kind, "who": who, "said": said}
        self._connection.execute(insert(_events).values(row))

    def history(self, identity: str | None = None, limit: int = 1000) -> list[Entry]:
        """What happened, to one incident or to all, oldest first; at most the newest `limit`."""
        query = select(_events).order_by(_events.c.sequence.desc()).limit(limit)
        if identity is not None:
            query = query.where(_events.c.incident == identity)
        rows = self._connection.execute(query).all()
        return [Entry(row.incident, _time(row.at), row.kind, row.who, row.said) for row in reversed(rows)]

    def send(self, message: Message, channels: Sequence[str]) -> None:
        """Puts a message into the outbox, to be delivered once by each channel."""
        self._connection.execute(
            insert(_messages).values(id=message.id, at=message.at.timestamp(), document=message.to_json())
        )
        for channel in channels:
            row = {"message": message.id, "channel": channel, "attempts": 0, "next_at": 0.0, "error": ""}
            self._connection.execute(insert(_deliveries).values(row))

    def due(self, at: datetime, lease: timedelta) -> list[Delivery]:
        """What is to be delivered now, oldest first. Nobody else is given it while the lease lasts."""
        query = (
            select(_deliveries, _messages.c.document)
            .join(_messages, _messages.c.id == _deliveries.c.message)
            .where(_deliveries.c.next_at <= at.timestamp())
            .order_by(_messages.c.at, _deliveries.c.channel)
        )
        found = [
            Delivery(Message.from_json(row.document), row.channel, row.attempts)
            for row in self._connection.execute(query)
        ]
        for delivery in found:
            self._set(delivery, next_at=(at + lease).timestamp())
        return found

    def delivered(self, delivery: Delivery, at: datetime) -> None:
        self._set(delivery, attempts=delivery.attempts + 1, next_at=None, done_at=at.timestamp(), error="")

    def failed(self, delivery: Delivery, error: str, again_at: datetime | None) -> None:
        """Notes that a channel did not take a message; None: it is not tried again."""
        again = again_at.timestamp() if again_at else None
        self._set(delivery, attempts=delivery.attempts + 1, next_at=again, error=error)

    def undelivered(self) -> list[tuple[str, str, int, str]]:
        """Message, channel, attempts and last error of what has not arrived, by channels that took none since."""
        later = _deliveries.alias()
        works = select(func.max(later.c.done_at)).where(later.c.channel == _deliveries.c.channel).scalar_subquery()
        query = (
            select(_deliveries)
            .join(_messages, _messages.c.id == _deliveries.c.message)
            .where(_deliveries.c.done_at.is_(None), works.is_(None) | (works < _messages.c.at))
            .order_by(_deliveries.c.message)
        )
        return [(row.message, row.channel, row.attempts, row.error) for row in self._connection.execute(query)]

    def mark(self, name: str) -> tuple[str, datetime] | None:
        """What was put under a name last, and when."""
        row = self._connection.execute(select(_marks).where(_marks.c.name == name)).one_or_none()
        return None if row is None else (row.value, _time(row.at))

    def set_mark(self, name: str, value: str, at: datetime) -> None:
        row = {"value": value, "at": at.timestamp()}
        if not self._connection.execute(update(_marks).where(_marks.c.name == name).values(row)).rowcount:
            self._connection.execute(insert(_marks).values(name=name, **row))

    def _set(self, delivery: Delivery, **values: Any) -> None:
        where = (_deliveries.c.message == delivery.message.id) & (_deliveries.c.channel == delivery.channel)
        self._connection.execute(update(_deliveries).where(where).values(values))


def _file(settings: Settings) -> Path:
    return settings.monitoring_dir / "alerts.db"


def _parse(url: str) -> Any:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed is not None and parsed.drivername == "sqlite" and parsed.database:
        return parsed
    # The URL itself may hold a password.
    raise AlertStoreError("CREDIT_ALERT_URL must be postgresql://user:password@host/database or sqlite:///path")


def _own_transactions(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # they are begun below


def _begin(connection: "Connection") -> None:
    writes = connection.get_execution_options().get("writes", False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("begin immediate" if writes else "begin")
    elif writes:
        connection.execute(text(f"select pg_advisory_xact_lock({_LOCK})"))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
