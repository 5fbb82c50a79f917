"""Tiny deliveries made from the contracts, for tests to spoil, and ways to write and to zip them."""

import csv
import gzip
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import duckdb

from credit_platform.home_credit.contracts import Column, Table, table, tables

FIRST_CLIENT = 100_001
FIRST_CREDIT = 5_000_001
FIRST_LOAN = 1_000_001


def plausible(column: Column) -> str:
    """A value that keeps the column's promise."""
    if column.categories:
        return next(iter(column.categories))
    if column.type == "VARCHAR":
        return "Business Entity Type 3"
    middle = next((value for probability, value in column.quantiles if probability >= 0.5), column.min or 0)
    return f"{middle:.0f}" if column.type != "DOUBLE" else f"{middle}"


@dataclass
class TinyDelivery:
    """A faultless delivery of a few clients, as text, made from the contracts; tests spoil it before it is written."""

    clients: int = 12
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for contract in tables():
            self.rows[contract.name] = [self._row(contract, i) for i in range(self.clients)]

    def _row(self, contract: Table, i: int) -> dict[str, str]:
        ids = {
            "SK_ID_CURR": str(FIRST_CLIENT + i),
            "SK_ID_BUREAU": str(FIRST_CREDIT + i),
            "SK_ID_PREV": str(FIRST_LOAN + i),
        }
        return {name: ids.get(name) or plausible(column) for name, column in contract.columns.items()}

    def with_outcomes(self, name: str = "outcomes") -> Self:
        """Adds a table of outcomes, or the outcomes as TARGET of the application; every third client defaults."""
        if name == "outcomes":
            self.rows["outcomes"] = [
                {"SK_ID_CURR": row["SK_ID_CURR"], "TARGET": str(int(i % 3 == 0))}
                for i, row in enumerate(self.rows["application"])
            ]
        else:
            for i, row in enumerate(self.rows["application"]):
                row["TARGET"] = str(int(i % 3 == 0))
        return self

    def write(self, folder: Path, only: Sequence[str] = (), suffix: str = ".csv") -> Path:
        """Writes the tables, or only some of them, as one cohort's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.rows.items():
            if not only or name in only:
                write_table(folder / f"{table(name).file}{suffix}", rows, tuple(table(name).columns))
        return folder


def write_table(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = ()) -> Path:
    """Writes rows of text as CSV, gzipped CSV or Parquet, whatever the path's suffix says."""
    names = list(rows[0]) if rows else list(columns)
    if path.suffix == ".parquet":
        beside = write_table(path.with_suffix(".rows.csv"), rows, columns)
        with duckdb.connect() as connection:
            table = connection.read_csv(str(beside), all_varchar=True, hive_partitioning=False)
            table.write_parquet(str(path))
        beside.unlink()
        return path
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def zipped(folder: Path, archive: Path) -> Path:
    """Everything below a folder as a zip."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        for path in sorted(folder.rglob("*")):
            content.write(path, path.relative_to(folder))
    return archive
