"""Writes simulated deliveries: which clients and conditions go into which folder, and how the files come about.

Not here: what is in the tables (the SQL files), the distributions they draw from (`marginals.py`) and what changes
from month to month (`scenarios.py`).
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from shutil import rmtree
from typing import Literal, get_args
from uuid import uuid4

import duckdb

from credit_platform.home_credit.contracts import Table, table
from credit_platform.home_credit.simulator import marginals
from credit_platform.home_credit.simulator.scenarios import KAGGLE_TEST, SCENARIOS, STABLE, Conditions, conditions
from credit_platform.lake import identifier, quote

Format = Literal["parquet", "csv", "csv.gz"]

KAGGLE_TRAIN_SIZE = 307_511
KAGGLE_TEST_SIZE = 48_744

_OPTIONS: dict[str, str] = {
    # Row groups of a fixed size, so that the bytes do not depend on who wrote them; small enough for look-ups.
    "parquet": "format parquet, compression zstd, row_group_size 100000",
    "csv": "format csv, header true",
    "csv.gz": "format csv, header true, compression gzip",
}
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Part:
    """Clients that apply under the same conditions and whose applications go into one file."""

    file: str
    under: Conditions
    with_target: bool = False


@dataclass(frozen=True)
class Delivery:
    """One folder: clients numbered from `first`, of whom `second`, evenly spread, belong to the second part."""

    folder: Path
    first: int
    clients: int
    parts: tuple[Part, ...]
    second: int = 0
    with_outcomes: bool = False


def simulate(
    out: Path,
    *,
    cohorts: int = 6,
    clients: int = 5000,
    seed: int = 20,
    scenario: str = "stable",
    first_month: str = "2025-01",
    change_month: str | None = None,
    labelled: int | None = None,
    format: Format = "parquet",
    threads: int = 2,
    memory_limit: str = "4GB",
    progress: Callable[[str], None] | None = None,
) -> list[Path]:
    """Writes `out/<YYYY-MM>/<table>.<format>` for consecutive months, or one folder `out` for the scenario `kaggle`.

    Args:
        out: folder to create; nothing is left there when the simulation fails.
        cohorts: number of months.
        clients: applications per month; for `kaggle`, the size of the training data.
        seed: the same arguments and seed give the same bytes, whatever `threads` is.
        scenario: one of `SCENARIOS`.
        first_month: month of the first cohort, as YYYY-MM.
        change_month: month in which the scenario's change starts; the one two thirds through by default.
        labelled: number of cohorts, from the first on, whose outcomes are known; by default all but the last two,
            and at least one.
        format: file format of the tables, and the suffix of their names.
        threads: tables written at the same time.
        memory_limit: memory limit of DuckDB, which spills to disk beyond it.
        progress: called with the name of each file written.

    Returns:
        The folders written, one per cohort.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        FileExistsError: `out` exists and is not an empty folder.
    """
    deliveries = _plan(cohorts, clients, scenario, first_month, change_month, labelled)
    if format not in get_args(Format):
        raise ValueError(f"format must be one of {', '.join(get_args(Format))}, not {format!r}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} already exists and is not an empty folder; name another or remove it first")
    with (
        _beside(out.resolve()) as folder,
        _connect(seed, memory_limit, folder) as connection,
        ThreadPoolExecutor(threads) as workers,
    ):
        for delivery in deliveries:
            _write(connection, seed, delivery, folder / delivery.folder, format, workers, progress)
    return [out / delivery.folder for delivery in deliveries]


def _plan(
    cohorts: int, clients: int, scenario: str, first_month: str, change_month: str | None, labelled: int | None
) -> list[Delivery]:
    if scenario not in SCENARIOS:
        raise ValueError(f"scenario must be one of {', '.join(SCENARIOS)}, not {scenario!r}")
    if clients < 100:
        raise ValueError(f"clients must be at least 100, not {clients}")
    if scenario == "kaggle":
        test = clients * KAGGLE_TEST_SIZE // KAGGLE_TRAIN_SIZE
        parts = (Part("application_train", STABLE, with_target=True), Part("application_test", KAGGLE_TEST))
        return [Delivery(Path(), 0, clients + test, parts, second=test)]
    if cohorts < 1:
        raise ValueError(f"cohorts must be at least 1, not {cohorts}")
    first = _month_number("first_month", first_month)
    change = cohorts * 2 // 3 if change_month is None else _month_number("change_month", change_month) - first
    if not 0 <= change < max(cohorts, 1):
        last = _month_name(first + cohorts - 1)
        raise ValueError(f"change_month must lie between {first_month} and {last}, not {change_month}")
    if labelled is None:
        labelled = max(1, cohorts - 2)
    if not 0 <= labelled <= cohorts:
        raise ValueError(f"labelled must be between 0 and the number of cohorts, {cohorts}, not {labelled}")
    return [
        Delivery(
            folder=Path(_month_name(first + cohort)),
            first=cohort * clients,
            clients=clients,
            parts=(Part("application", conditions(scenario, cohort - change)),),
            with_outcomes=cohort < labelled,
        )
        for cohort in range(cohorts)
    ]


def _month_number(argument: str, text: str) -> int:
    match = _MONTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{argument} must be a month as YYYY-MM, not {text!r}")
    return int(match[1]) * 12 + int(match[2]) - 1


def _month_name(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block succeeds and vanishes when it fails."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.with_name(f".{out.name}.{uuid4().hex}")
    folder.mkdir()
    try:
        yield folder
        if out.exists():
            out.rmdir()
        folder.rename(out)
    finally:
        rmtree(folder, ignore_errors=True)


@contextmanager
def _connect(seed: int, memory_limit: str, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    spill = folder.with_name(f"{folder.name}.spill")
    connection = duckdb.connect(
        # One thread per query, because two would cut a file's row groups at varying places; tables run side by side.
        config={"threads": 1, "memory_limit": memory_limit, "temp_directory": str(spill)}
    )
    try:
        connection.execute(f"set variable seed = {seed}")
        connection.execute(_sql("randomness"))
        connection.execute(";".join(marginals.macros()))
        yield connection
    finally:
        connection.close()
        rmtree(spill, ignore_errors=True)


def _write(
    connection: duckdb.DuckDBPyConnection,
    seed: int,
    delivery: Delivery,
    folder: Path,
    format: Format,
    workers: ThreadPoolExecutor,
    progress: Callable[[str], None] | None,
) -> None:
    folder.mkdir(exist_ok=True)
    _populate(connection, delivery)
    for parent in ("client", "bureau", "previous_application"):
        connection.execute(_sql(parent))

    def copy(query: str, file: str) -> str:
        with connection.cursor() as own:
            own.execute(f"set variable seed = {seed}")
            own.execute(f"copy ({query}) to {quote(str(folder / f'{file}.{format}'))} ({_OPTIONS[format]})")
        return file

    written = [workers.submit(copy, query, file) for file, query in _queries(delivery).items()]
    for future in written:
        file = future.result()
        if progress is not None:
            progress(f"{delivery.folder / file}.{format}")


def _queries(delivery: Delivery) -> dict[str, str]:
    """A query for each file of the delivery, the longest first."""
    application = table("application")
    applications = _sql("application").format(
        building_ranks=marginals.building_ranks(application),
        building_columns=marginals.building_columns(application),
        document_flags=marginals.flag_columns(
            application, "FLAG_DOCUMENT_", but=("FLAG_DOCUMENT_3", "FLAG_DOCUMENT_6", "FLAG_DOCUMENT_8")
        ),
    )
    queries = {
        contract.file: _as_promised(contract, _sql(name))
        for name in ("installments_payments", "pos_cash_balance", "credit_card_balance", "bureau_balance")
        for contract in (table(name),)
    }
    for name in ("previous_application", "bureau"):
        queries[table(name).file] = _as_promised(table(name), f"from {name}")
    for number, part in enumerate(delivery.parts):
        queries[part.file] = _as_promised(application, f"{applications} where part = {number}", part.with_target)
    if delivery.with_outcomes:
        queries[table("outcomes").file] = _as_promised(table("outcomes"), "from client")
    return queries


def _as_promised(contract: Table, query: str, with_target: bool = False) -> str:
    """The query with the contract's columns in its order and types, and TARGET after the key where it is wanted."""
    columns = [f"{identifier(name)}::{column.type} as {identifier(name)}" for name, column in contract.columns.items()]
    if with_target:
        columns.insert(1, "TARGET::INTEGER as TARGET")
    return f"select {', '.join(columns)} from ({query})"


def _populate(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> None:
    """The table `population`: the numbers of the delivery's clients with the conditions they apply under."""
    by_part = " union all ".join(
        f"select {number} as part, "
        + ", ".join(f"{value!r}::double as {name}" for name, value in asdict(part.under).items())
        for number, part in enumerate(delivery.parts)
    )
    in_second = (
        f"((n + 1) * {delivery.second} // {delivery.clients} > n * {delivery.second} // {delivery.clients})::integer"
    )
    connection.execute(
        f"create or replace table population as "
        f"select {delivery.first} + n as client, by_part.* "
        f"from (select range as n, {in_second} as part from range({delivery.clients})) numbered "
        f"join ({by_part}) by_part using (part) order by client"
    )


def _sql(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
