"""The database of the log: SQLite in WAL mode, or PostgreSQL. What either needs for a commit to be durable is here.

A writing transaction keeps every other writer out from its start, in whatever process: that is what makes one chain of
many writers. A reading one sees a snapshot. Not here: what is written.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from serving.decisions.errors import DecisionLogError
from serving.decisions.schema import REVISION, VERSION_TABLE, keys, records, secret

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

_PATIENCE_SECONDS = 5
"""How long a writer waits for another one's transaction, or for a connection."""

_LOCK = 0x63726564_6C6F6773
"""Number of the advisory lock that writers take in PostgreSQL."""


class Database:
    """The engine, with the two kinds of transactions there are. All errors leave as DecisionLogError."""

    def __init__(self, url: str | URL) -> None:
        """`url` is sqlite:///path or postgresql://...

        Raises:
            DecisionLogError: it is neither.
        """
        parsed = _parse(url)
        self.is_sqlite = parsed.drivername == "sqlite"
        self._file = Path((parsed.database or "").removeprefix("file:"))
        seconds = _PATIENCE_SECONDS
        lost = {"connect_timeout": seconds, "tcp_user_timeout": 1000 * seconds}
        self._engine = create_engine(
            parsed,
            connect_args={"timeout": seconds} if self.is_sqlite else lost,
            pool_timeout=seconds,
            pool_pre_ping=not self.is_sqlite,
            hide_parameters=True,  # in error messages, and thereby in logs
        )
        event.listen(self._engine, "connect", _set_up_sqlite if self.is_sqlite else _set_up_postgresql)
        event.listen(self._engine, "begin", _begin_sqlite if self.is_sqlite else _begin_postgresql)
        self._writes = self._engine.execution_options(writes=True)
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reads = self._engine.execution_options(**snapshot)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer shares; durable when the block is left, undone when it fails."""
        with _errors("written"), self._turn(), self._writes.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot."""
        with _errors("read"), self._reads.begin() as connection:
            yield connection

    def exists(self) -> bool:
        """Whether the database holds a log. SQLite would make an empty one just by looking."""
        return (not self.is_sqlite or self._file.exists()) and self._revision() is not None

    def is_current(self) -> bool:
        """Whether the tables are of the newest revision."""
        return self._revision() == REVISION

    def _revision(self) -> str | None:
        with self.reading() as connection:
            if not inspect(connection).has_table(VERSION_TABLE):
                return None
            return connection.execute(text(f"select version_num from {VERSION_TABLE}")).scalar_one_or_none()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Writers of an SQLite file take turns. Its own lock is asked for again and again after ever longer naps: where
        two processes are busy, one of them can wait for seconds. Where there are no file locks, that is what remains.
        """
        if fcntl is None or not self.is_sqlite:
            yield
            return
        # Unbuffered and not emptied, because a changed file is one more thing to reach the disk with each commit.
        with open(f"{self._file}-turn", "ab", buffering=0) as turn:
            # Who is next waits for nobody but the one whose turn it is, so that nobody goes twice in a row.
            with open(f"{self._file}-next", "ab", buffering=0) as following:
                fcntl.flock(following, fcntl.LOCK_EX)
                deadline = time.monotonic() + _PATIENCE_SECONDS
                while not _locked(turn):
                    if time.monotonic() > deadline:
                        raise TimeoutError("the lock of another writer")
                    time.sleep(0.001)
            yield

    def migrate(self) -> None:
        """Brings the tables to the newest revision, whoever else tries at the same time.

        Raises:
            DecisionLogError: that failed, or the tables are newer than this program.
        """
        current = self._revision()
        if current == REVISION:
            return
        # Costs half a second to import, for what is mostly up to date.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        with self.writing() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise DecisionLogError(
                    f"The decision log's tables are of revision {current}, which this program does not know; "
                    "it is older than the one that made them."
                ) from error

    def grant(self, role: str) -> None:
        """Lets a role of PostgreSQL read the log, add to it and destroy keys; it can change and drop nothing else.

        Raises:
            DecisionLogError: that failed, as it does where there is no such role; or this is SQLite, which has none.
        """
        if self.is_sqlite:
            raise DecisionLogError("Only PostgreSQL has roles; CREDIT_DECISIONS_URL names none.")
        quoted = self._engine.dialect.identifier_preparer.quote(role)
        with self.writing() as connection:
            for rights, tables in (
                ("select", f"{records.name}, {keys.name}, {secret.name}, {VERSION_TABLE}"),
                ("insert", f"{records.name}, {keys.name}"),
                ("delete", keys.name),
            ):
                connection.exec_driver_sql(f"grant {rights} on {tables} to {quoted}")

    def scrub(self) -> bool:
        """Clears the database's own files of deleted keys as far as can be; whether nobody stood in the way."""
        statement = "pragma wal_checkpoint(truncate)" if self.is_sqlite else f"vacuum {keys.name}"
        with _errors("written"), self._engine.connect() as connection:
            done = connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(statement)
            return not self.is_sqlite or done.scalar_one() == 0

    def close(self) -> None:
        self._engine.dispose()


def _parse(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("")
    kind = parsed.get_backend_name() if parsed.drivername else ""
    if kind in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and parsed.database:
        return parsed.set(drivername="sqlite")
    # The URL itself may hold a password.
    raise DecisionLogError("CREDIT_DECISIONS_URL must be postgresql://user:password@host/database or sqlite:///path.")


@contextmanager
def _errors(done: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DecisionLogError(f"The decision log can't be {done} ({type(cause).__name__}).") from error


def _locked(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun below
    cursor = connection.cursor()
    if cursor.execute("pragma journal_mode").fetchone() != ("wal",):
        _switch_to_wal(cursor)
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma secure_delete = on")  # a destroyed key is overwritten
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """SQLite does not wait for others here, as it does elsewhere; they are likely to be switching too."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            cursor.execute("pragma journal_mode = wal")
            return
        except cursor.connection.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _set_up_postgresql(connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        (commits,) = cursor.execute("show synchronous_commit").fetchone()
        if commits == "off":
            cursor.execute("set synchronous_commit = on")
        cursor.execute(f"set lock_timeout = '{_PATIENCE_SECONDS}s'")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate" if connection.get_execution_options().get("writes") else "begin")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({_LOCK})")
