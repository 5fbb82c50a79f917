"""Where a table lives, how it is written without ever being half written, and how DuckDB is opened.

Not here: what a table contains. Tables travel as Parquet; DuckDB works in memory, because a shared database file
shuts out every other process while one writes.
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


def table_path(settings: Settings, table: str, cohort: str | None = None) -> Path:
    """`lake/<table>.parquet`, or `lake/<table>/<cohort>.parquet` for a table partitioned by cohort."""
    if cohort is None:
        return settings.lake_dir / f"{table}.parquet"
    return settings.lake_dir / table / f"{cohort}.parquet"


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


def one_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The only row of a query that always has one, such as an aggregate over a whole table."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise LookupError(f"the query gave no row: {query[:200]}")
    return row
