"""One applicant's mart row from raw records in memory, by the SQL that builds a cohort's mart.

Records are what a delivery's files hold, as JSON has them: an application and, per table, any number of rows. They are
checked against the contracts, as a delivered file is, but one by one: what is wrong is named with its place. The row is
the cohort's to the last bit, because records are sorted as the raw tables are.

Not here: the rows of clients that are in a published mart already (`lookup.py`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import duckdb

from credit_platform.home_credit import contracts
from credit_platform.home_credit.contracts import TABLE_NAMES, Column, Table
from credit_platform.lake import identifier
from credit_platform.mart.build import CLIENT_KEY, IN_ORDER, client_mart_query

Record = Mapping[str, Any]
_LARGEST = {"INTEGER": 2**31 - 1, "BIGINT": 2**63 - 1}


@dataclass(frozen=True)
class RecordProblem:
    """What is wrong with a record: the place as `bureau[2].DAYS_CREDIT`, and a sentence. Values are not repeated."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class RecordError(ValueError):
    """Records that no mart row can be made from, with every problem found."""

    def __init__(self, problems: Sequence[RecordProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class OnlineMart:
    """The mart's query, prepared over empty tables in a DuckDB of its own; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection = duckdb.connect(config={"threads": 1})
        for table in contracts.tables():
            columns = ", ".join(f"{identifier(c.name)} {c.type}" for c in table.columns.values())
            self._connection.execute(f"create table {table.name} ({columns})")
        self._connection.execute(IN_ORDER)
        # A few rows leave nothing to optimise: a tenth of a second of planning is saved at each call.
        self._connection.execute("pragma disable_optimizer")
        query = client_mart_query({name: name for name in TABLE_NAMES})
        self._connection.execute(f"prepare client_mart as {query}")

    def row(self, application: Record, history: Mapping[str, Sequence[Record]]) -> dict[str, float | str | None]:
        """The mart row of one applicant: every mart column but the key, None where it is missing.

        `history` maps the other tables' names to their rows, which may leave out SK_ID_CURR; a table without rows may
        be left out. Columns that a record leaves out are missing values.

        Raises:
            RecordError: a record breaks its contract; every problem is named.
        """
        client = application.get(CLIENT_KEY, 0)
        records = dict(_typed_rows({"application": [{CLIENT_KEY: 0, **application}], **history}, client))
        (row,) = self._rows(records)
        return row

    def variants(
        self, application: Record, changes: Sequence[Record], history: Mapping[str, Sequence[Record]]
    ) -> list[dict[str, float | str | None]]:
        """The mart rows of one applicant, one for each of several changes to the application, as `row` gives each.

        The query runs once for all, over a copy of the history for each: its planning is most of what a row costs.

        Raises:
            RecordError: a record breaks its contract; every problem is named.
        """
        records = dict(_typed_rows({"application": [{**application, CLIENT_KEY: 0}], **_anonymous(history)}, 0))
        changed = [{**application, **change, CLIENT_KEY: 0} for change in changes]
        applications = [dict(_typed_rows({"application": [each]}, 0))["application"][0] for each in changed]
        return self._rows({**records, "application": _numbered("application", applications)}, len(applications))

    def _rows(self, records: Mapping[str, list[tuple[Any, ...]]], copies: int = 1) -> list[dict[str, Any]]:
        """The mart's rows, by their keys; each row of the history counts for `copies` clients from 0 on."""
        with self._lock:
            self._connection.execute("begin")
            try:
                for name, typed in records.items():
                    if typed:
                        marks = ", ".join("?" * len(typed[0]))
                        self._connection.executemany(f"insert into {name} values ({marks})", typed)
                        if copies > 1 and name != "application" and CLIENT_KEY in contracts.table(name).columns:
                            self._connection.execute(
                                f"insert into {name} select own.* replace (copy.number as {CLIENT_KEY}) "
                                f"from range(1, {copies}) as copy(number), {name} as own"
                            )
                found = self._connection.execute("execute client_mart").fetchall()
                names = [str(column[0]) for column in self._connection.description or ()]
            finally:
                self._connection.execute("rollback")
        if len(found) != copies:
            raise LookupError(f"the mart's query gave {len(found)} rows for {copies} applications")
        rows = [dict(zip(names, row, strict=True)) for row in found]
        rows.sort(key=lambda row: row[CLIENT_KEY])
        return [{name: value for name, value in row.items() if name != CLIENT_KEY} for row in rows]


def _anonymous(history: Mapping[str, Sequence[Record]]) -> dict[str, list[Record]]:
    return {
        name: [{**row, CLIENT_KEY: 0} if CLIENT_KEY in row else row for row in rows] for name, rows in history.items()
    }


def _numbered(name: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows of a table with SK_ID_CURR counted from 0 on."""
    place = list(contracts.table(name).columns).index(CLIENT_KEY)
    return [(*row[:place], number, *row[place + 1 :]) for number, row in enumerate(rows)]


def _typed_rows(records: Mapping[str, Sequence[Record]], client: int) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    problems: list[RecordProblem] = []
    typed: dict[str, list[tuple[Any, ...]]] = {}
    for name, rows in records.items():
        if name not in TABLE_NAMES:
            known = ", ".join(TABLE_NAMES[1:])
            problems.append(RecordProblem(name, f"is no table of a client's history; there are {known}"))
            continue
        contract = contracts.table(name)
        typed[name] = sorted(
            (_typed_row(contract, row, f"{name}[{i}]", client, problems) for i, row in enumerate(rows)), key=_order
        )
        problems += _repeated(contract, typed[name])
    if problems:
        raise RecordError(problems)
    yield from typed.items()


def _typed_row(
    contract: Table, record: Record, place: str, client: int, problems: list[RecordProblem]
) -> tuple[Any, ...]:
    own = {CLIENT_KEY: client, **record} if CLIENT_KEY in contract.columns else record
    problems += [
        RecordProblem(f"{place}.{name}", f"is no column of {contract.name}")
        for name in own
        if name not in contract.columns
    ]
    if own.get(CLIENT_KEY, client) != client:
        problems.append(RecordProblem(f"{place}.{CLIENT_KEY}", "is not the application's"))
    values = []
    for column in contract.columns.values():
        try:
            values.append(
                _typed_value(column, own.get(column.name), required=column.name in contract.key or column.unit == "id")
            )
        except ValueError as error:
            problems.append(RecordProblem(f"{place}.{column.name}", str(error)))
            values.append(None)
    return tuple(values)


def _typed_value(column: Column, value: Any, required: bool) -> int | float | str | None:
    """As a delivered file is read: empty text is missing, whole numbers may be written as 3.0."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        if required:
            raise ValueError("has no value, and rows are told apart by it")
        return None
    if column.type == "VARCHAR":
        if not isinstance(value, str):
            raise ValueError("is not a text")
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("is not a number")
    if column.type == "DOUBLE":
        return float(value)
    if value != int(value) or abs(value) > _LARGEST[column.type]:
        raise ValueError("is not a whole number, or too large for one")
    return int(value)


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The order of the raw tables: by all columns, missing values last."""
    return tuple((value is None, value) for value in row)


def _repeated(contract: Table, rows: Sequence[tuple[Any, ...]]) -> Iterator[RecordProblem]:
    if not contract.key:
        return
    names = list(contract.columns)
    positions = [names.index(name) for name in contract.key]
    keys = [tuple(row[i] for i in positions) for row in rows]
    if len(set(keys)) < len(keys):
        yield RecordProblem(contract.name, f"holds two rows with the same {' + '.join(contract.key)}")
