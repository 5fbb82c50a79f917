"""The kernel that the benchmark measures has the same columns and values in all three engines."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES, table
from credit_platform.lake import quote
from kernel import in_duckdb, in_pandas, in_polars

COHORT = "2025-01"


@pytest.fixture(scope="module")
def delivered(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed sample as Parquet and as csv, typed by the contracts, some clients without a history."""
    folder = tmp_path_factory.mktemp("delivered")
    with duckdb.connect(config={"threads": 2}) as connection:
        for name in TABLE_NAMES:
            contract = table(name)
            types = ", ".join(f"{quote(column.name)}: {quote(column.type)}" for column in contract.columns.values())
            source = quote(str(samples / COHORT / f"{contract.file}.csv.gz"))
            connection.execute(f"create table {name} as from read_csv({source}, header = true, columns = {{{types}}})")
            for kind in ("parquet", "csv"):
                connection.execute(f"copy {name} to {quote(str(folder / f'{contract.file}.{kind}'))}")
    return folder


@pytest.fixture(scope="module")
def in_pandas_from_csv(delivered: Path) -> pd.DataFrame:
    return comparable(in_pandas.mart(delivered, "csv"))


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("SK_ID_CURR").sort_index().sort_index(axis=1).astype(float)


def from_duckdb(delivered: Path) -> pd.DataFrame:
    sources = {name: quote(str(delivered / f"{table(name).file}.parquet")) for name in TABLE_NAMES}
    with duckdb.connect(config={"threads": 2}) as connection:
        return connection.execute(in_duckdb.query(sources)).df()


def from_polars(delivered: Path, kind: str) -> pd.DataFrame:
    sources = {name: delivered / f"{table(name).file}.{kind}" for name in TABLE_NAMES}
    return in_polars.mart(sources).collect(engine="streaming").to_pandas()


@pytest.mark.parametrize("engine", ["duckdb", "polars from Parquet", "polars from csv", "pandas from Parquet"])
def test_every_engine_makes_the_same_of_the_kernel(
    delivered: Path, in_pandas_from_csv: pd.DataFrame, engine: str
) -> None:
    made = {
        "duckdb": lambda: from_duckdb(delivered),
        "polars from Parquet": lambda: from_polars(delivered, "parquet"),
        "polars from csv": lambda: from_polars(delivered, "csv"),
        "pandas from Parquet": lambda: in_pandas.mart(delivered, "parquet"),
    }[engine]()
    assert len(made.columns) == 796
    pd.testing.assert_frame_equal(comparable(made), in_pandas_from_csv, rtol=1e-9, atol=1e-9, check_names=False)


def test_the_kernels_values_are_numbers_or_missing(in_pandas_from_csv: pd.DataFrame) -> None:
    assert not np.isinf(in_pandas_from_csv.to_numpy()).any()
