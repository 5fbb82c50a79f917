"""How a cohort's clients are distributed over the bins of a version's profile: counted on all clients, kept as a table.

The files of the mart are read a few columns at a time, so that memory does not grow with the columns, and never twice:
the counts of an unchanged mart and profile are taken over. Counts add up, whatever they are of: buckets, cohorts, days
of served decisions. Not here: what they mean (`layers/`).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from hashlib import sha256
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from credit_platform.lake import Version, bucket_file, current, draft, require
from credit_platform.model.profile import FILE_NAME, Bins, Counts, Profile
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "drift_counts"
COLUMNS: Mapping[str, tuple[str, str]] = {
    "column": ("VARCHAR", "Feature, or the score"),
    "place": ("INTEGER", "Place of the bin among those of its column; -1 for missing values"),
    "label": ("VARCHAR", "What the bin holds"),
    "reference": ("BIGINT", "Clients of the version's reference in it"),
    "clients": ("BIGINT", "Clients of the cohort in it"),
}
_COLUMNS_AT_ONCE = 32
_MISSING = "(missing)"


def count_file(path: Path, bins: Iterable[Bins]) -> dict[str, Counts]:
    """Counts of one Parquet file, by column."""
    import pyarrow.parquet as pq

    todo = list(bins)
    found: dict[str, Counts] = {}
    with pq.ParquetFile(path) as file:
        for start in range(0, len(todo), _COLUMNS_AT_ONCE):
            some = todo[start : start + _COLUMNS_AT_ONCE]
            table = file.read([of.name for of in some], use_threads=False)
            found |= {of.name: of.count(table.column(of.name)) for of in some}
    return found


def count_rows(rows: Sequence[Mapping[str, Any]], bins: Iterable[Bins]) -> dict[str, Counts]:
    """Counts of rows in memory, such as the logged inputs of a day's decisions; what a row lacks is missing."""
    import pyarrow as pa

    kinds = {"numeric": pa.float64(), "category": pa.string()}
    return {
        of.name: of.count(pa.chunked_array([pa.array([row.get(of.name) for row in rows], kinds[of.kind])]))
        for of in bins
    }


def total(parts: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """The counts of several parts together."""
    found: dict[str, list[Counts]] = {}
    for part in parts:
        for name, counts in part.items():
            found.setdefault(name, []).append(counts)
    return {name: reduce(add, counts) for name, counts in found.items()}


def count_cohort(settings: Settings, cohort: str, profile: Profile, folder: Path) -> dict[str, Counts]:
    """The counts of a cohort's mart by feature, for the profile stored in a version's folder.

    Raises:
        MissingTableError: the cohort has no mart.
        DamagedTableError: a file of the mart is not what was written.
    """
    mart = require(settings, "client_mart", cohort)
    made_from = _fingerprint(mart, folder)
    kept = current(settings, TABLE, cohort)
    if kept is not None and kept.made_from == made_from and kept.is_whole():
        return _read(kept, profile)
    bins = [profile.bins[name] for name in profile.features]
    counts = total(count_file(mart.verified(name), bins) for name in mart.files)
    write_counts(settings, cohort, profile, counts, made_from)
    return counts


def write_counts(
    settings: Settings, cohort: str, profile: Profile, counts: Mapping[str, Counts], made_from: str = ""
) -> Version:
    """Writes counts beside those of the reference, a row for each bin of each column."""
    import pyarrow.parquet as pq

    rows = _table(profile, counts)
    with draft(settings, TABLE, cohort) as new:
        pq.write_table(rows, new.folder / bucket_file(0), compression="zstd")
        return new.publish(rows.num_rows, made_from)


def read_counts(settings: Settings, cohort: str, column: str) -> list[dict[str, Any]]:
    """The bins of a column in order, with `COLUMNS` as keys, missing values last; empty where it was not counted.

    Raises:
        MissingTableError: the cohort has not been counted.
    """
    import pyarrow.parquet as pq

    path = require(settings, TABLE, cohort).file(bucket_file(0))
    rows: list[dict[str, Any]] = pq.read_table(path, filters=[("column", "=", column)]).to_pylist()
    return sorted(rows, key=lambda row: (row["place"] < 0, row["place"]))


def _table(profile: Profile, counts: Mapping[str, Counts]) -> "pa.Table":
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for name, after in counts.items():
        before, labels = profile.counts[name], profile.bins[name].labels
        columns["column"] += [name] * (len(labels) + 1)
        columns["place"] += [*range(len(labels)), -1]
        columns["label"] += [*labels, _MISSING]
        columns["reference"] += [*before.values.tolist(), before.missing]
        columns["clients"] += [*after.values.tolist(), after.missing]
    types = {"VARCHAR": pa.string(), "INTEGER": pa.int32(), "BIGINT": pa.int64()}
    return pa.table(columns, schema=pa.schema([(name, types[kind]) for name, (kind, _) in COLUMNS.items()]))


def _read(kept: Version, profile: Profile) -> dict[str, Counts]:
    import pyarrow.parquet as pq

    stored: dict[str, list[int]] = {}
    table = pq.read_table(kept.file(bucket_file(0)), columns=["column", "clients"])
    for name, clients in zip(*(table.column(of).to_pylist() for of in ("column", "clients")), strict=True):
        stored.setdefault(name, []).append(clients)
    return {
        name: Counts(np.array(stored[name][:-1], np.int64), stored[name][-1])
        for name in profile.features
        if name in stored
    }


def _fingerprint(mart: Version, folder: Path) -> str:
    profile = folder / FILE_NAME
    of = profile.read_bytes() if profile.exists() else str(folder).encode()
    return sha256(mart.content.encode() + of).hexdigest()
