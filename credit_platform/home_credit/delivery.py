"""What a delivery is made of: which file in a folder holds which table, and how DuckDB reads it.

Not here: whether the content keeps its contract (`inspection.py`), or how it gets into the landing area (`landing.py`).
"""

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from credit_platform.home_credit.contracts import table, tables
from credit_platform.lake import identifier, quote

SUFFIXES = (".csv", ".csv.gz", ".parquet")
KAGGLE_COHORTS = {"application_train": "train", "application_test": "test"}
OUTCOME = "TARGET"


@dataclass(frozen=True)
class Problem:
    """One way in which a delivery breaks its contract. `row` counts data rows from 1. A blocking one refuses it."""

    file: str
    message: str
    column: str | None = None
    row: int | None = None
    count: int = 1
    blocking: bool = True

    def __str__(self) -> str:
        where = [self.file]
        if self.column:
            where.append(f"column {self.column}")
        if self.row:
            where.append(f"row {self.row}")
        more = f" ({self.count:,} rows in all)" if self.count > 1 else ""
        return f"{', '.join(where)}: {self.message}{more}"


class DeliveryError(ValueError):
    """A delivery that can't be taken, with every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True)
class DeliveredFile:
    """A file of a delivery and its columns in the file's order."""

    path: Path
    columns: tuple[str, ...]

    def scan(self) -> str:
        """A DuckDB table function call that reads the file, CSV columns as text."""
        location = quote(str(self.path))
        if self.path.suffix == ".parquet":
            return f"read_parquet({location})"
        typed = ", ".join(f"{quote(column)}: 'VARCHAR'" for column in self.columns)
        return (
            f"read_csv({location}, header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
            f"nullstr = '', max_line_size = 1000000, columns = {{{typed}}})"
        )


def stem(path: Path) -> str | None:
    """The file's name without its suffix where the suffix is one a delivery may have."""
    name = path.name.lower()
    for suffix in (".csv.gz", ".csv", ".parquet"):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return None


def find(folder: Path) -> dict[str, Path]:
    """The delivered files of a folder by lower-case stem of the contract's file name, `application_train` included.

    Raises:
        DeliveryError: two files hold the same table.
    """
    known = {contract.file.lower() for contract in tables()} | {"outcomes", *KAGGLE_COHORTS}
    found: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        name = stem(path)
        if name not in known or not path.is_file():
            continue
        if name in found:
            problems.append(Problem(path.name, f"holds the same table as {found[name].name}; leave one of them out"))
        found[name] = path
    if problems:
        raise DeliveryError(problems)
    return found


def open_file(path: Path) -> DeliveredFile:
    """Reads a file's header.

    Raises:
        DeliveryError: the file has no header or can't be read.
    """
    try:
        if path.suffix == ".parquet":
            with duckdb.connect() as connection:
                described = connection.execute(f"describe select * from read_parquet({quote(str(path))})").fetchall()
            names = [row[0] for row in described]
        else:
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
                names = next(csv.reader(lines), [])
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, duckdb.Error) as error:
        raise DeliveryError([Problem(path.name, f"can't be read: {reason(error)}")]) from error
    if not names:
        raise DeliveryError([Problem(path.name, "is empty; a delivered file has at least a header")])
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DeliveryError([Problem(path.name, "appears twice in the header", column=name) for name in repeated])
    return DeliveredFile(path, tuple(names))


def reason(error: Exception) -> str:
    """The first line of an error, with the line number DuckDB gives, and without the content of the line."""
    lines = str(error).splitlines() or [type(error).__name__]
    cause = next(
        (line for line in lines[1:] if line.startswith(("Expected", "Invalid", "Value with", "Error when"))), ""
    )
    return f"{lines[0]} {cause}".strip()


def typed_column(name: str, contract: str, delivered: bool = True) -> tuple[str, str]:
    """SQL of a column's typed value, and SQL that is true where what was delivered can't be that type.

    Empty text and NaN are missing. Whole numbers may be written as `3.0`.
    """
    column = table(contract).columns[name]
    if not delivered:
        return f"cast(null as {column.type})", "false"
    text = f"nullif(trim(cast({identifier(name)} as varchar)), '')"
    if column.type == "VARCHAR":
        return text, "false"
    number = f"try_cast({text} as double)"
    broken = f"({text} is not null and ({number} is null or isinf({number}))"
    present = f"case when isnan({number}) then null else {number} end"
    if column.type == "DOUBLE":
        return present, f"{broken})"
    return (
        f"try_cast({present} as {column.type})",
        f"{broken} or ({number} <> trunc({number}) and not isnan({number})))",
    )
