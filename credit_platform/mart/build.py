"""Puts the .sql files of this folder together and runs them on the seven tables of a cohort.

A whole cohort, a part of its clients and a single applicant go through the same files, and so get the same row. Not
here: what is computed (the .sql and .toml files), and where tables are kept (`lake.py`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import duckdb

from credit_platform.home_credit import contracts
from credit_platform.mart.aggregates import Input, MartColumn, expand, fill

CLIENT_KEY = "SK_ID_CURR"


@dataclass(frozen=True)
class Step:
    """A .sql file and its .toml. `result` is the relation it makes; `upstream` names the steps whose results it joins.

    A step that is named like a delivered table reads that table.
    """

    name: str
    result: str
    upstream: tuple[str, ...] = ()


HISTORIES = ("bureau", "previous_application", "pos_cash_balance", "installments_payments", "credit_card_balance")
"""The tables that have many rows a client, and are therefore aggregated one by one."""

STEPS: Mapping[str, Step] = {
    "application": Step("application", "application_by_client"),
    "bureau_balance": Step("bureau_balance", "bureau_balance_by_credit"),
    **{name: Step(name, f"{name}_by_client") for name in HISTORIES},
    "bureau": Step("bureau", "bureau_by_client", ("bureau_balance",)),
    "client_mart": Step("client_mart", "client_mart", ("application", *HISTORIES)),
}
"""Every step after those it joins."""


def mart_columns() -> tuple[MartColumn, ...]:
    """Every column of the client mart, in order, with its type, its sources, its expression and its meaning."""
    key = _contract("application")[CLIENT_KEY]
    first = MartColumn(key.name, key.type, "application", key.sources, "carried", key.name, key.unit, key.meaning)
    joined = (column for step in STEPS["client_mart"].upstream for column in _columns(step))
    return (first, *joined, *_columns("client_mart"))


def client_mart_query(sources: Mapping[str, str]) -> str:
    """The whole mart as one SELECT, one row per SK_ID_CURR of `application`.

    `sources` maps each delivered table to what stands for it after FROM: a view, `read_parquet('...')`, a subquery in
    parentheses. Empty tables are fine. Good for few clients; `build_client_mart` needs less memory for many.
    """
    return _query("client_mart", sources)


def build_client_mart(connection: duckdb.DuckDBPyConnection, sources: Mapping[str, str]) -> str:
    """Aggregates the histories, one after the other, into temporary tables, and returns the SELECT that joins them.

    The same result as `client_mart_query`, with one aggregation in memory at a time. The temporary tables
    (`<table>_by_client`) replace those of an earlier build and live as long as the connection.
    """
    for name in HISTORIES:
        connection.execute(f"create or replace temp table {STEPS[name].result} as {_query(name, sources)}")
    return _query("client_mart", sources, built=HISTORIES)


def _query(step: str, sources: Mapping[str, str], built: Collection[str] = ()) -> str:
    """A step's SELECT, preceded by the tables and steps it needs, those apart that are `built` already."""
    needed = _needed(step, built)
    relations = {name: _typed(name, sources[name]) for name in needed if name in contracts.TABLE_NAMES}
    relations |= {STEPS[name].result: _sql(name) for name in needed}
    definitions = ",\n\n".join(f"{name} as (\n{sql}\n)" for name, sql in relations.items())
    return f"with\n\n{definitions}\n\nselect * from {STEPS[step].result}"


def _needed(step: str, built: Collection[str]) -> tuple[str, ...]:
    wanted = {step}
    for name in reversed(STEPS):
        if name in wanted:
            wanted.update(upstream for upstream in STEPS[name].upstream if upstream not in built)
    return tuple(name for name in STEPS if name in wanted)


def _typed(table: str, relation: str) -> str:
    """A delivered table with the contract's columns and types and no others, whatever `relation` holds beside them."""
    columns = contracts.table(table).columns.values()
    items = ",\n    ".join(f"cast({column.name} as {column.type}) as {column.name}" for column in columns)
    return f"select\n    {items}\nfrom {relation}"


@cache
def _sql(step: str) -> str:
    """The text of a step's .sql file with its select list filled in."""
    text = files(__package__).joinpath(f"{step}.sql").read_text("utf-8").strip()
    if step == "client_mart":
        joined = (column for upstream in STEPS[step].upstream for column in _columns(upstream))
        text = fill(text, "joined", (_joined(column) for column in joined))
    return fill(text, "columns", (_item(column.expression, column.name) for column in _columns(step)))


def _joined(column: MartColumn) -> str:
    """A step's column as the mart takes it over: numbers as doubles, and the value that stands for no rows at all."""
    if column.type == "VARCHAR":
        return column.name
    value = column.name if column.empty is None else f"coalesce({column.name}, {column.empty})"
    return f"cast({value} as double) as {column.name}"


def _item(expression: str, name: str) -> str:
    return name if expression == name else f"{expression} as {name}"


@cache
def _columns(step: str) -> tuple[MartColumn, ...]:
    """The columns a step adds, its key apart."""
    offered = _contract(step) if step in contracts.TABLE_NAMES else {}
    key = offered.get(CLIENT_KEY) or next(iter(_contract("application").values()))
    for upstream in STEPS[step].upstream:
        offered |= {c.name: Input(c.name, c.type, c.sources, c.unit, c.meaning) for c in _columns(upstream)}
    declaration = files(__package__).joinpath(f"{step}.toml").read_text("utf-8")
    return expand(step, declaration, offered, key)


def _contract(table: str) -> dict[str, Input]:
    return {
        column.name: Input(
            name=column.name,
            type="VARCHAR" if column.type == "VARCHAR" else "BIGINT" if column.unit == "id" else "DOUBLE",
            sources=(f"{table}.{column.name}",),
            unit=column.unit,
            meaning=column.meaning,
            categories=tuple(column.categories),
        )
        for column in contracts.table(table).columns.values()
    }
