"""The lake in an S3-compatible object store: a real local server stands in for it."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform import quarantine
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import DamagedTableError, bucket_file, cohorts_of, current, require, restore, table_path
from credit_platform.mart.buckets import build_cohort
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.tables import put, put_file

COHORT = "2025-01"
FIRST, SECOND = pa.table({"a": [1, 2]}), pa.table({"a": [3]})


@pytest.fixture
def here(settings: Settings, store_bucket: str) -> Settings:
    return settings.model_copy(update={"lake_uri": f"s3://{store_bucket}/lake"})


@pytest.fixture
def elsewhere(here: Settings, tmp_path: Path) -> Settings:
    """Another machine with the same store."""
    return here.model_copy(update={"data_dir": tmp_path / "elsewhere"})


def test_a_table_written_here_is_read_elsewhere(here: Settings, elsewhere: Settings) -> None:
    assert current(elsewhere, "client_mart", COHORT) is None
    put(here, "client_mart", COHORT, FIRST, SECOND)
    assert cohorts_of(elsewhere, "client_mart") == [COHORT]
    assert pq.read_table(table_path(elsewhere, "client_mart", COHORT))["a"].to_pylist() == [1, 2, 3]


def test_only_the_files_that_are_asked_for_are_copied(here: Settings, elsewhere: Settings) -> None:
    put(here, "client_mart", COHORT, FIRST, SECOND)
    version = require(elsewhere, "client_mart", COHORT)
    version.file(bucket_file(1))
    assert [path.name for path in elsewhere.lake_dir.rglob("*.parquet")] == [bucket_file(1)]


def test_an_unchanged_bucket_need_not_be_here_to_be_taken_over(here: Settings, elsewhere: Settings) -> None:
    put(here, "client_mart", COHORT, FIRST, SECOND)
    put_file(elsewhere, "client_mart", COHORT, bucket_file(1), FIRST)
    shutil.rmtree(here.lake_dir)
    assert pq.read_table(table_path(here, "client_mart", COHORT))["a"].to_pylist() == [1, 2, 1, 2]


def test_a_version_is_restored_for_all(here: Settings, elsewhere: Settings) -> None:
    first, _ = (put(here, "client_mart", COHORT, table) for table in (FIRST, SECOND))
    restore(elsewhere, "client_mart", COHORT, first.id)
    assert require(here, "client_mart", COHORT) == first


def test_a_copy_that_was_damaged_is_named(here: Settings) -> None:
    version = put(here, "client_mart", COHORT, FIRST)
    version.file(bucket_file(0)).write_bytes(b"short")
    with pytest.raises(DamagedTableError, match="holds 5 bytes"):
        version.folder()


def test_a_cohort_set_aside_here_is_set_aside_elsewhere(here: Settings, elsewhere: Settings) -> None:
    quarantine.hold(here, COHORT, "raw_bureau", ["bureau.csv: broken"], "digest")
    assert quarantine.quarantined(elsewhere) == [COHORT]


def test_the_mart_is_the_same_as_in_a_folder(settings: Settings, here: Settings, tmp_path: Path) -> None:
    delivery = TinyDelivery().write(tmp_path / COHORT)
    marts = []
    for place in (settings, here.model_copy(update={"data_dir": tmp_path / "there"})):
        cut = place.model_copy(update={"bucket_clients": 3})
        land(cut, delivery)
        for name in TABLE_NAMES:
            ingest(cut, name, COHORT)
        marts.append(build_cohort(cut, COHORT).version)
    assert marts[0].content == marts[1].content
    assert build_cohort(cut, COHORT).reused == 4
