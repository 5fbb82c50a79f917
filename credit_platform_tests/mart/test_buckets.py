"""The mart in buckets: the same rows as in one piece, and only what changed is made again."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import DamagedTableError, MissingTableError, bucket_file, bucket_of, buckets, table_path
from credit_platform.mart.buckets import build_cohort
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.tables import put

COHORT = "2025-01"


def raw(settings: Settings, *names: str) -> None:
    for name in names or TABLE_NAMES:
        ingest(settings, name, COHORT)


def mart(settings: Settings) -> pa.Table:
    return pq.read_table(table_path(settings, "client_mart", COHORT)).sort_by("SK_ID_CURR")


@pytest.fixture
def cut(landed: Settings) -> Settings:
    """Settings under which the twelve landed clients lie in four buckets."""
    return landed.model_copy(update={"bucket_clients": 3})


def test_four_buckets_hold_the_same_mart_as_one(landed: Settings, cut: Settings) -> None:
    raw(landed)
    assert build_cohort(landed, COHORT).buckets == 1
    whole = mart(landed)
    raw(cut)
    built = build_cohort(cut, COHORT)
    assert (built.buckets, built.rows, built.reused) == (4, 12, 0)
    assert mart(cut).equals(whole)


def test_building_again_takes_every_bucket_over(cut: Settings) -> None:
    raw(cut)
    build_cohort(cut, COHORT)
    files = {path.name: path.stat().st_ino for path in buckets(table_path(cut, "client_mart", COHORT))}
    raw(cut)
    built = build_cohort(cut, COHORT)
    assert (built.reused, built.rows) == (4, 12)
    assert {path.name: path.stat().st_ino for path in buckets(built.path)} == files


def test_a_corrected_row_makes_only_its_clients_bucket_anew(cut: Settings, tmp_path: Path) -> None:
    delivery = TinyDelivery()
    raw(cut)
    build_cohort(cut, COHORT)
    before = {path.name: path.read_bytes() for path in buckets(table_path(cut, "client_mart", COHORT))}
    row = delivery.rows["bureau"][0]
    row["AMT_CREDIT_SUM"] = "123456.5"
    land(cut, delivery.write(tmp_path / COHORT, only=["bureau"]), COHORT)
    raw(cut, "bureau")
    built = build_cohort(cut, COHORT)
    changed = {path.name for path in buckets(built.path) if path.read_bytes() != before[path.name]}
    assert built.reused == 3
    assert changed == {bucket_file(bucket_of(int(row["SK_ID_CURR"]), 4))}


def test_a_lacking_raw_table_is_named_and_the_old_mart_stays(cut: Settings) -> None:
    raw(cut)
    build_cohort(cut, COHORT)
    before = mart(cut)
    put(
        cut, "raw_bureau", COHORT, *[pq.read_table(path) for path in buckets(table_path(cut, "raw_bureau", COHORT))[:2]]
    )
    with pytest.raises(MissingTableError, match=r"not the buckets of its applications in raw_bureau; materialise"):
        build_cohort(cut, COHORT)
    assert mart(cut).equals(before)


def test_a_raw_file_that_was_cut_short_is_named_and_made_whole_by_materialising_it_again(cut: Settings) -> None:
    raw(cut)
    build_cohort(cut, COHORT)
    before = mart(cut)
    for table in ("raw_bureau", "client_mart"):
        path = table_path(cut, table, COHORT) / bucket_file(2)
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedTableError, match=r"raw_bureau of cohort 2025-01: bucket-002\.parquet holds 100 bytes"):
        build_cohort(cut, COHORT)
    raw(cut)
    assert build_cohort(cut, COHORT).reused < 4
    assert mart(cut).equals(before)


def test_a_raw_file_with_other_bytes_than_were_written_is_refused(cut: Settings) -> None:
    raw(cut)
    path = table_path(cut, "raw_bureau", COHORT) / bucket_file(2)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedTableError, match=r"bucket-002\.parquet is not what was written"):
        build_cohort(cut, COHORT)


def test_a_table_that_was_cut_into_other_buckets_is_refused(cut: Settings, landed: Settings) -> None:
    raw(cut)
    build_cohort(cut, COHORT)
    before = mart(cut)
    raw(landed, "application", "bureau")
    with pytest.raises(MissingTableError, match="raw_bureau_balance, raw_previous_application"):
        build_cohort(landed, COHORT)
    assert mart(cut).equals(before)


def test_without_raw_tables_the_old_mart_stays(cut: Settings) -> None:
    raw(cut)
    build_cohort(cut, COHORT)
    before = mart(cut)
    shutil.rmtree(cut.lake_dir / "raw_application")
    with pytest.raises(MissingTableError, match="raw_application of cohort 2025-01 has not been made"):
        build_cohort(cut, COHORT)
    assert mart(cut).equals(before)
