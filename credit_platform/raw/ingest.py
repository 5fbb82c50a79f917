"""Types one landed table of one cohort and keeps the rows of the cohort's own clients.

A Kaggle download shares its histories between train and test, so each cohort takes from them what belongs to its
applications; the rest is counted, not kept. TARGET never travels with the application: it becomes `raw_outcomes`.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from credit_platform.home_credit.contracts import Table, table
from credit_platform.home_credit.delivery import (
    OUTCOME,
    DeliveredFile,
    DeliveryError,
    Problem,
    find,
    open_file,
    typed_column,
)
from credit_platform.home_credit.inspection import Inspection, inspect
from credit_platform.lake import connect, identifier, quote, table_path, write_parquet
from credit_platform.settings import Settings


@dataclass(frozen=True)
class Ingested:
    """What became of one file: the table's rows, the rows of unknown clients, and what the inspection found."""

    path: Path
    rows: int
    left_out: int
    inspection: Inspection


def ingest(settings: Settings, name: str, cohort: str) -> Ingested:
    """Writes `raw_<name>` of one cohort. What was there before stays where the delivery breaks its contract.

    Raises:
        DeliveryError: the file is missing or breaks its contract.
    """
    contract = table(name)
    path = table_path(settings, f"raw_{name}", cohort)
    file = _delivered(settings, contract, cohort)
    with connect(settings) as connection:
        if file is None:
            return Ingested(path, _write_empty(connection, contract, path), 0, Inspection(0, {}, ()))
        inspection = inspect(connection, file, contract)
        if inspection.blocking:
            raise DeliveryError(inspection.problems)
        rows = write_parquet(connection, _typed(settings, contract, file, cohort), path)
    return Ingested(path, rows, inspection.rows - rows, inspection)


def gaps(contract: Table, inspection: Inspection, most: int = 10) -> list[dict[str, str]]:
    """The columns that lack most values in a file, beside the share they lack in the public data."""
    lacking = sorted(inspection.missing.items(), key=lambda item: -item[1])[:most]
    return [
        {
            "column": name,
            "missing": f"{count / inspection.rows:.1%}",
            "missing in the public data": f"{contract.columns[name].missing_share:.1%}",
        }
        for name, count in lacking
        if count
    ]


def _delivered(settings: Settings, contract: Table, cohort: str) -> DeliveredFile | None:
    """The file that holds the table; none only for outcomes that are not known yet."""
    folder = settings.landing_dir / cohort
    files = find(folder) if folder.is_dir() else {}
    if contract.file.lower() in files:
        return open_file(files[contract.file.lower()])
    if contract.name == "outcomes":
        application = _delivered(settings, table("application"), cohort)
        return application if application and OUTCOME in application.columns else None
    raise DeliveryError([Problem(f"{contract.file}.csv", f"the table is missing from landing/{cohort}; land it first")])


def _typed(settings: Settings, contract: Table, file: DeliveredFile, cohort: str) -> str:
    columns = ", ".join(f"{typed_column(c)[0]} as {identifier(c.name)}" for c in contract.columns.values())
    query = f"select {columns} from {file.scan()}"
    if contract.parent is None:
        return query
    if contract.name == "outcomes":
        query += f" where {typed_column(contract.columns[OUTCOME])[0]} is not null"
    parent = quote(str(table_path(settings, f"raw_{contract.parent}", cohort)))
    key = identifier(contract.parent_key or "")
    return f"select * from ({query}) where {key} in (select {key} from read_parquet({parent}))"


def _write_empty(connection: duckdb.DuckDBPyConnection, contract: Table, path: Path) -> int:
    columns = ", ".join(f"cast(null as {c.type}) as {identifier(c.name)}" for c in contract.columns.values())
    return write_parquet(connection, f"select {columns} limit 0", path)
