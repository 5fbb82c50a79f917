"""One client's own rows in the raw tables of a cohort, for whoever must see or recompute what a decision rests on.

A client's rows lie in one bucket of every table, sorted by client, so that a look-up reads a few row groups. Not here:
which of the rows speak for or against a client (`explain/evidence.py`).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from credit_platform.home_credit import contracts
from credit_platform.home_credit.contracts import TABLE_NAMES, Table
from credit_platform.lake import bucket_of, connect, identifier, quote, require
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.settings import Settings


@contextmanager
def client_tables(
    settings: Settings, cohort: str, client: int, names: Collection[str] = TABLE_NAMES
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to views that are named like the tables and hold the client's rows, in the raw tables' order.

    Raises:
        MissingTableError: the cohort has no such raw table.
        DamagedTableError: a file is gone or was cut short.
        KeyError: no such table.
    """
    with connect(settings) as connection:
        connection.execute("set threads = 1")
        for name in names:
            query = _query(settings, contracts.table(name), cohort, int(client))
            connection.execute(f"create view {name} as {query}")
        yield connection


def records_of(settings: Settings, cohort: str, client: int) -> dict[str, list[dict[str, Any]]]:
    """All rows of a client by table; a table without any has an empty list.

    Raises:
        MissingTableError: the cohort's raw tables are not here.
        DamagedTableError: a file is gone or was cut short.
    """
    with client_tables(settings, cohort, client) as connection:
        return {name: rows_of(connection, f"select * from {name}") for name in TABLE_NAMES}


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """A query's rows by column."""
    rows = connection.execute(query).fetchall()
    names = [str(column[0]) for column in connection.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _query(settings: Settings, contract: Table, cohort: str, client: int) -> str:
    rows = _bucket(settings, contract.name, cohort, client)
    if CLIENT_KEY in contract.columns:
        return f"select * from {rows} where {CLIENT_KEY} = {client}"
    key = identifier(contract.parent_key or "")
    parent = _bucket(settings, contract.parent or "", cohort, client)
    return f"select * from {rows} where {key} in (select {key} from {parent} where {CLIENT_KEY} = {client})"


def _bucket(settings: Settings, name: str, cohort: str, client: int) -> str:
    version = require(settings, f"raw_{name}", cohort)
    files = sorted(version.files)
    return f"read_parquet({quote(str(version.file(files[bucket_of(client, len(files))])))})"
