"""The contracts of the source tables, read from the TOML files in `contracts/`.

Here belongs what a table promises: columns, types, keys, ranges, categories, sentinels, and the reference
marginals of the public Home Credit data. Not here: checking a delivery against the promise (`inspection.py`).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal

ColumnType = Literal["BIGINT", "INTEGER", "DOUBLE", "VARCHAR"]


@dataclass(frozen=True)
class Column:
    """One column's promise. Types are DuckDB's; shares are between 0 and 1.

    `min` and `max` bound the meaningful values, sentinels apart. `categories` maps every known value to its share
    among the present ones; a value outside it is reported, not refused. `quantiles` are (probability, value) pairs of
    the public data, sentinels left out.
    """

    name: str
    type: ColumnType
    meaning: str
    nullable: bool
    unit: str = ""
    missing_share: float = 0.0
    min: float | None = None
    max: float | None = None
    sentinels: Mapping[str, str] = field(default_factory=dict)
    sentinel_share: float = 0.0
    mean: float | None = None
    quantiles: tuple[tuple[float, float], ...] = ()
    categories: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One table's promise. `file` is the stem of the file it is delivered in; `key` is empty where rows may repeat.

    `known_at` is SQL for when a row of history became known, in days or months relative to the application: what became
    known later could not have been known to whoever decided.
    """

    name: str
    file: str
    meaning: str
    grain: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    parent: str | None = None
    parent_key: str | None = None
    known_at: str | None = None


def _read(text: str) -> Table:
    spec: dict[str, Any] = tomllib.loads(text)
    columns = {}
    for name, fields in spec.pop("columns").items():
        fields["quantiles"] = tuple((float(p), float(v)) for p, v in fields.get("quantiles", ()))
        columns[name] = Column(name=name, **fields)
    spec["key"] = tuple(spec["key"])
    return Table(columns=columns, **spec)


TABLE_NAMES = (
    "application",
    "bureau",
    "bureau_balance",
    "previous_application",
    "pos_cash_balance",
    "installments_payments",
    "credit_card_balance",
)
"""The seven tables every cohort must deliver. Outcomes follow months later and are a table of their own."""


@cache
def table(name: str) -> Table:
    """The contract of one table.

    Raises:
        KeyError: no such table.
    """
    if name not in (*TABLE_NAMES, "outcomes"):
        raise KeyError(f"no contract for a table {name!r}; known: {', '.join((*TABLE_NAMES, 'outcomes'))}")
    return _read(files(__package__).joinpath("contracts", f"{name}.toml").read_text("utf-8"))


@cache
def digest(name: str) -> str:
    """SHA-256 of the text of a table's contract."""
    return sha256(files(__package__).joinpath("contracts", f"{name}.toml").read_bytes()).hexdigest()


def tables() -> tuple[Table, ...]:
    """The contracts of the seven delivered tables, parents before children."""
    return tuple(table(name) for name in TABLE_NAMES)
