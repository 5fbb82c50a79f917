"""Whose rows a finding is about: the ids of a few, for people who look into it. Nothing else of a client is quoted."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from credit_platform.home_credit.contracts import Column, Table, table
from credit_platform.home_credit.delivery import open_file, typed_column
from credit_platform.home_credit.inspection import MOST_IDS
from credit_platform.lake import Version, identifier, quote, scan
from credit_platform.quality.estimates import Measure
from credit_platform.quality.judgement import Result
from credit_platform.quality.measures import Delivered, digest, is_sentinel
from credit_platform.raw.ingest import inspection_of


def offenders(
    connection: duckdb.DuckDBPyConnection, delivered: Delivered, landed: Path, finding: Result
) -> tuple[str, ...]:
    """The ids of the first few rows that a finding counts, such as `SK_ID_PREV 1000001`; none where it sums up.

    `landed` is the folder of the cohort's files.
    """
    key, measure = finding.key, finding.measure
    contract, version = table(key.table), delivered.raw[key.table]
    kind, _, value = key.measure.partition(": ")
    if kind == "outside range":
        problems = inspection_of(version).problems
        return tuple(identity for p in problems if (p.kind, p.column) == (kind, key.column) for identity in p.ids)
    name = next(name for name in (*contract.key, "SK_ID_CURR") if name in contract.columns)
    rows, identity, where = scan(version.folder()), identifier(name), ""
    if key.column:
        where = _of_column(contract.columns[key.column], kind, value, measure)
    elif kind == "rows left out":
        rows, identity, where = _left_out(contract, delivered.raw, landed / version.facts["source"]["name"], name)
    elif kind == "loans without application":
        name, identity = "SK_ID_PREV", "SK_ID_PREV"
        where = f"SK_ID_PREV not in (select SK_ID_PREV from {scan(delivered.raw['previous_application'].folder())})"
    elif kind == "clients of earlier cohorts":
        others = (f"select SK_ID_CURR from {scan(delivered.earlier[cohort].folder())}" for cohort in measure.names)
        where = f"SK_ID_CURR in ({' union all '.join(others)})"
    elif kind == "repeated rows":
        rows = f"(select {identity}, count(*) as n from {rows} group by {identity}, {digest(contract.columns)})"
        where = "n > 1"
    if not where:
        return ()
    found = connection.execute(f"select distinct {identity} from {rows} where {where} order by 1 limit {MOST_IDS}")
    return tuple(f"{name} {row[0]}" for row in found.fetchall())


def _of_column(column: Column, kind: str, value: str, measure: Measure) -> str:
    """SQL condition of the rows that a column's measure counts."""
    name = identifier(column.name)
    if kind == "missing":
        return f"{name} is null"
    if kind == "sentinel":
        return is_sentinel(column, value)
    if kind == "unseen categories" and measure.names:
        return f"{name} in ({', '.join(map(quote, measure.names))})"
    return ""


def _left_out(contract: Table, raw: Mapping[str, Version], path: Path, name: str) -> tuple[str, str, str]:
    """The delivered rows, the SQL of an id of theirs, and the condition of those whose parent is not there."""
    key = contract.parent_key or ""
    parents = f"select {identifier(key)} from {scan(raw[contract.parent or ''].folder())}"
    rows, parent = open_file(path).scan(), typed_column(contract.columns[key])[0]
    return rows, typed_column(contract.columns[name])[0], f"{parent} not in ({parents})"
