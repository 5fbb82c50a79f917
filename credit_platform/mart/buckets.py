"""Builds a cohort's mart bucket by bucket, and takes over the buckets whose raw rows and SQL have not changed.

A bucket's fingerprint is what it is made from: the digests of its seven raw files and of the query. Not here: what the
mart's columns are (`build.py`), nor where buckets are worked on (`compute.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import duckdb

from credit_platform import compute
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import (
    MissingTableError,
    Version,
    connect,
    current,
    draft,
    find_version,
    quote,
    require,
    scan,
    scratch,
)
from credit_platform.mart.build import IN_ORDER, client_mart_query
from credit_platform.settings import Settings


@dataclass(frozen=True)
class Built:
    """A cohort's mart, and how many of its buckets were taken over as they were."""

    version: Version
    reused: int

    @property
    def path(self) -> Path:
        return self.version.folder()

    @property
    def rows(self) -> int:
        return self.version.rows

    @property
    def buckets(self) -> int:
        return len(self.version.files)


def build_cohort(settings: Settings, cohort: str) -> Built:
    """Builds `client_mart` of one cohort from its raw tables; locally with one bucket in memory at a time.

    Raises:
        MissingTableError: a raw table has not been made, or was cut into other buckets than the applications.
        DamagedTableError: a raw file is not what was written.
        NoRoomError: the disk is full.
    """
    raw = {name: require(settings, f"raw_{name}", cohort) for name in TABLE_NAMES}
    names = _common_buckets(cohort, raw)
    made_from = {name: _fingerprint(raw, name) for name in names}
    with draft(settings, "client_mart", cohort) as new:
        present = current(settings, "client_mart", cohort)
        files = present.files if present and present.is_whole() else {}
        same = [name for name in names if name in files and files[name].made_from == made_from[name]]
        if present and len(same) == len(names) == len(files):
            return Built(present, len(same))
        if present:
            for name in same:
                new.keep(present, name)
        ids = {name: version.id for name, version in raw.items()}
        changed = [name for name in names if name not in same]
        pieces, common = [(name,) for name in changed], (settings, cohort, ids)
        for position, content in compute.each(settings, bucket_content, pieces, common):
            (new.folder / changed[position]).write_bytes(content)
        rows = raw["application"].rows
        whole = sha256(json.dumps(made_from).encode()).hexdigest()
        return Built(new.publish(rows, whole, made_from, {"raw": ids}), len(same))


def bucket_content(settings: Settings, cohort: str, versions: Mapping[str, str], name: str) -> bytes:
    """One bucket of the mart as Parquet, from the named versions of the cohort's raw tables.

    Raises:
        MissingTableError: a version is no longer kept.
        DamagedTableError: a raw file is not what was written.
    """
    sources = {}
    for table, identity in versions.items():
        version = find_version(settings, f"raw_{table}", cohort, identity)
        if version is None:
            raise MissingTableError(f"version {identity} of raw_{table} of cohort {cohort} is no longer kept")
        sources[table] = scan(version.verified(name))
    with scratch("a bucket of the mart") as folder, connect(settings) as connection:
        path = folder / name
        connection.execute(IN_ORDER)
        connection.execute(
            f"copy ({client_mart_query(sources)}) to {quote(str(path))} "
            "(format parquet, compression zstd, row_group_size 20000)"
        )
        return path.read_bytes()


@cache
def sql_digest() -> str:
    """The query with the tables' names in place of their files, which move with the data directory; and its engine."""
    query = client_mart_query({table: table for table in TABLE_NAMES})
    return sha256(f"{IN_ORDER}{query}{duckdb.__version__}".encode()).hexdigest()


def _common_buckets(cohort: str, raw: Mapping[str, Version]) -> list[str]:
    """The names of the buckets; every table must have the applications', for their number deals out the clients."""
    expected = sorted(raw["application"].files)
    other = [f"raw_{table}" for table, version in raw.items() if sorted(version.files) != expected]
    if other:
        raise MissingTableError(
            f"cohort {cohort} has not the buckets of its applications in {', '.join(other)}; "
            "materialise its raw tables again, raw_application first"
        )
    return expected


def _fingerprint(raw: Mapping[str, Version], name: str) -> str:
    digests = [raw[table].files[name].sha256 for table in TABLE_NAMES]
    return sha256(json.dumps([sql_digest(), digests]).encode()).hexdigest()
