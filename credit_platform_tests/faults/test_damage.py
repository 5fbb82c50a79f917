"""Files that are cut short or have a bit flipped are named with what to do, and doing it mends them."""

import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import land
from credit_platform.lake import DamagedTableError, bucket_file, bucket_of, require, restore, table_path, versions
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import FIRST_CLIENT, TinyDelivery
from credit_platform_tests.faults.conftest import Place
from credit_platform_tests.faults.worker import COHORT, STAGES

CHANGED = bucket_file(bucket_of(FIRST_CLIENT + 4, 2))
"""The bucket of the client whose rows the corrected delivery changes."""


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize(
    ("table", "reader", "maker"),
    [
        ("raw_application", "bureau", "raw"),
        ("raw_bureau", "bureau_balance", "raw"),
        ("raw_bureau", "mart", "raw"),
        ("client_mart", "lookup", "mart"),
        ("client_mart", "scores", "mart"),
        ("client_mart", "splits", "mart"),
    ],
)
def test_a_damaged_table_is_named_and_made_whole_by_its_stage(
    table: str, reader: str, maker: str, damage: Callable[[bytes], bytes], places: dict[str, Place]
) -> None:
    place = places[reader].copy()
    path = require(place.settings, table, COHORT).file(CHANGED)
    path.write_bytes(damage(path.read_bytes()))
    found = "is not what was written" if damage is flip else "holds"
    message = rf"{table} of cohort 2025-01: {CHANGED} {found}.*materialise {table} again, or restore an older version"
    with pytest.raises(DamagedTableError, match=message):
        STAGES[reader](place.settings, place.arguments.get(reader, ""))
    STAGES[maker](place.settings, "")
    assert require(place.settings, table, COHORT).is_whole()
    STAGES[reader](place.settings, place.arguments.get(reader, ""))


def test_an_older_version_takes_the_place_of_a_damaged_one(places: dict[str, Place]) -> None:
    place = places["scores"].copy()
    first, second = versions(place.settings, "client_mart", COHORT)
    path = second.file("bucket-000.parquet")
    path.write_bytes(flip(path.read_bytes()))
    assert restore(place.settings, "client_mart", COHORT, first.id) == first
    assert pq.read_table(table_path(place.settings, "client_mart", COHORT)).num_rows == first.rows
    with pytest.raises(DamagedTableError, match="is not what was written"):
        restore(place.settings, "client_mart", COHORT, second.id)
    assert require(place.settings, "client_mart", COHORT) == first


@pytest.mark.parametrize("writer", ["with checksums", "gzip"])
def test_a_delivered_parquet_that_carries_checksums_is_held_against_them(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery, writer: str
) -> None:
    path = delivery.write(tmp_path / COHORT, only=["bureau"], suffix=".parquet") / "bureau.parquet"
    how = {"write_page_checksum": True} if writer == "with checksums" else {"compression": "gzip"}
    pq.write_table(pq.read_table(path), path, **how)
    content, chance = path.read_bytes(), random.Random(writer)
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    page = range((column.dictionary_page_offset + column.data_page_offset) // 2, column.data_page_offset - 8)
    for _ in range(20):
        spoilt = bytearray(content)
        spoilt[chance.choice(page)] ^= 1 << chance.randrange(8)
        path.write_bytes(spoilt)
        with pytest.raises(DeliveryError, match=r"bureau\.parquet: can't be read"):
            land(landed, path.parent)
    path.write_bytes(content)
    land(landed, path.parent)


def test_a_parquet_cut_short_in_the_landing_area_leaves_the_table_as_it_is(lake: Settings) -> None:
    before = require(lake, "raw_bureau", COHORT)
    csv = lake.landing_dir / COHORT / "bureau.csv"
    with duckdb.connect() as connection:
        connection.read_csv(str(csv), all_varchar=True).write_parquet(str(csv.with_suffix(".parquet")))
    csv.unlink()
    path = csv.with_suffix(".parquet")
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(DeliveryError, match=r"bureau\.parquet: can't be read"):
        STAGES["bureau"](lake, "")
    assert require(lake, "raw_bureau", COHORT) == before
