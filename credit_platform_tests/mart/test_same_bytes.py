"""The committed sample in any order, format and chunks: raw tables and mart are the same to the byte."""

from pathlib import Path

import duckdb
import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import require
from credit_platform.mart.buckets import build_cohort
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings

COHORT = "2025-02"
FORMS = {
    "text": (".csv", "all_varchar = true", ""),
    "numbers in chunks": (
        ".parquet",
        "sample_size = -1, auto_type_candidates = ['BIGINT', 'DOUBLE', 'VARCHAR']",
        "(format parquet, row_group_size 2048)",
    ),
}


def made(settings: Settings, source: Path) -> dict[str, str]:
    """The digests of all tables' files."""
    land(settings, source)
    tables = {name: ingest(settings, name, COHORT).version for name in (*TABLE_NAMES, "outcomes")}
    build_cohort(settings, COHORT)
    tables["client_mart"] = require(settings, "client_mart", COHORT)
    return {
        f"{name}/{file}": stored.sha256 for name, version in tables.items() for file, stored in version.files.items()
    }


@pytest.fixture(scope="module", params=[1, 4], ids=["one bucket", "four buckets"])
def as_committed(
    request: pytest.FixtureRequest, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, dict[str, str]]:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("sample"), bucket_clients=400 // request.param)
    return settings, made(settings, samples / COHORT)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_give_the_same_bytes(
    form: str, as_committed: tuple[Settings, dict[str, str]], samples: Path, tmp_path: Path
) -> None:
    settings, expected = as_committed
    given = tmp_path / COHORT
    given.mkdir()
    suffix, reading, writing = FORMS[form]
    with duckdb.connect() as connection:
        for path in (samples / COHORT).glob("*.csv.gz"):
            rows = f"select *, row_number() over () as n from read_csv('{path}', {reading})"
            target = given / path.name.replace(".csv.gz", suffix)
            connection.execute(f"copy (select * exclude n from ({rows}) order by hash(n)) to '{target}' {writing}")
    other = settings.model_copy(update={"data_dir": tmp_path / "data", "threads": 1, "memory_limit": "1GB"})
    assert made(other, given) == expected
