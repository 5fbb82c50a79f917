"""Builds a cohort's mart bucket by bucket, and takes over the buckets whose raw rows and SQL have not changed.

A bucket's fingerprint is what it was made from: the bytes of its seven raw files and the text of the query. It stands
in the metadata of the bucket's Parquet file. Not here: what the mart's columns are (`build.py`).
"""

import os
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

import duckdb

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import atomic_folder, buckets, connect, one_row, quote, scan, table_path
from credit_platform.mart.build import client_mart_query
from credit_platform.settings import Settings

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
    applications = buckets(table_path(settings, "raw_application", cohort))
    rows = reused = 0
    with atomic_folder(place) as folder:
        for bucket in applications:
            sources = {name: table_path(settings, f"raw_{name}", cohort) / bucket.name for name in TABLE_NAMES}
            lacking = [name for name, path in sources.items() if not path.exists()]
            if lacking or len(applications) != len(buckets(sources["bureau"].parent)):
                raise FileNotFoundError(
                    f"cohort {cohort} lacks {bucket.name} of {', '.join(lacking) or 'some raw tables'}; "
                    "materialise its raw tables again, raw_application first"
                )
            query = client_mart_query({name: scan(path) for name, path in sources.items()})
            made_from = _fingerprint(sources)
            if _made_from(place / bucket.name) == made_from:
                os.link(place / bucket.name, folder / bucket.name)
                reused += 1
            else:
                _write(settings, query, folder / bucket.name, made_from)
            with connect(settings) as connection:
                rows += one_row(connection, f"select count(*) from {scan(folder / bucket.name)}")[0]
    return Built(place, rows, len(applications), reused)


def _write(settings: Settings, query: str, path: Path, made_from: bytes) -> None:
    with connect(settings) as connection:
        connection.execute(
            f"copy ({query}) to {quote(str(path))} (format parquet, compression zstd, row_group_size 20000, "
            f"kv_metadata {{{_FINGERPRINT.decode()}: {quote(made_from.decode())}}})"
        )


def _fingerprint(sources: dict[str, Path]) -> bytes:
    """The query is taken with the tables' names in place of their files, which move with the data directory."""
    digest = sha256(client_mart_query({name: name for name in TABLE_NAMES}).encode())
    digest.update(duckdb.__version__.encode())
    for name in TABLE_NAMES:
        with sources[name].open("rb") as stream:
            digest.update(file_digest(stream, "sha256").digest())
    return digest.hexdigest().encode()


def _made_from(path: Path) -> bytes | None:
    import pyarrow.parquet as pq

    if not path.exists():
        return None
    return (pq.read_metadata(path).metadata or {}).get(_FINGERPRINT)
