"""Clients as a file holds them, CSV or Parquet: read in batches of bounded memory, typed as a model reads them.

A file's columns are SK_ID_CURR, if it has it, and any features of the model; other columns of the mart are passed over.
Values are as /predict takes them: numbers are finite or missing, texts are short. Not here: scoring (`batch.py`).
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from credit_platform.features.schema import FeatureSchema
from credit_platform.mart.build import CLIENT_KEY, mart_columns

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 10_000
LONGEST_TEXT = 200
_PARQUET = b"PAR1"
_BLOCK_BYTES = 4_000_000
_CONVERSION = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error")
_RAGGED = re.compile(r"Row #(\d+): Expected \d+ columns, got \d+")


class TableError(ValueError):
    """A file that can't be read; the message says where and why, without its values."""


def is_parquet(file: IO[bytes]) -> bool:
    """Whether a file says that it is Parquet; any other is taken for CSV."""
    start = file.read(len(_PARQUET))
    file.seek(0)
    return start == _PARQUET


def read_batches(
    file: IO[bytes], schema: FeatureSchema, rows: int = BATCH_ROWS, progress: Callable[[float], None] | None = None
) -> Iterator["pa.Table"]:
    """SK_ID_CURR (BIGINT) and every feature of the schema (DOUBLE or VARCHAR), missing where the file lacks it.

    `progress` is told the share of the file that has been read.

    Raises:
        TableError: the file is neither CSV nor Parquet, or not what the model reads.
    """
    import pyarrow as pa

    read = _parquet_batches if is_parquet(file) else _csv_batches
    try:
        for batch, share in read(file, schema, rows):
            yield _typed(batch, schema)
            if progress is not None:
                progress(share)
    except (pa.ArrowException, OSError) as error:
        raise TableError(_reason(str(error))) from None


def table_of(rows: Sequence[Mapping[str, Any]], clients: Sequence[int | None], schema: FeatureSchema) -> "pa.Table":
    """The same from rows in memory; a feature that a row lacks is missing."""
    import pyarrow as pa

    types = _types(schema)
    columns = {name: pa.array([row.get(name) for row in rows], types[name]) for name in schema.names}
    return pa.table({CLIENT_KEY: pa.array(clients, pa.int64()), **columns})


def _types(schema: FeatureSchema) -> dict[str, "pa.DataType"]:
    import pyarrow as pa

    kinds = {"category": pa.string(), "numeric": pa.float64()}
    return {CLIENT_KEY: pa.int64()} | {feature.name: kinds[feature.kind] for feature in schema.features}


def _parquet_batches(file: IO[bytes], schema: FeatureSchema, rows: int) -> Iterator[tuple["pa.Table", float]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pq.ParquetFile(file)
    present = _present(source.schema_arrow.names, schema)
    done, total = 0, source.metadata.num_rows
    for batch in source.iter_batches(rows, columns=present):
        batch.validate(full=True)  # texts that are no UTF-8, which Parquet lets pass
        done += batch.num_rows
        yield pa.Table.from_batches([batch]), done / total


def _csv_batches(file: IO[bytes], schema: FeatureSchema, rows: int) -> Iterator[tuple["pa.Table", float]]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    line = file.readline(_BLOCK_BYTES)
    try:
        names = next(csv.reader(io.StringIO(line.decode("utf-8-sig"))), [])
    except UnicodeDecodeError:
        raise TableError("is neither CSV in UTF-8 nor Parquet") from None
    present = _present(names, schema)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    types = _types(schema)
    reader = arrow_csv.open_csv(
        file,
        read_options=arrow_csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: types[name] for name in present},
            include_columns=present,
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    for block in reader:
        whole = pa.Table.from_batches([block])
        for start in range(0, whole.num_rows, rows):
            part = whole.slice(start, rows)
            yield part, file.tell() / max(size, 1)


def _present(names: Sequence[str], schema: FeatureSchema) -> list[str]:
    """Which columns of a file are read.

    Raises:
        TableError: a column comes twice or is none of the mart, or none is a feature.
    """
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise TableError(f"has two columns {_shown(twice)}")
    known = {*schema.names, *(column.name for column in mart_columns())}
    if strange := set(names) - known:
        raise TableError(f"has columns that are no features: {_shown(strange)}")
    present = [name for name in names if name in {CLIENT_KEY, *schema.names}]
    if not set(present) & set(schema.names):
        raise TableError("has no column that the model reads")
    return present


def _shown(names: Iterable[str]) -> str:
    first = sorted(names)[:5]
    return ", ".join(name if len(name) <= 64 else f"{name[:64]}…" for name in first)


def _typed(batch: "pa.Table", schema: FeatureSchema) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for name, kind in _types(schema).items():
        if name not in batch.column_names:
            columns[name] = pa.nulls(batch.num_rows, kind)
            continue
        column = batch.column(name)
        try:
            column = column.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise TableError(f"column {name} does not hold {_words(kind)}") from None
        if pa.types.is_floating(kind):
            column = pc.if_else(pc.is_nan(column), None, column)
            if pc.any(pc.is_inf(column)).as_py():
                raise TableError(f"column {name} holds a number that is not finite")
        elif pa.types.is_string(kind) and (pc.max(pc.utf8_length(column)).as_py() or 0) > LONGEST_TEXT:
            raise TableError(f"column {name} holds a text of more than {LONGEST_TEXT} characters")
        columns[name] = column
    return pa.table(columns)


def _words(kind: "pa.DataType") -> str:
    return {"int64": "whole numbers", "double": "numbers"}.get(str(kind), "texts")


def _reason(message: str) -> str:
    """What Arrow found wrong, without the value that its message repeats."""
    if found := _CONVERSION.search(message):
        line = f", line {int(found[2])}" if found[2] else ""
        return f"column {int(found[1]) + 1}{line} does not hold what the model reads there"
    if found := _RAGGED.search(message):
        return f"line {int(found[1])} has more or fewer values than there are columns"
    return "is neither CSV nor Parquet, or was cut short"
