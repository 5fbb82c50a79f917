"""Checks one delivered file against its table's contract, inside DuckDB.

Blocking: missing columns, values of the wrong type, missing or repeated keys, an application table without rows.
Reported only: unknown columns and categories, values out of range, gaps in columns that should have none. Identifiers
are positive and an outcome is either 0 or 1, so that one out of range blocks too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from credit_platform.home_credit.contracts import Column, Table, table
from credit_platform.home_credit.delivery import (
    OUTCOME,
    DeliveredFile,
    Problem,
    each_column,
    reason,
    stem,
    typed_column,
)
from credit_platform.lake import identifier, lacks_room, one_row, quote

MOST_CATEGORIES = 20
"""How many different unknown categories of a column are taken for categories and named."""


MOST_IDS = 3
"""How many offending rows of a problem are quoted, by their ids."""


@dataclass(frozen=True)
class Inspection:
    """What was found in a file: its rows, how many values each column lacks, and every problem."""

    rows: int
    missing: dict[str, int]
    problems: tuple[Problem, ...]

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Inspection":
        """An inspection that was written down as JSON, as `dataclasses.asdict` has it."""
        problems = tuple(Problem(**{**problem, "ids": tuple(problem["ids"])}) for problem in facts["problems"])
        return cls(**{**facts, "problems": problems})

    def named(self, file: str) -> "Inspection":
        """The same of a file that is called otherwise."""
        return replace(self, problems=tuple(replace(problem, file=file) for problem in self.problems))

    @property
    def blocking(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.blocking)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if not problem.blocking)


def inspect(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, contract: Table) -> Inspection:
    """Checks a file in one scan for its values and one for its key."""
    name = file.path.name
    promised = dict(contract.columns)
    if contract.name == "application" and OUTCOME in file.columns:
        promised[OUTCOME] = table("outcomes").columns[OUTCOME]
    brings_others = contract.name == "outcomes" and stem(file.path) != contract.file
    missing = [column for column in contract.columns if column not in file.columns]
    problems = each_column(file.path, missing, f"the column is missing; {contract.name} needs it")
    others = [column for column in file.columns if column not in promised and not brings_others]
    problems += each_column(
        file.path, others, "is not in the contract and is left out", blocking=False, kind="unknown column"
    )
    if any(problem.blocking for problem in problems):
        return Inspection(0, {}, tuple(problems))
    try:
        return _inspect_values(connection, file, contract, tuple(promised.values()), problems)
    except duckdb.OutOfMemoryException as error:
        if lacks_room(error):
            raise
        problems.append(Problem(name, f"takes more memory than CREDIT_MEMORY_LIMIT allows: {reason(error)}"))
    except duckdb.Error as error:
        if lacks_room(error):
            raise
        problems.append(Problem(name, f"can't be read: {reason(error)}"))
    return Inspection(0, {}, tuple(problems))


def _inspect_values(
    connection: duckdb.DuckDBPyConnection,
    file: DeliveredFile,
    contract: Table,
    columns: tuple[Column, ...],
    problems: list[Problem],
) -> Inspection:
    name = file.path.name
    inner = ", ".join(_value_and_text(column, file) for column in columns)
    measures = ["count(*)"]
    for column in columns:
        measures += [f"count_if({condition})" for condition in _conditions(column)]
    measured = one_row(connection, f"select {', '.join(measures)} from (select {inner} from {file.scan()})")
    rows, counts = measured[0], iter(measured[1:])
    missing = {}
    for column in columns:
        broken, gaps, outside, unknown = (next(counts) for _ in range(4))
        where_broken, where_gap, where_outside, where_unknown = _conditions(column)
        missing[column.name] = gaps
        if broken:
            row, ids = _offenders(connection, file, contract, column, where_broken)
            of_a_size, _ = _offenders(connection, file, contract, column, f"{where_broken} and {_is_number(column)}")
            kind = "a number" if column.type == "DOUBLE" else "a whole number"
            message = "is too large or too small" if of_a_size == row else f"is not {kind}"
            problems.append(Problem(name, message, column.name, row, broken, ids=ids))
        if gaps and not column.nullable:
            blocking = column.name in contract.key or column.unit == "id"
            row, ids = _offenders(connection, file, contract, column, where_gap)
            problems.append(Problem(name, "has no value", column.name, row, gaps, blocking, ids))
        if outside:
            low, high = ("-∞" if column.min is None else column.min), ("∞" if column.max is None else column.max)
            blocking = column.name == OUTCOME or column.unit == "id"
            row, ids = _offenders(connection, file, contract, column, where_outside)
            message, row = f"lies outside {low} to {high}", row if blocking else None
            problems.append(Problem(name, message, column.name, row, outside, blocking, ids, "outside range"))
        if unknown:
            values = _unknown_values(connection, file, column)
            _, ids = _offenders(connection, file, contract, column, where_unknown)
            message = f"unknown category {values}"
            problems.append(Problem(name, message, column.name, None, unknown, False, ids, "unknown category"))
    if not rows:
        problems.append(Problem(name, "holds no rows", blocking=contract.name == "application"))
    elif contract.key:
        problems += _repeated_keys(connection, file, contract)
    return Inspection(rows, missing, tuple(problems))


def _value_and_text(column: Column, file: DeliveredFile) -> str:
    value, text = typed_column(column, file.numbers)
    return f"{value} as {identifier('v_' + column.name)}, {text} as {identifier('t_' + column.name)}"


def _conditions(column: Column) -> tuple[str, str, str, str]:
    """SQL conditions on a column's value and text: wrong type, no value, outside the range, unknown category."""
    value, text = identifier("v_" + column.name), identifier("t_" + column.name)
    outside = unknown = "false"
    if column.type == "VARCHAR":
        if column.categories:
            unknown = f"{value} not in ({', '.join(quote(category) for category in column.categories)})"
    elif column.min is not None or column.max is not None:
        limits = [f"{value} < {column.min}"] if column.min is not None else []
        limits += [f"{value} > {column.max}"] if column.max is not None else []
        outside = f"({' or '.join(limits)})"
        if column.sentinels:
            outside += f" and {value} not in ({', '.join(column.sentinels)})"
    return f"{text} is not null and {value} is null", f"{text} is null", outside, unknown


def _is_number(column: Column) -> str:
    """SQL condition that a column's text is a number, if one that its type can't hold."""
    number = f"try_cast({identifier('t_' + column.name)} as double)"
    return f"isfinite({number})" + ("" if column.type == "DOUBLE" else f" and {number} = trunc({number})")


def _offenders(
    connection: duckdb.DuckDBPyConnection, file: DeliveredFile, contract: Table, column: Column, condition: str
) -> tuple[int | None, tuple[str, ...]]:
    """The first row that meets a condition, and the ids of the first few that do. An id is a number or left out."""
    name = next(name for name in (*contract.key, "SK_ID_CURR") if name in contract.columns)
    found = connection.execute(
        f"select row, id from (select row_number() over () as row, {typed_column(contract.columns[name])[0]} as id, "
        f"{_value_and_text(column, file)} from {file.scan()}) where {condition} limit {MOST_IDS}"
    ).fetchall()
    ids = dict.fromkeys(f"{name} {identity}" for _, identity in found if identity is not None)
    return found[0][0] if found else None, tuple(ids)


def _unknown_values(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, column: Column) -> str:
    """The most frequent unknown categories, shortened. Many different ones are no categories but, where columns have
    shifted, may be personal data, and are counted instead.
    """
    known = ", ".join(quote(category) for category in column.categories)
    found = connection.execute(
        f"select left(v, 40) from (select {typed_column(column)[0]} as v from {file.scan()}) where v not in ({known}) "
        "group by v order by count(*) desc, v"
    ).fetchmany(MOST_CATEGORIES + 1)
    if len(found) > MOST_CATEGORIES:
        return f"in more than {MOST_CATEGORIES} different values"
    return ", ".join(repr(row[0]) for row in found[:5])


def _repeated_keys(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, contract: Table) -> list[Problem]:
    """A key that occurs again, wherever all of it is known."""
    key = ", ".join(
        f"{typed_column(contract.columns[name], file.numbers)[0]} as {identifier(name)}" for name in contract.key
    )
    names = ", ".join(identifier(name) for name in contract.key)
    complete = " and ".join(f"{identifier(name)} is not null" for name in contract.key)
    (repeated,) = one_row(
        connection,
        f"select sum(n - 1)::bigint from (select count(*) as n from (select {key} from {file.scan()}) "
        f"where {complete} group by {names} having n > 1)",
    )
    if not repeated:
        return []
    again = connection.execute(
        f"select row, id from (select row, {identifier(contract.key[0])} as id, "
        f"row_number() over (partition by {names} order by row) as nth "
        f"from (select row_number() over () as row, {key} from {file.scan()}) where {complete}) "
        f"where nth > 1 order by row limit {MOST_IDS}"
    ).fetchall()
    ids = tuple(dict.fromkeys(f"{contract.key[0]} {identity}" for _, identity in again))
    return [Problem(file.path.name, "repeats a key", " + ".join(contract.key), again[0][0], repeated, ids=ids)]
