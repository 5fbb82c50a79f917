"""Measures a cohort's raw tables inside DuckDB.

What is known already is not counted again: missing values stand in the files' footers, and what the landing noticed in
the table's facts. The rest takes a scan of the columns it needs, bucket by bucket, so that memory is bounded by the
bucket. Typical sizes and ages come from the first bucket, a random sample of the clients. Not here: what is a fault
(`rules.toml`), or whose rows they are (`offenders.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import duckdb

from credit_platform.home_credit.contracts import Column, Table, tables
from credit_platform.home_credit.inspection import MOST_CATEGORIES
from credit_platform.lake import Version, identifier, one_row, quote, scan
from credit_platform.quality.estimates import Key, Measure, counted, mean, ranks, share
from credit_platform.quality.rules import clock
from credit_platform.raw.ingest import inspection_of

FEWEST = 30
"""So many clients at least make a typical one."""
UP_TO_DATE = 0.1
"""The share of parents that tell how fresh a table is: those whose newest row is the youngest."""
_DAYS_OF_A_MONTH = 365.25 / 12
_UNMEASURED = ("id", "flag", "rating", "months", "hour")


@dataclass(frozen=True)
class Delivered:
    """A cohort's raw tables, and what is known besides.

    `shared` are the tables whose file other cohorts share, so that rows of other clients are no orphans; `earlier` are
    the application tables of the cohorts before it; `categories` those unknown to the contract that they brought.
    """

    raw: Mapping[str, Version]
    shared: frozenset[str] = frozenset()
    earlier: Mapping[str, Version] = field(default_factory=dict)
    categories: Mapping[Key, frozenset[str]] = field(default_factory=dict)


def measure(connection: duckdb.DuckDBPyConnection, delivered: Delivered) -> dict[Key, Measure]:
    """Everything that is measured, in the order of the tables."""
    found: dict[Key, Measure] = {}
    clients: dict[str, float] = {}
    for contract in tables():
        version = delivered.raw[contract.name]
        found |= _of_inspection(contract, version, delivered)
        if contract.parent is None:
            clients[contract.name] = version.rows
            found[Key(contract.name, "", "applications")] = _number_of(version.rows)
            found |= _clients_of_earlier_cohorts(connection, version, delivered.earlier)
        else:
            found[Key(contract.name, "", "rows")] = counted(version.rows)
            histories, parents = _histories(connection, contract, delivered.raw, clients[contract.parent])
            clients[contract.name] = parents * clients[contract.parent] / max(delivered.raw[contract.parent].rows, 1)
            found |= histories
        if version.rows:
            found |= _missing(connection, contract, version, clients[contract.name])
            found |= _sentinels(connection, contract, version, clients[contract.name])
            found |= _unseen_categories(connection, contract, version, delivered.categories)
            found |= _sizes(connection, contract, version)
            found |= _repetitions(connection, contract, version)
    return found


def links_to_application(contract: Table) -> bool:
    """Whether a table's rows are about a loan, which has a previous application."""
    return "SK_ID_PREV" in contract.columns and contract.key != ("SK_ID_PREV",)


def digest(columns: Iterable[str]) -> str:
    """SQL of a digest of some columns of a row."""
    return f"hash({', '.join(map(identifier, columns))})"


def _of_inspection(contract: Table, version: Version, delivered: Delivered) -> dict[Key, Measure]:
    """What the landing counted in the delivered file: columns, orphans, ranges."""
    inspection = inspection_of(version)
    rows, problems = inspection.rows, inspection.problems
    columns = tuple(problem.column or "" for problem in problems if problem.kind == "unknown column")
    found = {Key(contract.name, "", "unknown columns"): counted(len(columns), columns)}
    if rows and contract.name not in delivered.shared:
        applications = delivered.raw["application"].rows
        found[Key(contract.name, "", "rows left out")] = share(version.facts["left_out"], rows, applications)
    for column in contract.columns.values():
        if rows and (column.min is not None or column.max is not None) and column.unit != "id":
            outside = sum(p.count for p in problems if (p.kind, p.column) == ("outside range", column.name))
            found[Key(contract.name, column.name, "outside range")] = counted(outside / rows)
    return found


def _number_of(rows: int) -> Measure:
    """A number of applications, which scatters as those of independent people do."""
    return Measure(rows, rows - 3 * sqrt(rows), rows + 3 * sqrt(rows))


def _clients_of_earlier_cohorts(
    connection: duckdb.DuckDBPyConnection, version: Version, earlier: Mapping[str, Version]
) -> dict[Key, Measure]:
    """The share of clients that earlier cohorts brought already, and which did."""
    if not earlier:
        return {}
    known = [f"SK_ID_CURR in (select SK_ID_CURR from {scan(other.folder())})" for other in earlier.values()]
    by_cohort = ", ".join(f"count(*) filter (known[{n}])" for n in range(1, len(known) + 1))
    total, *again = one_row(
        connection,
        f"select count(*) filter (list_bool_or(known)), {by_cohort} "
        f"from (select [{', '.join(known)}] as known from {scan(version.folder())})",
    )
    names = tuple(cohort for cohort, count in zip(earlier, again, strict=True) if count)
    return {Key("application", "", "clients of earlier cohorts"): counted(total / version.rows, names)}


def _histories(
    connection: duckdb.DuckDBPyConnection, contract: Table, raw: Mapping[str, Version], clients: float
) -> tuple[dict[Key, Measure], float]:
    """Whose histories a table holds, how long and how fresh they are; and how many parents they count for.

    Some have many more rows than others, so that shares of rows are worth fewer parents than there are (Kish, "Survey
    Sampling", 1965, 11.7). `clients` are those who have a row in the parent's table.
    """
    version, parent = raw[contract.name], raw[contract.parent or ""]
    key, moment = identifier(contract.parent_key or ""), clock(contract.name)
    newest = f"max({identifier(moment)})" if moment else "null"
    loan = "SK_ID_PREV" if links_to_application(contract) else "null"
    parents = rows = squares = loans = unlinked = 0
    ages: dict[Key, Measure] = {}
    for number, name in enumerate(sorted(version.files)):
        connection.execute(
            f"create or replace temp table histories as select {key} as parent, {loan} as loan, count(*) as n, "
            f"{newest} as newest from {scan(version.file(name))} group by all"
        )
        in_bucket = one_row(
            connection,
            "select count(*), sum(n), sum(n * n) from (select sum(n) as n from histories group by parent)",
        )
        parents, rows, squares = (a + int(b or 0) for a, b in zip((parents, rows, squares), in_bucket, strict=True))
        if links_to_application(contract):
            known = f"select SK_ID_PREV from {scan(raw['previous_application'].file(name))}"
            counts = one_row(connection, f"select count(*), count(*) filter (loan not in ({known})) from histories")
            loans, unlinked = loans + counts[0], unlinked + counts[1]
        if not number and moment:
            ages = _ages(connection, contract, moment)
    connection.execute("drop table histories")
    found = {}
    if parent.rows:
        found[Key(contract.name, "", "coverage")] = share(parents, parent.rows, clients)
    if parents:
        found[Key(contract.name, "", "rows each")] = mean(rows, squares, parents)
    if loans:
        found[Key(contract.name, "", "loans without application")] = share(unlinked, loans, parents)
    return found | ages, rows**2 / max(squares, 1)


def _ages(connection: duckdb.DuckDBPyConnection, contract: Table, moment: str) -> dict[Key, Measure]:
    """How long before the application the newest row of the most up-to-date parents lies, in months."""
    months = 1.0 if contract.columns[moment].unit == "months" else _DAYS_OF_A_MONTH
    connection.execute(
        f"create or replace temp table ages as select -max(newest) / {months} as age from histories "
        "group by parent having age is not null"
    )
    (parents,) = one_row(connection, "select count(*) from ages")
    if parents < FEWEST:
        return {}
    (found,) = one_row(connection, f"select quantile_cont(age, {ranks(UP_TO_DATE, parents)}) from ages")
    return {Key(contract.name, "", "age of the newest"): Measure(found[1], found[0], found[2])}


def _missing(
    connection: duckdb.DuckDBPyConnection, contract: Table, version: Version, clients: float
) -> dict[Key, Measure]:
    """The share of rows without a value by column, from the footers; keys have none to miss."""
    files = ", ".join(quote(str(version.file(name))) for name in version.files)
    gaps: dict[str, int] = dict(
        connection.execute(
            "select path_in_schema, sum(stats_null_count)::bigint "
            f"from parquet_metadata([{files}]) group by path_in_schema"
        ).fetchall()
    )
    found = {
        Key(contract.name, name, "missing"): share(gaps[name], version.rows, clients)
        for name, column in contract.columns.items()
        if column.unit != "id"
    }
    without_key = max((gaps[name] for name in contract.key), default=0)
    return {Key(contract.name, "", "rows without key"): counted(without_key), **found}


def _sentinels(
    connection: duckdb.DuckDBPyConnection, contract: Table, version: Version, clients: float
) -> dict[Key, Measure]:
    """The share of rows that hold a value which stands for none."""
    declared = [(column, value) for column in contract.columns.values() for value in column.sentinels]
    if not declared:
        return {}
    counts = one_row(
        connection,
        f"select {', '.join(f'count(*) filter ({is_sentinel(column, value)})' for column, value in declared)} "
        f"from {scan(version.folder())}",
    )
    return {
        Key(contract.name, column.name, f"sentinel: {value}"): share(
            count, version.rows, clients, (f"{value} ({column.sentinels[value]})",)
        )
        for (column, value), count in zip(declared, counts, strict=True)
    }


def is_sentinel(column: Column, value: str) -> str:
    """SQL condition: a value that stands for none."""
    return f"{identifier(column.name)} = {quote(value) if column.type == 'VARCHAR' else value}"


def _unseen_categories(
    connection: duckdb.DuckDBPyConnection,
    contract: Table,
    version: Version,
    seen: Mapping[Key, frozenset[str]],
) -> dict[Key, Measure]:
    """The share of values in categories that neither the contract nor an earlier cohort knows.

    Many different ones are no categories but, where columns have shifted, may be personal data: they are not named.
    """
    found = {}
    for column in contract.columns.values():
        if column.type != "VARCHAR" or not column.categories:
            continue
        key = Key(contract.name, column.name, "unseen categories")
        counts: list[tuple[str, int]] = []
        if any((p.kind, p.column) == ("unknown category", column.name) for p in inspection_of(version).problems):
            counts = connection.execute(
                f"select {identifier(column.name)} as value, count(*) from {scan(version.folder())} "
                f"where {_unknown(column)} group by value order by count(*) desc, value"
            ).fetchall()
        unseen = [(value, count) for value, count in counts if value not in seen.get(key, ())]
        names = tuple(value for value, _ in unseen) if len(unseen) <= MOST_CATEGORIES else ()
        found[key] = counted(sum(count for _, count in unseen) / version.rows, names)
    return found


def _unknown(column: Column) -> str:
    """SQL condition: a category that the contract does not know."""
    return f"{identifier(column.name)} not in ({', '.join(map(quote, column.categories))})"


def _sizes(connection: duckdb.DuckDBPyConnection, contract: Table, version: Version) -> dict[Key, Measure]:
    """By column, the absolute value of a typical client, zeros apart: it shows when the unit changes.

    It is the median over clients of each one's mean, for a client in arrears may have a hundred rows of them.
    """
    columns = [c for c in contract.columns.values() if c.type != "VARCHAR" and c.unit not in _UNMEASURED]
    if not columns:
        return {}
    means = ", ".join(
        f"avg(abs({identifier(column.name)})) "
        f"filter ({' and '.join([f'{identifier(column.name)} <> 0', *_no_sentinels(column)])}) "
        f"as {identifier(column.name)}"
        for column in columns
    )
    connection.execute(
        f"create or replace temp table sizes as select {means} from {scan(version.file(min(version.files)))} "
        f"group by {identifier(contract.parent_key or contract.key[0])}"
    )
    counts = one_row(connection, f"select {', '.join(f'count({identifier(c.name)})' for c in columns)} from sizes")
    enough = {column.name: n for column, n in zip(columns, counts, strict=True) if n >= FEWEST}
    if not enough:
        return {}
    medians = ", ".join(f"quantile_cont({identifier(name)}, {ranks(0.5, n)})" for name, n in enough.items())
    return {
        Key(contract.name, name, "typical size"): Measure(found[1], found[0], found[2])
        for name, found in zip(enough, one_row(connection, f"select {medians} from sizes"), strict=True)
    }


def _no_sentinels(column: Column) -> list[str]:
    return [f"not ({is_sentinel(column, value)})" for value in column.sentinels]


def _repetitions(connection: duckdb.DuckDBPyConnection, contract: Table, version: Version) -> dict[Key, Measure]:
    """The share of rows that repeat another in every column, where the table has no key; equal ones share a bucket.

    Repeated keys the landing refuses; damage done since would show in the first bucket as well as in any other.
    """
    if contract.key:
        return {Key(contract.name, "", "repeated keys"): counted(_repeated(connection, version, contract.key))}
    rows = sum(_repeated(connection, version, tuple(contract.columns), name) for name in version.files)
    return {Key(contract.name, "", "repeated rows"): counted(rows / version.rows)}


def _repeated(
    connection: duckdb.DuckDBPyConnection, version: Version, columns: Sequence[str], bucket: str | None = None
) -> int:
    """How many rows of a bucket, the first if none is named, repeat another in some columns."""
    rows = scan(version.file(bucket or min(version.files)))
    return int(one_row(connection, f"select count(*) - count(distinct {digest(columns)}) from {rows}")[0])
