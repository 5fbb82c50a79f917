"""Small random cohorts that keep the contracts and contain every trap the contracts know of."""

from collections.abc import Callable, Iterator, Mapping

import duckdb
import numpy as np
import pandas as pd
import pytest

from credit_platform.home_credit import contracts
from credit_platform.mart.build import client_mart_query

Cohort = dict[str, pd.DataFrame]

CLIENTS = np.arange(100, 140)
WITH_HISTORY = CLIENTS[1:-1]
UNKNOWN_CLIENT = 999_999
UNKNOWN_CREDIT = 888_888


def random_values(column: contracts.Column, rows: int, rng: np.random.Generator, blank: float) -> pd.Series:
    """Values of a column, of which `blank` is the share of zeros, and the share of missing values where allowed."""
    if column.type == "VARCHAR":
        values = pd.Series(rng.choice([*column.categories, "Never seen"], rows), dtype=object)
    else:
        low, high = (column.quantiles[0][1], column.quantiles[-1][1]) if column.quantiles else (0.0, 1.0)
        low = low if column.min is None else max(low, column.min)
        numbers = rng.uniform(low, max(high, low + 1), rows)
        values = pd.Series(np.round(numbers) if column.type == "INTEGER" else numbers)
        for sentinel in column.sentinels:
            values[rng.random(rows) < 0.3] = float(sentinel)
        values[rng.random(rows) < blank] = float(np.clip(0, low, high))
    if column.nullable:
        values[rng.random(rows) < blank] = None if column.type == "VARCHAR" else np.nan
    return values


def random_table(name: str, rows: int, rng: np.random.Generator, blank: float) -> pd.DataFrame:
    columns = contracts.table(name).columns.values()
    return pd.DataFrame({column.name: random_values(column, rows, rng, blank) for column in columns})


def random_cohort(seed: int, blank: float) -> Cohort:
    """Forty clients, the first and the last without a history, and histories of a client who never applied."""
    rng = np.random.default_rng(seed)
    known = np.append(WITH_HISTORY, UNKNOWN_CLIENT)
    bureau, loans = np.arange(5000, 5150), np.arange(7000, 7200)
    previous = random_table("previous_application", len(loans), rng, blank).assign(
        SK_ID_CURR=rng.choice(known, len(loans)), SK_ID_PREV=loans
    )
    months = random_table("bureau_balance", 900, rng, blank).assign(
        SK_ID_BUREAU=rng.choice([*bureau[:100], UNKNOWN_CREDIT], 900), MONTHS_BALANCE=rng.integers(-60, 1, 900)
    )
    cohort = {
        "application": random_table("application", len(CLIENTS), rng, blank).assign(
            SK_ID_CURR=rng.permutation(CLIENTS)
        ),
        "bureau": random_table("bureau", len(bureau), rng, blank).assign(
            SK_ID_CURR=rng.choice(known, len(bureau)), SK_ID_BUREAU=bureau
        ),
        "bureau_balance": months.drop_duplicates(["SK_ID_BUREAU", "MONTHS_BALANCE"]),
        "previous_application": previous,
    }
    for name in ("pos_cash_balance", "credit_card_balance", "installments_payments"):
        loan = previous.iloc[rng.integers(0, len(loans), 600)]
        frame = random_table(name, 600, rng, blank).assign(
            SK_ID_PREV=loan["SK_ID_PREV"].to_numpy(), SK_ID_CURR=loan["SK_ID_CURR"].to_numpy()
        )
        if "MONTHS_BALANCE" in frame:
            frame["MONTHS_BALANCE"] = rng.integers(-40, 0, 600)
            frame = frame.drop_duplicates(["SK_ID_PREV", "MONTHS_BALANCE"])
        else:
            frame[["NUM_INSTALMENT_VERSION", "NUM_INSTALMENT_NUMBER"]] = rng.integers(1, 4, (600, 2))
            instalment = frame.groupby(["SK_ID_PREV", "NUM_INSTALMENT_VERSION", "NUM_INSTALMENT_NUMBER"])
            for column in ("AMT_INSTALMENT", "DAYS_INSTALMENT"):
                frame[column] = instalment[column].transform("first")
        cohort[name] = frame
    return {name: frame.reset_index(drop=True) for name, frame in cohort.items()}


def register(connection: duckdb.DuckDBPyConnection, cohort: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    for name, frame in cohort.items():
        connection.register(f"delivered_{name}", frame)
    return {name: f"delivered_{name}" for name in cohort}


def build_mart(cohort: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    with duckdb.connect(config={"threads": 2}) as connection:
        rows = connection.execute(client_mart_query(register(connection, cohort))).df()
    return rows.set_index("SK_ID_CURR").sort_index()


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as connection:
        yield connection


@pytest.fixture(scope="session")
def mart_of() -> Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame]:
    """Builds the mart of some frames, indexed and sorted by client."""
    return build_mart


@pytest.fixture(scope="session")
def sources_of() -> Callable[[duckdb.DuckDBPyConnection, Mapping[str, pd.DataFrame]], dict[str, str]]:
    """Makes frames readable on a connection, and says under which names."""
    return register


@pytest.fixture(scope="session")
def cohort_of() -> Callable[[int, float], Cohort]:
    """Makes a random cohort from a seed and a share of blanks."""
    return random_cohort


@pytest.fixture(scope="module")
def delivery() -> Cohort:
    return random_cohort(seed=1, blank=0.2)


@pytest.fixture(scope="module")
def built(delivery: Cohort) -> pd.DataFrame:
    return build_mart(delivery)
