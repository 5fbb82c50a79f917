"""Reads what a .toml beside a .sql file declares, and expands it into the columns of that file's select list.

The .sql file says what a row is: joins, sentinels, measures of a row. It marks with a line `-- @columns` where the
declared columns go. The .toml says what is computed over those rows, and what everything means:

    carry           patterns of columns that are passed on as they are
    derived         what the .sql file computes per row: `from` which columns, with which meaning
    populations     which rows are aggregated: a `prefix` for names, `over` for meanings, a filter `where`, the
                    `aggregates` of a column or pattern, the `categories` whose shares are taken, and `like`, which
                    repeats the aggregates of another population
    columns         hand-written columns: `sql`, its meaning, and `empty`, its value for a client without any row

Shares are counted over the number a category has in its contract, which a line `-- @codes` in the .sql file computes
once per row: comparing text for every category and row took three times as long as everything else together. For the
same reason a population's filter is a `case` inside the aggregate: DuckDB takes twice as long over `filter (where)`.

Not here: which files there are and how they are put together (`build.py`).
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

ColumnType = Literal["BIGINT", "DOUBLE", "VARCHAR"]


@dataclass(frozen=True)
class Input:
    """A column that a .sql file offers to its select list. `sources` are `table.COLUMN` names of delivered tables."""

    name: str
    type: ColumnType
    sources: tuple[str, ...]
    unit: str
    meaning: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class MartColumn:
    """One column of the client mart, from its sources to its meaning.

    `step` names the .sql file that computes it, and `expression` is its SQL over the rows of that file. `aggregate` is
    its kind: one of `AGGREGATES`, or `count`, `share`, `carried`, `expression`. `sources` are the `table.COLUMN` names
    whose values feed it, filters included; keys that merely group or join rows are left out. `over` says which rows an
    aggregate is taken over. `empty` is the value for a client without any row to compute it from.
    """

    name: str
    type: ColumnType
    step: str
    sources: tuple[str, ...]
    aggregate: str
    expression: str
    unit: str
    meaning: str
    over: str = ""
    empty: int | None = None


@dataclass(frozen=True)
class Aggregate:
    """What an aggregate is called in SQL and in words. An empty `unit` means the column's own."""

    sql: str
    words: str
    unit: str = ""
    empty: int | None = None


AGGREGATES: Mapping[str, Aggregate] = {
    "min": Aggregate("min({})", "Lowest"),
    "max": Aggregate("max({})", "Highest"),
    "mean": Aggregate("avg({})", "Mean"),
    "sum": Aggregate("sum({})", "Sum"),
    "var": Aggregate("var_samp({})", "Sample variance"),
    "nunique": Aggregate("count(distinct {})", "Number of different values", "count", 0),
}


MISSING, UNLISTED = -1, 0
"""The codes of a category that is missing, and of one that its contract does not list."""


@dataclass(frozen=True)
class Population:
    """The rows that aggregates are taken over. Field for field as declared, aggregates by column, patterns resolved."""

    prefix: str
    over: str
    count: str
    where: str
    aggregates: Mapping[str, tuple[str, ...]]
    categories: tuple[str, ...]

    @property
    def size(self) -> str:
        """SQL for the number of the population's rows."""
        return _count(self.where) if self.where else "count(*)"

    def share(self, condition: str) -> str:
        """SQL for the share of rows that meet a condition, counted, which is cheaper than averaging 0 and 1."""
        if self.where:
            return f"{_count(f'{self.where} and {condition}')} / nullif({self.size}, 0)"
        return f"{_count(condition)} / {self.size}"

    def values(self, column: str) -> str:
        """SQL for a column's values in this population."""
        return f"case when {self.where} then {column} end" if self.where else column

    def named(self, *parts: str) -> str:
        return "_".join(part for part in (self.prefix, *parts) if part)


def expand(step: str, declaration: str, offered: Mapping[str, Input], key: Input) -> tuple[MartColumn, ...]:
    """The columns that a declaration (TOML text) asks of `step`.sql, in the order of its select list.

    `offered` are the columns of the tables that the .sql file reads. `key` is the source of columns that count rows.

    Raises:
        KeyError: the declaration names a column that is not offered.
        ValueError: two categories of a column would get the same name.
    """
    spec: dict[str, Any] = tomllib.loads(declaration)
    inputs = dict(offered)
    for name, fields in spec.get("derived", {}).items():
        inputs[name] = Input(
            name=name,
            type=fields.get("type", "DOUBLE"),
            sources=_sources(fields["from"], inputs),
            unit=fields.get("unit", "" if fields.get("type") == "VARCHAR" else "flag"),
            meaning=fields["meaning"],
        )
    carried = (inputs[name] for pattern in spec.get("carry", ()) for name in _matching(pattern, offered))
    return (
        *(_carry(step, column) for column in carried if column.name != key.name),
        *(
            column
            for population in _populations(spec.get("populations", ()), inputs)
            for column in _aggregate(step, population, inputs, key)
        ),
        *(_write(step, name, fields, inputs, key) for name, fields in spec.get("columns", {}).items()),
    )


def codes(declaration: str, offered: Mapping[str, Input]) -> tuple[str, ...]:
    """Select items that number the categories whose shares are taken, as the contract lists them, from 1 on."""
    populations = tomllib.loads(declaration).get("populations", ())
    return tuple(
        f"case when {name} is null then {MISSING} else case {name} {known} else {UNLISTED} end end as {name}_CODE"
        for name in _unique(*(population.get("categories", ()) for population in populations))
        for known in [" ".join(f"when {_literal(c)} then {n}" for n, c in enumerate(offered[name].categories, start=1))]
    )


def fill(sql: str, placeholder: str, items: Iterable[str]) -> str:
    """Puts the items of a select list where `sql` has the line `-- @placeholder`, indented as that line is.

    Raises:
        ValueError: there is not exactly one such line.
    """
    pattern = re.compile(rf"^( *)-- @{placeholder}$", re.MULTILINE)
    if len(pattern.findall(sql)) != 1:
        raise ValueError(f"expected one line '-- @{placeholder}'")
    return pattern.sub(lambda line: ",\n".join(f"{line[1]}{item}" for item in items), sql)


def label(category: str) -> str:
    """A category as part of a column name: upper case, with one underscore for whatever is no letter or digit."""
    return re.sub(r"[^A-Z0-9]+", "_", category.upper()).strip("_")


def _carry(step: str, column: Input) -> MartColumn:
    return MartColumn(
        column.name, column.type, step, column.sources, "carried", column.name, column.unit, column.meaning
    )


def _write(step: str, name: str, fields: Mapping[str, Any], inputs: Mapping[str, Input], key: Input) -> MartColumn:
    return MartColumn(
        name=name,
        type="DOUBLE",
        step=step,
        sources=_sources(_identifiers(fields["sql"]), inputs) or key.sources,
        aggregate="expression",
        expression=fields["sql"],
        unit=fields["unit"],
        meaning=fields["meaning"],
        empty=fields.get("empty"),
    )


def _populations(declared: Iterable[Mapping[str, Any]], inputs: Mapping[str, Input]) -> Iterator[Population]:
    known: dict[str, Population] = {}
    for fields in declared:
        aggregates = dict(known[fields["like"]].aggregates) if "like" in fields else {}
        for pattern, kinds in fields.get("aggregates", {}).items():
            aggregates |= dict.fromkeys(_matching(pattern, inputs), tuple(kinds))
        prefix = fields["prefix"]
        known[prefix] = Population(
            prefix=prefix,
            over=fields["over"],
            count=fields.get("count", f"{prefix}_COUNT"),
            where=fields.get("where", ""),
            aggregates=aggregates,
            categories=tuple(fields.get("categories", ())),
        )
        yield known[prefix]


def _aggregate(step: str, population: Population, inputs: Mapping[str, Input], key: Input) -> Iterator[MartColumn]:
    rows = _sources(_identifiers(population.where), inputs)
    yield MartColumn(
        name=population.count,
        type="DOUBLE",
        step=step,
        sources=rows or key.sources,
        aggregate="count",
        expression=population.size,
        unit="count",
        meaning=f"Number of rows: {population.over}",
        over=population.over,
        empty=0,
    )
    for name, kinds in population.aggregates.items():
        column = inputs[name]
        for kind in kinds:
            aggregate = AGGREGATES[kind]
            yield MartColumn(
                name=population.named(name, kind.upper()),
                type="DOUBLE",
                step=step,
                sources=_unique(column.sources, rows),
                aggregate=kind,
                expression=aggregate.sql.format(population.values(name)),
                unit=f"{column.unit}^2" if kind == "var" else aggregate.unit or column.unit,
                meaning=f"{aggregate.words} over {population.over}: {_lower(column.meaning)}",
                over=population.over,
                empty=aggregate.empty,
            )
    for name in population.categories:
        column = inputs[name]
        shares = {
            label(category): (f"{name}_CODE = {code}", f"is {category!r}")
            for code, category in enumerate(column.categories, start=1)
        }
        shares["MISSING"] = (f"{name}_CODE = {MISSING}", "is missing")
        shares["UNLISTED"] = (f"{name}_CODE = {UNLISTED}", "is no category of the contract")
        if len(shares) < len(column.categories) + 2:
            raise ValueError(f"{step}.{name}: two categories share a label")
        for category, (condition, words) in shares.items():
            yield MartColumn(
                name=population.named(name, category, "SHARE"),
                type="DOUBLE",
                step=step,
                sources=_unique(column.sources, rows),
                aggregate="share",
                expression=population.share(condition),
                unit="share",
                meaning=f"Share of {population.over} whose {name} {words}",
                over=population.over,
            )


def _count(condition: str) -> str:
    """SQL for the number of rows that meet a condition: 0, where `count_if` yields NULL if it is unknown for all."""
    return f"count(case when {condition} then 1 end)"


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise KeyError(f"no column matches {pattern!r}")
    return found


def _identifiers(sql: str) -> list[str]:
    """The columns an expression names: columns are written in upper case, and nothing else is."""
    return re.findall(r"\b[A-Z][A-Z0-9_]*\b", re.sub(r"'[^']*'", "", sql))


def _sources(names: Iterable[str], inputs: Mapping[str, Input]) -> tuple[str, ...]:
    return _unique(*(inputs[name].sources for name in names))


def _unique(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
