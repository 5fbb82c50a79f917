"""Where a table lives, how it is written without ever being half written, and how DuckDB is opened.

Not here: what a table contains. Tables travel as Parquet; DuckDB works in memory, because a shared database file
shuts out every other process while one writes.

A table of a cohort is a folder with one file per bucket. A client's rows lie in the same bucket of every table, so
that buckets can be worked on one after the other, in bounded memory, or apart.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import duckdb

from credit_platform.settings import Settings

_GOLDEN = 2654435761
"""2**32 divided by the golden ratio, a prime (Knuth, The Art of Computer Programming, vol. 3, 6.4)."""


def table_path(settings: Settings, table: str, cohort: str | None = None) -> Path:
    """`lake/<table>.parquet`, or the folder `lake/<table>/<cohort>` for a table partitioned by cohort."""
    if cohort is None:
        return settings.lake_dir / f"{table}.parquet"
    return settings.lake_dir / table / cohort


def cohorts_of(settings: Settings, table: str) -> list[str]:
    """The cohorts of which a table is in the lake, in order."""
    folder = settings.lake_dir / table
    return sorted(path.name for path in folder.glob("[!.]*")) if folder.is_dir() else []


def buckets(path: Path) -> list[Path]:
    """The files of a cohort's table, in the order of their buckets."""
    return sorted(path.glob("[!.]*.parquet"))


def bucket_file(number: int) -> str:
    return f"bucket-{number:03d}.parquet"


def bucket_count(settings: Settings, clients: int) -> int:
    """How many buckets a cohort of so many clients gets: a power of two that keeps each below the configured size."""
    count = 1
    while clients > count * settings.bucket_clients:
        count *= 2
    return count


def bucket_of(client: int, count: int) -> int:
    """The bucket of a client (Fibonacci hashing: consecutive ids, or multiples of anything, spread evenly)."""
    return abs(client) % 2**31 * _GOLDEN % 2**32 // (2**32 // count)


def bucket_sql(client: str, count: int) -> str:
    """The same in SQL, in 64-bit integers; not DuckDB's `hash`, which may change with its version."""
    return f"abs({client}) % {2**31} * {_GOLDEN} % {2**32} // {2**32 // count}"


def scan(path: Path) -> str:
    """A DuckDB table function call that reads a table, whether it is one file or a folder of buckets."""
    location = f"{path}/*.parquet" if path.is_dir() else str(path)
    return f"read_parquet({quote(location)}, hive_partitioning = false)"


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to, beside `path`, which takes its place when the block succeeds and vanishes when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, beside `path`, which takes its place when the block succeeds and vanishes when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    beside.mkdir()
    try:
        yield beside
        replace_folders({beside: path})
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def replace_folders(moves: Mapping[Path, Path]) -> None:
    """Moves folders to where others may be: all, or, where a move fails, none, and the others are put back."""
    replaced = []
    with ExitStack() as undo:
        for new, path in moves.items():
            if path.exists():
                old = path.with_name(f".{path.name}.{uuid4().hex}")
                os.rename(path, old)
                undo.callback(os.rename, old, path)
                replaced.append(old)
            os.rename(new, path)
            undo.callback(os.rename, path, new)
        undo.pop_all()
    for old in replaced:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB connection within the configured threads and memory; it spills to a folder of its own."""
    with TemporaryDirectory(prefix="credit-duckdb-") as spill:
        connection = duckdb.connect(
            config={"threads": settings.threads, "memory_limit": settings.memory_limit, "temp_directory": spill}
        )
        try:
            yield connection
        finally:
            connection.close()


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


def write_buckets(connection: duckdb.DuckDBPyConnection, query: str, count: int, folder: Path) -> int:
    """Writes a query's rows into one file per bucket, by its column `bucket`, which is left out. Returns their number.

    Rows are sorted by all columns, so that the files are the same to the byte whatever order the rows came in. With
    several buckets the rows are first dealt out as they come, then each bucket is sorted by itself: memory is bounded
    by the bucket. Sorted files are written by one thread, because two cut row groups at varying places.
    """
    if count == 1:
        return _write_sorted(connection, f"({query})", folder / bucket_file(0))
    dealt = folder / ".dealt"
    connection.execute("set preserve_insertion_order = false")
    connection.execute(
        f"copy ({query}) to {quote(str(dealt))} "
        "(format parquet, compression zstd, compression_level 1, partition_by (bucket))"
    )
    connection.execute("set preserve_insertion_order = true")
    rows = 0
    for number in range(count):
        part = dealt / f"bucket={number}"
        source = f"read_parquet({quote(f'{part}/*.parquet')}, hive_partitioning = true)"
        empty = f"(select * from ({query}) limit 0)"
        rows += _write_sorted(connection, source if part.is_dir() else empty, folder / bucket_file(number))
    shutil.rmtree(dealt, ignore_errors=True)
    return rows


def _write_sorted(connection: duckdb.DuckDBPyConnection, source: str, path: Path) -> int:
    (threads,) = one_row(connection, "select current_setting('threads')")
    connection.execute("set threads = 1")
    rows = one_row(
        connection,
        f"copy (select * exclude (bucket) from {source} order by all) to {quote(str(path))} "
        "(format parquet, compression zstd)",
    )[0]
    connection.execute(f"set threads = {threads}")
    return int(rows)


def one_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The only row of a query that always has one, such as an aggregate over a whole table."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise LookupError(f"the query gave no row: {query[:200]}")
    return row
