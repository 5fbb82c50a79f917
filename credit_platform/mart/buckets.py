"""Builds a cohort's mart bucket by bucket, and takes over the buckets whose raw rows and SQL have not changed.

A bucket's fingerprint is what it was made from: the bytes of its seven raw files and the text of the query. It stands
in the metadata of the bucket's Parquet file. Not here: what the mart's columns are (`build.py`).
"""

import os
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import atomic_folder, buckets, connect, quote, scan, table_path
from credit_platform.mart.build import client_mart_query
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_FINGERPRINT = b"made_from"


@dataclass(frozen=True)
class Built:
    """A cohort's mart: its rows, its buckets, and how many of them were taken over as they were."""

    path: Path
    rows: int
    buckets: int
    reused: int


def build_cohort(settings: Settings, cohort: str) -> Built:
    """Builds `client_mart` of one cohort from its raw tables; one bucket in memory at a time.

    Raises:
        FileNotFoundError: a raw table has not been made, or was cut into other buckets than the applications.
    """
    place = table_path(settings, "client_mart", cohort)
    tables = {name: table_path(settings, f"raw_{name}", cohort) for name in TABLE_NAMES}
    names = _common_buckets(cohort, tables)
    sql = _sql_digest()
    reused = 0
    with atomic_folder(place) as folder:
        for name in names:
            sources = {table: path / name for table, path in tables.items()}
            made_from = _fingerprint(sql, sources)
            if _made_from(place / name) == made_from:
                os.link(place / name, folder / name)
                reused += 1
            else:
                _write(settings, sources, folder / name, made_from)
    return Built(place, sum(_metadata(path).num_rows for path in buckets(place)), len(names), reused)


def _common_buckets(cohort: str, tables: dict[str, Path]) -> list[str]:
    """The names of the buckets; every table must have the applications', for their number deals out the clients."""
    names = {table: [path.name for path in buckets(folder)] for table, folder in tables.items()}
    expected = names["application"]
    other = [f"raw_{table}" for table, found in names.items() if not found or found != expected]
    if other:
        raise FileNotFoundError(
            f"cohort {cohort} has not the buckets of its applications in {', '.join(other)}; "
            "materialise its raw tables again, raw_application first"
        )
    return expected


def _write(settings: Settings, sources: dict[str, Path], path: Path, made_from: bytes) -> None:
    query = client_mart_query({table: scan(source) for table, source in sources.items()})
    with connect(settings) as connection:
        connection.execute(
            f"copy ({query}) to {quote(str(path))} (format parquet, compression zstd, row_group_size 20000, "
            f"kv_metadata {{{_FINGERPRINT.decode()}: {quote(made_from.decode())}}})"
        )


def _sql_digest() -> bytes:
    """The query with the tables' names in place of their files, which move with the data directory; and its engine."""
    query = client_mart_query({table: table for table in TABLE_NAMES})
    return sha256(query.encode() + duckdb.__version__.encode()).digest()


def _fingerprint(sql: bytes, sources: dict[str, Path]) -> bytes:
    digest = sha256(sql)
    for table in TABLE_NAMES:
        with sources[table].open("rb") as stream:
            digest.update(file_digest(stream, "sha256").digest())
    return digest.hexdigest().encode()


def _made_from(path: Path) -> bytes | None:
    return (_metadata(path).metadata or {}).get(_FINGERPRINT) if path.exists() else None


def _metadata(path: Path) -> "pq.FileMetaData":
    import pyarrow.parquet as pq

    return pq.read_metadata(path)
