"""What a delivery is made of: which file in a folder holds which table, and how DuckDB reads it.

Not here: whether a file is damaged (`integrity.py`), whether the content keeps its contract (`inspection.py`), or how
it gets into the landing area (`landing.py`).
"""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import duckdb

from credit_platform.home_credit.contracts import Column, table, tables
from credit_platform.lake import identifier, one_row, quote

SUFFIXES = (".csv", ".csv.gz", ".parquet")
KAGGLE_COHORTS = {"application_train": "train", "application_test": "test"}
OUTCOME = "TARGET"
MOST_PROBLEMS = 20
"""How many problems of a file are told; where a row is out of place, every column has one."""
MOST_COLUMNS = 10
"""How many columns are named one by one when the same is wrong with all of them."""
_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "DOUBLE")
"""Types in a Parquet file that are read as they are, without becoming text. FLOAT is not: its 0.1 is not DOUBLE's."""
_STAGING = 500_000_000
"""Bytes that are enough for any number of rows; beyond them DuckDB spills."""
_LONGEST_HEADER = 100_000
UNREADABLE = (OSError, EOFError, zlib.error)
"""What Python raises at files that are gone or damaged."""
_NEVER = "\x1fnever\x1f"
"""No value: DuckDB overlooks a cell too many where it would be null, and with it a row whose values have shifted."""
_SMALLEST, _LARGEST = 1e-30, 1e30
"""Sizes of numbers that can be squared, multiplied and divided by each other without leaving what a double holds."""


@dataclass(frozen=True)
class Problem:
    """One way in which a delivery breaks its contract. `row` counts data rows from 1. A blocking one refuses it.

    `ids` are those of the first few rows, such as `SK_ID_PREV 1000001`; they are told to people, not to logs. `kind`
    names those that the quality report goes on with.
    """

    file: str
    message: str
    column: str | None = None
    row: int | None = None
    count: int = 1
    blocking: bool = True
    ids: tuple[str, ...] = ()
    kind: Literal["", "unknown column", "outside range", "unknown category"] = ""

    def __str__(self) -> str:
        where = [self.file]
        if self.column:
            where.append(f"column {self.column}")
        if self.row:
            where.append(f"row {self.row}")
        more = f" ({self.count:,} rows in all)" if self.count > 1 else ""
        return f"{', '.join(where)}: {self.message}{more}"


class DeliveryError(ValueError):
    """A delivery that can't be taken, with every problem found; the first few of each file are told."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = []
        for file in dict.fromkeys(problem.file for problem in problems):
            found = [str(problem) for problem in problems if problem.file == file]
            lines += found[:MOST_PROBLEMS]
            if len(found) > MOST_PROBLEMS:
                lines.append(f"{file}: and {len(found) - MOST_PROBLEMS:,} more problems")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class DeliveredFile:
    """A file of a delivery, its columns in the file's order, and those among them that hold numbers, not text."""

    path: Path
    columns: tuple[str, ...]
    numbers: frozenset[str] = frozenset()

    def scan(self) -> str:
        """A DuckDB table function call that reads the file, CSV columns as text."""
        location, kind = quote(str(self.path)), suffix(self.path)
        if kind == ".parquet":
            return f"read_parquet({location}, hive_partitioning = false, binary_as_string = true)"
        typed = ", ".join(f"{quote(column)}: 'VARCHAR'" for column in self.columns)
        compression = "gzip" if kind == ".csv.gz" else "none"
        return (
            f"read_csv({location}, header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
            f"nullstr = '{_NEVER}', max_line_size = 1000000, compression = '{compression}', columns = {{{typed}}})"
        )

    def memory(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Bytes in which the file can be checked, and its rows dealt out and sorted, however many there are.

        DuckDB holds one of a Parquet's row groups for each thread, as it is and unpacked.
        """
        if suffix(self.path) != ".parquet":
            return _STAGING
        group = "select sum(total_compressed_size + total_uncompressed_size) as size"
        (held,) = one_row(
            connection,
            f"select coalesce(max(size), 0) * current_setting('threads') from ({group} "
            f"from parquet_metadata({quote(str(self.path))}) group by row_group_id)",
        )
        return _STAGING + int(held)


def suffix(path: Path) -> str | None:
    """The file's suffix where it is one a delivery may have, in lower case."""
    return next((kind for kind in SUFFIXES if path.name.lower().endswith(kind)), None)


def stem(path: Path) -> str | None:
    """The file's name without its suffix, in lower case, where it is that of a table, `application_train` included."""
    known = {contract.file.lower() for contract in tables()} | {"outcomes", *KAGGLE_COHORTS}
    name = path.name.lower().removesuffix(suffix(path) or "")
    return name if name in known and suffix(path) else None


def find(folder: Path) -> dict[str, Path]:
    """The delivered files of a folder by lower-case stem of the contract's file name, `application_train` included.

    Raises:
        DeliveryError: two files hold the same table.
    """
    found: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        name = stem(path)
        if name is None or not path.is_file():
            continue
        if name in found:
            problems.append(Problem(path.name, f"holds the same table as {found[name].name}; leave one of them out"))
        found[name] = path
    if problems:
        raise DeliveryError(problems)
    return found


def open_file(path: Path) -> DeliveredFile:
    """Reads a file's header. A column without a name, such as an exported row index, is called by its position.

    Raises:
        DeliveryError: the file has no header or can't be read.
    """
    try:
        header = _parquet_columns(path) if suffix(path) == ".parquet" else _csv_header(path)
    except (*UNREADABLE, csv.Error, duckdb.Error) as error:
        raise DeliveryError([Problem(path.name, f"can't be read: {reason(error)}")]) from error
    names = [name for name, _ in header]
    if not names:
        raise DeliveryError([Problem(path.name, "is empty; a delivered file has at least a header")])
    if not any(name in contract.columns for contract in (*tables(), table("outcomes")) for name in names):
        raise DeliveryError(
            [Problem(path.name, "has no header that names a known column; a CSV is comma-separated UTF-8 text")]
        )
    names = [name or f"unnamed_{position}" for position, name in enumerate(names, 1)]
    times = Counter(name.casefold() for name in names)
    repeated = sorted({name for name in names if times[name.casefold()] > 1})
    if repeated:
        raise DeliveryError(each_column(path, repeated, "appears twice in the header"))
    return DeliveredFile(path, tuple(names), frozenset(name for name, kind in header if kind in _NUMBERS))


def _parquet_columns(path: Path) -> list[tuple[str, str]]:
    scan = DeliveredFile(path, ()).scan()
    with duckdb.connect() as connection:
        described = connection.execute(f"describe select * from {scan}").fetchall()
        stored = {
            row[0] for row in connection.execute(f"select name from parquet_schema({quote(str(path))})").fetchall()
        }
    known = set(chain.from_iterable(contract.columns for contract in (*tables(), table("outcomes"))))
    nested = [
        name for name, kind, *_ in described if name in known and (kind.startswith(_NESTED) or kind.endswith("]"))
    ]
    if nested:
        raise DeliveryError(each_column(path, nested, "is nested; a value is a number or a text"))
    # DuckDB numbers a column that appears again.
    return [(name if name in stored else name.rpartition("_")[0], kind) for name, kind, *_ in described]


def _csv_header(path: Path) -> list[tuple[str, str]]:
    opener = gzip.open if suffix(path) == ".csv.gz" else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as stream:
        text = stream.read(_LONGEST_HEADER + 1)
    lines = StringIO(text, newline="")
    names = next(csv.reader(lines), [])
    if len(text) > _LONGEST_HEADER and lines.tell() == len(text):
        raise DeliveryError([Problem(path.name, f"has a header longer than {_LONGEST_HEADER:,} characters")])
    return [(name, "VARCHAR") for name in names]


def each_column(path: Path, columns: Sequence[str], message: str, **fields: Any) -> list[Problem]:
    """The same problem of some columns: one by one, or, where they are many, once."""
    if len(columns) <= MOST_COLUMNS:
        return [Problem(path.name, message, column=column, **fields) for column in columns]
    shown = f"{', '.join(columns[:MOST_COLUMNS])} and {len(columns) - MOST_COLUMNS:,} more"
    return [Problem(path.name, message, column=shown, **fields)]


def reason(error: Exception) -> str:
    """The first line of an error, with the line number DuckDB gives, and without the content of the line."""
    lines = str(error).splitlines() or [type(error).__name__]
    if "state machine reached an invalid state" in lines[0]:
        return "it is no well-formed CSV: its lines end in different ways, or a quote is out of place"
    cause = next(
        (line for line in lines[1:] if line.startswith(("Expected", "Invalid", "Value with", "Error when"))), ""
    )
    return f"{lines[0]} {cause}".strip()


def typed_column(column: Column, numbers: Collection[str] = ()) -> tuple[str, str]:
    """SQL of a column's typed value, and of the text it was delivered as; a text without a value is of the wrong type.

    Empty text and, among numbers, NaN are missing: neither text nor value. Whole numbers may be written as `3.0`, as
    long as a double holds them exactly. `numbers` are the columns that need not become text, which costs more than
    all else: what they were delivered as is a number then, and the value is the same.
    """
    name = identifier(column.name)
    text = f"trim(cast({name} as varchar))"
    if column.type == "VARCHAR":
        text = f"nullif({text}, '')"
        return text, text
    if column.name in numbers:
        text = f"case when not isnan({name}) then {name} end"
        in_digits = f"typeof({name}) <> 'DOUBLE'"
    else:
        text = f"case when lower({text}) not in ('', 'nan') then {text} end"
        in_digits = f"regexp_full_match({text}, '[+-]?[0-9]+')"
    number = f"try_cast({text} as double)"
    if column.type == "DOUBLE":
        # Zero has no sign here, for one with and one without are the same number in different bytes.
        value = f"case when {number} = 0 then 0 when abs({number}) between {_SMALLEST} and {_LARGEST} then {number} end"
        return value, text
    whole = f"{number} = trunc({number})"
    if column.type == "BIGINT":
        whole += f" and (abs({number}) < {2**53} or {in_digits})"
    return f"case when {whole} then try_cast({text} as {column.type}) end", text
