"""The contracts' marginal distributions as DuckDB macros: `<table>__<COLUMN>(p)`, the inverse distribution function.

Here belongs the distribution of one column at a time; `p` between 0 and 1 comes from the SQL files, which is where the
columns are tied together. The parameter must be a plain column there: a macro repeats it in every branch of its CASE.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import log

from credit_platform.home_credit.contracts import Column, Table, tables
from credit_platform.lake import identifier, quote

RANKED: Mapping[str, Sequence[str]] = {
    # By level, so that a higher p means more schooling.
    "NAME_EDUCATION_TYPE": (
        "Lower secondary",
        "Secondary / secondary special",
        "Incomplete higher",
        "Higher education",
        "Academic degree",
    ),
    # By the age at which people typically are in it.
    "NAME_FAMILY_STATUS": ("Single / not married", "Civil marriage", "Married", "Separated", "Widow"),
    "NAME_HOUSING_TYPE": (
        "With parents",
        "Rented apartment",
        "Office apartment",
        "Co-op apartment",
        "Municipal apartment",
        "House / apartment",
    ),
    # From the occupations of men to those of women.
    "OCCUPATION_TYPE": (
        "Drivers",
        "Security staff",
        "Laborers",
        "Low-skill Laborers",
        "IT staff",
        "High skill tech staff",
        "Managers",
        "Realty agents",
        "Waiters/barmen staff",
        "Core staff",
        "Private service staff",
        "HR staff",
        "Sales staff",
        "Cooking staff",
        "Cleaning staff",
        "Secretaries",
        "Accountants",
        "Medicine staff",
    ),
}
"""The order in which a column's categories follow each other as p grows, where the contract's order will not do."""

DECIDED: Mapping[str, frozenset[str]] = {
    "NAME_INCOME_TYPE": frozenset({"Pensioner", "Unemployed"}),
}
"""Values that follow from other columns and are therefore never drawn; sentinels are left out in any case."""

WHOLE_UNITS = frozenset({"count", "days", "hour", "years", "rating", "area"})
"""Units whose values are whole numbers even where the column's type is DOUBLE."""

_FLAG_UNIT = "flag"
_SAMPLE = 50_000
"""About how many rows the contracts' quantiles were measured on, and so how rare their highest values are."""


def macros() -> Iterator[str]:
    """CREATE MACRO statements: each column's distribution where known, and its `__missing` and `__sentinel` shares."""
    for table in tables():
        for column in table.columns.values():
            name = f"{table.name}__{column.name}"
            body = _inverse(column)
            if body is not None:
                yield f"create or replace macro {identifier(name)}(p) as ({body})"
            for what, share in (("missing", column.missing_share), ("sentinel", column.sentinel_share)):
                if share:
                    yield f"create or replace macro {identifier(f'{name}__{what}')}() as {share!r}::double"


def building_columns(application: Table) -> str:
    """The columns about the client's building, which go missing together: those rarely known only if all others are.

    The SQL offers `building` (the rank that decides what is known) and one rank `p_<feature>` per measured feature;
    mean, mode and median of a feature differ by little.
    """
    lines = []
    for column in application.columns.values():
        feature, _, statistic = column.name.rpartition("_")
        if statistic not in {"AVG", "MODE", "MEDI"}:
            continue
        p = f"p_{feature.lower()}" if column.quantiles else f"u(client, {quote(column.name)})"
        macro = identifier(f"{application.name}__{column.name}")
        lines.append(f"case when building >= {column.missing_share} then {macro}({p}) end as {column.name}")
    return ",\n    ".join(lines)


def building_ranks(application: Table) -> str:
    """One rank per measured building feature, around the common `building_size` of the client's building."""
    features = dict.fromkeys(
        column.name.rpartition("_")[0]
        for column in application.columns.values()
        if column.name.endswith(("_AVG", "_MODE", "_MEDI")) and column.quantiles
    )
    return ",\n    ".join(
        f"phi(0.7 * building_size + 0.714 * z(client, {quote(feature)})) as p_{feature.lower()}" for feature in features
    )


def flag_columns(application: Table, prefix: str, but: Sequence[str]) -> str:
    """Independent flags, set with the contract's share."""
    return ",\n    ".join(
        f"{identifier(f'{application.name}__{column.name}')}(u(client, {quote(column.name)})) as {column.name}"
        for column in application.columns.values()
        if column.name.startswith(prefix) and column.name not in but
    )


def _inverse(column: Column) -> str | None:
    if column.categories:
        return _steps(column)
    if column.quantiles:
        return _piecewise(column)
    if column.unit == _FLAG_UNIT and column.mean is not None:
        return f"(p >= {1 - column.mean!r})::integer"
    return None


def _steps(column: Column) -> str:
    left_out = DECIDED.get(column.name, frozenset()) | set(column.sentinels)
    shares = {value: share for value, share in column.categories.items() if share > 0 and value not in left_out}
    order = RANKED.get(column.name) or (sorted(shares) if column.type == "INTEGER" else list(shares))
    order = [value for value in order if value in shares]
    total = sum(shares[value] for value in order)
    branches, reached = [], 0.0
    for value in order[:-1]:
        reached += shares[value] / total
        branches.append(f"when p < {reached!r} then {_literal(value, column)}")
    return f"case {' '.join(branches)} else {_literal(order[-1], column)} end"


def _piecewise(column: Column) -> str:
    points = column.quantiles
    branches = []
    for (p0, v0), (p1, v1) in pairwise(points):
        if p1 == 1 and column.unit == "currency" and v0 > 0:
            # Amounts have long tails: a straight line up to the highest ever seen would make far too many rich.
            weight = log(v1 / v0) / log((1 - p0) * _SAMPLE)
            branches.append(f"when true then least({v1!r}, {v0!r} * pow({1 - p0!r} / (1 - p), {weight!r}))")
            break
        slope = (v1 - v0) / (p1 - p0)
        value = f"{v0!r}::double" if slope == 0 else f"{v0!r} + {slope!r}::double * (greatest(p, {p0!r}) - {p0!r})"
        branches.append(f"when p < {p1!r} then {value}")
    curve = f"case {' '.join(branches)} else {points[-1][1]!r}::double end"
    return f"round({curve})" if column.type == "INTEGER" or column.unit in WHOLE_UNITS else curve


def _literal(value: str, column: Column) -> str:
    return value if column.type == "INTEGER" else quote(value)
