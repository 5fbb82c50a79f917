"""Puts the .sql files of this folder together and runs them on the seven tables of a cohort.

A whole cohort, a part of its clients and a single applicant go through the same files, and so get the same row, to the
last bit: sums, means and variances of fractions depend on the order in which rows arrive, so that rows must lie as the
raw tables have them, sorted by all columns, and be worked on `IN_ORDER`. Infinite numbers are refused by DuckDB's
variance; the raw tables hold none.

Not here: what is computed (the .sql and .toml files), and where tables are kept (`lake.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from credit_platform.home_credit import contracts
from credit_platform.mart.aggregates import Input, MartColumn, codes, expand, fill

CLIENT_KEY = "SK_ID_CURR"

IN_ORDER = "set threads = 1; set disabled_optimizers = 'join_order,build_side_probe_side'"
"""Makes a DuckDB connection keep a client's rows in their order: one thread, and joins as they are written. It costs
nothing: with two threads a bucket takes more CPU seconds and as long."""


@dataclass(frozen=True)
class Step:
    """A .sql file and its .toml. `result` is the relation it makes; `upstream` names the steps whose results it joins.

    A step that is named like a delivered table reads that table.
    """

    name: str
    result: str
    upstream: tuple[str, ...] = ()


_STEPS = (
    Step("application", "application_by_client"),
    Step("bureau_balance", "bureau_balance_by_credit"),
    Step("bureau", "bureau_by_client", ("bureau_balance",)),
    Step("previous_application", "previous_application_by_client"),
    Step("pos_cash_balance", "pos_cash_balance_by_client"),
    Step("installments_payments", "installments_payments_by_client"),
    Step("credit_card_balance", "credit_card_balance_by_client"),
)
_PER_CLIENT = tuple(step.name for step in _STEPS if step.result.endswith("_by_client"))

STEPS: Mapping[str, Step] = {step.name: step for step in (*_STEPS, Step("client_mart", "client_mart", _PER_CLIENT))}
"""Every step, after those it joins."""


def mart_columns() -> tuple[MartColumn, ...]:
    """Every column of the client mart, in order, with its type, its sources, its expression and its meaning."""
    key = _contract("application")[CLIENT_KEY]
    first = MartColumn(key.name, key.type, "application", key.sources, "carried", key.name, key.unit, key.meaning)
    joined = (column for step in _PER_CLIENT for column in step_columns(step))
    return (first, *joined, *step_columns("client_mart"))


@cache
def step_columns(step: str) -> tuple[MartColumn, ...]:
    """The columns a step adds, its key apart."""
    offered = _offered(step)
    key = offered.get(CLIENT_KEY, next(iter(offered.values())))
    return expand(step, _read(f"{step}.toml"), offered, key)


def client_mart_query(sources: Mapping[str, str]) -> str:
    """The whole mart as one SELECT, one row per SK_ID_CURR of `application`.

    `sources` maps each delivered table to what stands for it after FROM: a view, `read_parquet('...')`, a subquery in
    parentheses. Empty tables are fine. Memory grows with the clients: `buckets.py` takes some after the other.
    """
    relations = {name: _typed(name, sources[name]) for name in contracts.TABLE_NAMES}
    relations |= {step.result: _sql(step.name) for step in STEPS.values()}
    definitions = ",\n\n".join(f"{name} as (\n{sql}\n)" for name, sql in relations.items())
    return f"with\n\n{definitions}\n\nselect * from client_mart"


def _typed(table: str, relation: str) -> str:
    """A delivered table with the contract's columns and types and no others, whatever `relation` holds beside them.

    Whole numbers of 32 bits get 64, for DuckDB refuses a sum that does not fit, and with it the whole cohort. Rows that
    became known after the application are left out, so that no feature knows more than who decided.
    """
    contract = contracts.table(table)
    columns = contract.columns.values()
    types = {"INTEGER": "BIGINT"}
    items = ",\n    ".join(f"cast({c.name} as {types.get(c.type, c.type)}) as {c.name}" for c in columns)
    known = f"\nwhere coalesce({contract.known_at} <= 0, true)" if contract.known_at else ""
    return f"select\n    {items}\nfrom {relation}{known}"


@cache
def _sql(step: str) -> str:
    """The text of a step's .sql file with its select lists filled in."""
    text = _read(f"{step}.sql").strip()
    if step == "client_mart":
        text = fill(text, "joined", (_joined(column) for upstream in _PER_CLIENT for column in step_columns(upstream)))
    if coded := codes(_read(f"{step}.toml"), _offered(step)):
        text = fill(text, "codes", coded)
    return fill(text, "columns", (_item(column.expression, column.name) for column in step_columns(step)))


def _joined(column: MartColumn) -> str:
    """A step's column as the mart takes it over: numbers as doubles, and the value that stands for no rows at all."""
    if column.type == "VARCHAR":
        return column.name
    value = column.name if column.empty is None else f"coalesce({column.name}, {column.empty})"
    return f"cast({value} as double) as {column.name}"


def _item(expression: str, name: str) -> str:
    return name if expression == name else f"{expression} as {name}"


def _offered(step: str) -> dict[str, Input]:
    """The columns of the delivered table and of the steps that a step reads."""
    offered = _contract(step) if step in contracts.TABLE_NAMES else {}
    for upstream in STEPS[step].upstream:
        offered |= {c.name: Input(c.name, c.type, c.sources, c.unit, c.meaning) for c in step_columns(upstream)}
    return offered


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


def _read(file: str) -> str:
    return files(__package__).joinpath(file).read_text("utf-8")
