"""How a cohort's clients are dealt out to buckets.

A table of a cohort is a folder with one file per bucket. A client's rows lie in the same bucket of every table, so
that buckets can be worked on one after the other, in bounded memory, or apart.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from credit_platform.lake.duck import identifier, one_row, quote
from credit_platform.settings import Settings

_PIECE = 1024
"""Rows of a bucket that are dealt out at a time, by each thread."""
_GOLDEN = 2654435761
"""2**32 divided by the golden ratio, a prime (Knuth, The Art of Computer Programming, vol. 3, 6.4)."""


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


def write_buckets(
    connection: duckdb.DuckDBPyConnection, query: str, count: int, folder: Path, order: Sequence[str]
) -> int:
    """Writes a query's rows into one file per bucket, by its column `bucket`, which is left out. Returns their number.

    Rows are sorted by the columns `order`. Where no two rows agree in all of these, or such rows are equal, the files
    are the same to the byte whatever order the rows came in. With several buckets the rows are first dealt out as they
    come, then each bucket is sorted by itself: memory is bounded by the bucket. Sorted files are written by one thread,
    because two cut row groups at varying places.
    """
    if count == 1:
        # What DuckDB knows of the source, such as that a column has no gaps, must not show in the file.
        connection.execute("set disabled_optimizers = 'statistics_propagation'")
        rows = _write_sorted(connection, f"({query})", folder / bucket_file(0), order)
        connection.execute("reset disabled_optimizers")
        return rows
    dealt = folder / ".dealt"
    connection.execute("set preserve_insertion_order = false")
    connection.execute(f"set partitioned_write_flush_threshold = {count * _PIECE}")
    connection.execute(
        f"copy ({query}) to {quote(str(dealt))} (format parquet, compression snappy, partition_by (bucket))"
    )
    connection.execute("set preserve_insertion_order = true")
    rows = 0
    for number in range(count):
        part = dealt / f"bucket={number}"
        source = f"read_parquet({quote(f'{part}/*.parquet')}, hive_partitioning = true)"
        empty = f"(select * from ({query}) limit 0)"
        rows += _write_sorted(connection, source if part.is_dir() else empty, folder / bucket_file(number), order)
    shutil.rmtree(dealt, ignore_errors=True)
    return rows


def _write_sorted(connection: duckdb.DuckDBPyConnection, source: str, path: Path, order: Sequence[str]) -> int:
    (threads,) = one_row(connection, "select current_setting('threads')")
    connection.execute("set threads = 1")
    rows = one_row(
        connection,
        f"copy (select * exclude (bucket) from {source} order by {', '.join(map(identifier, order))}) "
        f"to {quote(str(path))} (format parquet, compression zstd)",
    )[0]
    connection.execute(f"set threads = {threads}")
    return int(rows)
