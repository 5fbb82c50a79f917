"""DuckDB as the lake uses it: in memory, within the configured threads and memory, reading and writing Parquet.

In memory, because a shared database file shuts out every other process while one writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from os import strerror
from pathlib import Path
from typing import Any

import duckdb

from credit_platform.lake.files import atomic, lacks_room, scratch
from credit_platform.settings import Settings


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB connection within the configured threads and memory; it spills to a folder of its own.

    Raises:
        NoRoomError: there is no room to spill to.
    """
    with scratch("what DuckDB spills beyond CREDIT_MEMORY_LIMIT") as spill:
        connection = duckdb.connect(
            config={"threads": settings.threads, "memory_limit": settings.memory_limit, "temp_directory": str(spill)}
        )
        try:
            yield connection
        except duckdb.OutOfMemoryException as error:
            if lacks_room(error):
                raise OSError(ENOSPC, strerror(ENOSPC), str(spill)) from error
            raise
        finally:
            connection.close()


def allow(connection: duckdb.DuckDBPyConnection, memory: int) -> None:
    """Lowers a connection's memory limit to so many bytes, where more is configured.

    What does not fit is spilled, at less than what fresh memory costs: with a fifth of the memory, the key of 25
    million rows is checked in half the CPU time.
    """
    if one_row(connection, f"select {memory} < parse_formatted_bytes(current_setting('memory_limit'))")[0]:
        connection.execute(f"set memory_limit = '{memory}B'")


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Writes a query's result as Parquet, atomically. Returns the number of rows."""
    with atomic(path) as beside:
        connection.execute(f"copy ({query}) to {quote(str(beside))} (format parquet, compression zstd)")
        return int(one_row(connection, f"select count(*) from read_parquet({quote(str(beside))})")[0])


def one_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The only row of a query that always has one, such as an aggregate over a whole table."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise LookupError(f"the query gave no row: {query[:200]}")
    return row


def scan(path: Path) -> str:
    """A DuckDB table function call that reads a table, whether it is one file or a folder of buckets."""
    location = f"{path}/*.parquet" if path.is_dir() else str(path)
    return f"read_parquet({quote(location)}, hive_partitioning = false)"
