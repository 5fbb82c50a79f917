"""Types one landed table of one cohort and keeps the rows of the cohort's own clients.

A Kaggle download shares its histories between train and test, so each cohort takes from them what belongs to its
applications; the rest is counted, not kept. TARGET never travels with the application: it becomes `raw_outcomes`.
"""

from dataclasses import dataclass
from pathlib import Path

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
from credit_platform.lake import (
    atomic_folder,
    bucket_count,
    bucket_sql,
    buckets,
    connect,
    identifier,
    scan,
    table_path,
    write_buckets,
)
from credit_platform.settings import Settings


@dataclass(frozen=True)
class Ingested:
    """What became of one file: the table's rows and buckets, the rows of unknown clients, what the inspection found."""

    path: Path
    rows: int
    buckets: int
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
        inspection = inspect(connection, file, contract) if file else Inspection(0, {}, ())
        if inspection.blocking:
            raise DeliveryError(inspection.problems)
        count = _bucket_count(settings, contract, cohort, inspection.rows)
        with atomic_folder(path) as folder:
            typed = _typed(settings, contract, file, cohort, count) if file else _empty(contract)
            rows = write_buckets(connection, typed, count, folder)
    return Ingested(path, rows, count, inspection.rows - rows, inspection)


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


def _bucket_count(settings: Settings, contract: Table, cohort: str, rows: int) -> int:
    """The application's rows decide; every other table follows it."""
    if contract.parent is None:
        return bucket_count(settings, rows)
    applications = buckets(table_path(settings, "raw_application", cohort))
    if not applications:
        raise DeliveryError([Problem(f"landing/{cohort}", "raw_application has not been made yet; it comes first")])
    return len(applications)


def _typed(settings: Settings, contract: Table, file: DeliveredFile, cohort: str, count: int) -> str:
    """The table's rows of this cohort's clients, each with its client's bucket."""
    columns = ", ".join(f"{typed_column(c)[0]} as {identifier(c.name)}" for c in contract.columns.values())
    query = f"select {columns} from {file.scan()}"
    client = bucket_sql("SK_ID_CURR", count)
    if contract.parent is None:
        return f"select *, {client} as bucket from ({query})"
    if contract.name == "outcomes":
        query = f"select * from ({query}) where {OUTCOME} is not null"
    parent, key = scan(table_path(settings, f"raw_{contract.parent}", cohort)), identifier(contract.parent_key or "")
    if "SK_ID_CURR" in contract.columns:
        return f"select *, {client} as bucket from ({query}) where {key} in (select {key} from {parent})"
    return f"select rows.*, {client} as bucket from ({query}) as rows join {parent} as parent using ({key})"


def _empty(contract: Table) -> str:
    columns = ", ".join(f"cast(null as {c.type}) as {identifier(c.name)}" for c in contract.columns.values())
    return f"select {columns}, 0 as bucket limit 0"
