"""The published mart for look-ups by client: the rows of `client_mart` again, packed by row instead of by column.

A Parquet file of nine hundred columns takes a tenth of a second to give one row. Here a bucket is an Arrow file of
small batches, each a few clients' rows as packed doubles, compressed: a look-up maps the file, finds the batch by the
first ids of all, and unpacks that one. Categories are numbers into lists that stand in the file's schema.

Not here: what a row holds (`build.py`), and rows of applicants that no mart holds yet (`online.py`).
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from credit_platform.lake import Version, bucket_of, cohorts_of, current, draft, require
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.settings import Settings

TABLE = "client_lookup"
BATCH_ROWS = 32
"""Clients unpacked to find one: fewer cost more room, more cost more time."""
_FORMAT = "1"


@dataclass(frozen=True)
class Published:
    """A cohort's look-up table, and how many of its buckets were taken over as they were."""

    version: Version
    reused: int


@dataclass(frozen=True)
class ClientRow:
    """A client's mart row: the cohort it is from, when the mart was made, and every column but the key by name."""

    client: int
    cohort: str
    made_at: datetime
    values: Mapping[str, float | str | None]


def publish_lookup(settings: Settings, cohort: str) -> Published:
    """Writes `client_lookup` of one cohort from its mart; buckets of the mart that have not changed are taken over.

    Raises:
        MissingTableError: the cohort has no mart.
        DamagedTableError: a file of the mart is not what was written.
    """
    mart, present = require(settings, "client_mart", cohort), current(settings, TABLE, cohort)
    made_from = {
        name.replace(".parquet", ".arrow"): sha256(f"{_FORMAT}:{BATCH_ROWS}:{file.sha256}".encode()).hexdigest()
        for name, file in mart.files.items()
    }
    whole = present is not None and present.is_whole()
    reused = 0
    with draft(settings, TABLE, cohort) as new:
        for source, (name, fingerprint) in zip(mart.files, made_from.items(), strict=True):
            if present and whole and name in present.files and present.files[name].made_from == fingerprint:
                new.keep(present, name)
                reused += 1
            else:
                _pack(mart.verified(source), new.folder / name)
        facts = {"mart": mart.id, "made_at": mart.written_at.isoformat()}
        digest = sha256(json.dumps(made_from).encode()).hexdigest()
        return Published(new.publish(mart.rows, digest, made_from, facts), reused)


def look_up(settings: Settings, client: int) -> ClientRow | None:
    """A client's row in the newest cohort that holds them, None where none does.

    Raises:
        DamagedTableError: a file is gone or was cut short.
    """
    for cohort in reversed(cohorts_of(settings, TABLE)):  # months: their names sort as they follow each other
        version = require(settings, TABLE, cohort)
        name = sorted(version.files)[bucket_of(client, len(version.files))]
        values = _open(version.file(name)).find(client)
        if values is not None:
            return ClientRow(client, cohort, datetime.fromisoformat(version.facts["made_at"]), values)
    return None


def _pack(parquet: Path, arrow: Path) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(parquet).sort_by(CLIENT_KEY)
    clients = table.column(CLIENT_KEY).to_numpy()
    names = [name for name in table.column_names if name != CLIENT_KEY]
    categories: dict[str, list[str]] = {}
    rows = np.empty((table.num_rows, len(names)))
    for position, name in enumerate(names):
        column = table.column(name)
        if pa.types.is_string(column.type):
            coded = column.combine_chunks().dictionary_encode()
            categories[name], column = coded.dictionary.to_pylist(), coded.indices
        # A mart's numbers are never NaN: the raw tables hold none, and DuckDB makes none of them.
        rows[:, position] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    packed = pa.binary(8 * len(names))
    first = [int(client) for client in clients[::BATCH_ROWS]]
    facts = {"columns": names, "categories": categories, "first": first}
    schema = pa.schema({CLIENT_KEY: pa.int64(), "row": packed}, metadata={"facts": json.dumps(facts)})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(arrow), "wb") as sink, pa.ipc.new_file(sink, schema, options=options) as writer:
        for start in range(0, len(clients), BATCH_ROWS):
            part = rows[start : start + BATCH_ROWS]
            values = pa.FixedSizeBinaryArray.from_buffers(packed, len(part), [None, pa.py_buffer(part)])
            writer.write_batch(pa.record_batch([pa.array(clients[start : start + len(part)]), values], schema=schema))


class _Bucket:
    """An open bucket."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        facts: dict[str, Any] = json.loads(self._file.schema.metadata[b"facts"])
        self._first: list[int] = facts["first"]
        self._columns: list[tuple[str, list[str] | None]] = [
            (name, facts["categories"].get(name)) for name in facts["columns"]
        ]

    def find(self, client: int) -> dict[str, float | str | None] | None:
        import numpy as np

        batch_number = bisect_right(self._first, client) - 1
        if batch_number < 0:
            return None
        batch = self._file.get_batch(batch_number)
        clients = batch.column(0).to_numpy()
        position = int(np.searchsorted(clients, client))
        if position == len(clients) or clients[position] != client:
            return None
        row = np.frombuffer(batch.column(1)[position].as_buffer()).tolist()
        return {
            name: None if value != value else value if known is None else known[int(value)]
            for (name, known), value in zip(self._columns, row, strict=True)
        }


@lru_cache(maxsize=256)
def _open(path: Path) -> _Bucket:
    """Opened once: a version's files never change, and its id is part of the path."""
    return _Bucket(path)
