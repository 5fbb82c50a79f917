"""The exported SQL: complete and parseable everywhere, and equal to DuckDB's on Spark where Spark is installed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sqlglot import exp, parse_one

from credit_platform.home_credit import contracts
from credit_platform.mart.build import client_mart_query, mart_columns
from credit_platform.mart.export import dialects, export_sql

Tables = dict[str, str]
CohortOf = Callable[[int, float], dict[str, pd.DataFrame]]
NAMES = [column.name for column in mart_columns()]
EXACT = {"carried", "count", "min", "max", "nunique", "share"}


@pytest.mark.parametrize("dialect", ["spark", "bigquery", "snowflake"])
def test_the_export_has_the_columns_of_the_mart(dialect: str) -> None:
    query = parse_one(export_sql(dialect), dialect=dialect)
    assert query.named_selects == NAMES
    assert not list(query.find_all(exp.Star)) or {type(s.parent) for s in query.find_all(exp.Star)} == {exp.Count}


def test_the_export_reads_the_tables_of_the_contracts_and_nothing_else() -> None:
    query = parse_one(export_sql("spark"), dialect="spark")
    steps = [step.alias for step in query.find_all(exp.CTE)]
    assert len(set(steps)) == len(steps)
    read = {table.name for table in query.find_all(exp.Table)}
    assert read - set(steps) == set(contracts.TABLE_NAMES)
    assert not set(steps) & set(contracts.TABLE_NAMES)


def test_an_unknown_dialect_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'sparq'.*\bpostgres\b.*\bspark\b"):
        export_sql("sparq")
    assert "spark" in dialects()


def test_a_dialect_that_has_no_select_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot write the mart in prql"):
        export_sql("prql")


@pytest.fixture(scope="module", params=["a committed cohort", "a random cohort"])
def tables(
    request: pytest.FixtureRequest, samples: Path, cohort_of: CohortOf, tmp_path_factory: pytest.TempPathFactory
) -> Tables:
    """The tables of a cohort as Parquet files with the contracts' types: real shapes, and every trap there is."""
    folder = tmp_path_factory.mktemp("typed")
    with duckdb.connect() as connection:
        if request.param == "a random cohort":
            for name, frame in cohort_of(1, 0.2).items():
                connection.register(f"delivered_{name}", frame)
        else:
            for table in contracts.tables():
                file = samples / "2025-01" / f"{table.file}.csv.gz"
                connection.execute(f"create view delivered_{table.name} as from read_csv('{file}', all_varchar = true)")
        for table in contracts.tables():
            items = ", ".join(f"{column.name}::{column.type} as {column.name}" for column in table.columns.values())
            connection.execute(f"copy (select {items} from delivered_{table.name}) to '{folder}/{table.name}.parquet'")
    return {name: f"{folder}/{name}.parquet" for name in contracts.TABLE_NAMES}


@pytest.fixture(scope="module")
def ours(tables: Tables) -> pd.DataFrame:
    with duckdb.connect(config={"threads": 2}) as connection:
        return connection.execute(client_mart_query({name: f"'{path}'" for name, path in tables.items()})).df()


def test_duckdb_gives_the_same_mart_from_its_own_export(tables: Tables, ours: pd.DataFrame) -> None:
    with duckdb.connect(config={"threads": 2}) as connection:
        for name, path in tables.items():
            connection.execute(f"create view {name} as from '{path}'")
        same(connection.execute(export_sql("duckdb")).df(), ours)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark within this process tree: two threads, loopback only, gone with the tests."""
    sql = pytest.importorskip("pyspark.sql", reason="Spark is not installed: pip install pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs java on the PATH")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
    }
    session = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    yield session
    session.stop()


def test_spark_gives_the_same_mart(spark: Any, tables: Tables, ours: pd.DataFrame) -> None:
    for name, path in tables.items():
        spark.read.parquet(path).createOrReplaceTempView(name)
    same(spark.sql(export_sql("spark")).toPandas(), ours)


def same(theirs: pd.DataFrame, ours: pd.DataFrame) -> None:
    """Counts, lowest and highest values, shares and words must be equal; other numbers to nine digits."""
    assert list(theirs) == list(ours) == NAMES
    theirs, ours = (rows.set_index("SK_ID_CURR").sort_index() for rows in (theirs, ours))
    assert theirs.index.tolist() == ours.index.tolist()
    assert len(ours) >= 40
    for column in mart_columns()[1:]:
        they, we = theirs[column.name], ours[column.name]
        if column.type == "VARCHAR":
            assert they.where(they.notna(), None).tolist() == we.where(we.notna(), None).tolist(), column.name
        else:
            close = 0 if column.aggregate in EXACT else 1e-9
            np.testing.assert_allclose(they.to_numpy(float), we.to_numpy(float), close, close, err_msg=column.name)
