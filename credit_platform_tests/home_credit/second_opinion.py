"""A delivered file read a second time, by Python's own csv, gzip and decimal modules and by Arrow, cell by cell.

It says what the raw table must hold, or that the file breaks its contract. Slow, simple, and without DuckDB.
"""

import csv
import gzip
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.home_credit.contracts import Column, Table

SPACES = "\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
Value = int | float | str | None
Rows = Counter[tuple[Value, ...]]


class Broken(Exception):  # noqa: N818 - a verdict
    """The file breaks its contract."""


def rows_of(path: Path, contract: Table, parents: Iterable[Value] | None = None) -> Rows:
    """The rows that the raw table must hold, with how often, of which only those of known parents.

    Raises:
        Broken: it must not be taken.
    """
    header, cells = _parquet(path) if path.name.lower().endswith(".parquet") else _csv(path)
    if len({name.casefold() for name in header}) < len(header):
        raise Broken("a column twice")
    if missing := set(contract.columns) - set(header):
        raise Broken(f"without {missing}")
    places = {name: header.index(name) for name in contract.columns}
    rows: list[dict[str, Value]] = []
    for row in cells:
        if len(row) != len(header):
            raise Broken("ragged")
        rows.append({name: _value(row[place], contract.columns[name]) for name, place in places.items()})
    keys = Counter(tuple(row[name] for name in contract.key) for row in rows) if contract.key else Counter()
    if any(times > 1 for times in keys.values()):
        raise Broken("a key twice")
    if contract.name == "application" and not rows:
        raise Broken("no applications")
    if contract.name == "outcomes":
        rows = [row for row in rows if row["TARGET"] is not None]
    known = None if parents is None else set(parents)
    return Counter(tuple(row.values()) for row in rows if known is None or row[str(contract.parent_key)] in known)


def _csv(path: Path) -> tuple[Sequence[str], list[Sequence[str]]]:
    try:
        content = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
        text = content.decode("utf-8-sig")
        lines = [row for row in csv.reader(StringIO(text, newline=""), strict=True) if row]
    except (OSError, EOFError, ValueError, csv.Error) as error:
        raise Broken(str(error)) from error
    if not lines:
        raise Broken("empty")
    return lines[0], lines[1:]


def _parquet(path: Path) -> tuple[Sequence[str], list[Sequence[object]]]:
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, ValueError) as error:
        raise Broken(str(error)) from error
    # A single-precision number means the shortest decimal that it is the nearest to.
    values = [
        [None if v is None else str(np.float32(v)) for v in column.to_pylist()]
        if pa.types.is_float32(column.type)
        else column.to_pylist()
        for column in table.columns
    ]
    return table.column_names, list(zip(*values, strict=True))


def _value(cell: object, column: Column) -> Value:
    if isinstance(cell, (list, dict)):
        raise Broken(f"{column.name} is nested")
    text = "" if cell is None else cell.decode() if isinstance(cell, bytes) else str(cell)
    text = text.strip(SPACES)
    identifier = column.unit == "id"
    if text == "" or (column.type != "VARCHAR" and text.lower() == "nan"):
        if identifier or column.name == "MONTHS_BALANCE":
            raise Broken(f"{column.name} is missing")
        return None
    if column.type == "VARCHAR":
        return text
    try:
        exact = Decimal(text)
    except InvalidOperation as error:
        raise Broken(f"{column.name} is no number") from error
    if column.type == "DOUBLE":
        number = float(text)
        if not math.isfinite(number) or (number != 0 and not 1e-30 <= abs(number) <= 1e30):
            raise Broken(f"{column.name} is out of size")
        return number
    bits = 63 if column.type == "BIGINT" else 31
    if not exact.is_finite() or exact != exact.to_integral_value() or not -(2**bits) <= exact < 2**bits:
        raise Broken(f"{column.name} is no whole number")
    if (identifier and exact < 1) or (column.name == "TARGET" and exact not in (0, 1)):
        raise Broken(f"{column.name} is out of range")
    return int(exact)


def as_rows(table: Mapping[str, list[Value]]) -> Rows:
    """The rows of a raw table, with how often."""
    return Counter(zip(*table.values(), strict=True))
