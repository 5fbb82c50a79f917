"""One client's row from the published mart: found by id, whatever bucket and cohort it lies in."""

from pathlib import Path

import pyarrow as pa
import pytest

from credit_platform.lake import DamagedTableError, bucket_of, require
from credit_platform.mart.lookup import BATCH_ROWS, ClientRow, look_up, publish_lookup
from credit_platform.settings import Settings
from credit_platform_tests.tables import put, put_file

CLIENTS = [100_000 + 7 * n for n in range(5 * BATCH_ROWS)]
KINDS = ["Cash loans", None, "Revolving loans"]


def mart_of(clients: list[int], income: float = 1000.0) -> pa.Table:
    """In no order, with a gap in each column but the key."""
    shuffled = clients[::2] + clients[1::2]
    return pa.table(
        {
            "SK_ID_CURR": shuffled,
            "AMT_INCOME_TOTAL": [None if client % 5 == 0 else income + client / 3 for client in shuffled],
            "NAME_CONTRACT_TYPE": pa.array([KINDS[client % 3] for client in shuffled], pa.string()),
        }
    )


def publish(settings: Settings, cohort: str, clients: list[int] = CLIENTS, buckets: int = 4) -> None:
    parts = [[c for c in clients if bucket_of(c, buckets) == number] for number in range(buckets)]
    put(settings, "client_mart", cohort, *map(mart_of, parts))
    publish_lookup(settings, cohort)


def found(settings: Settings, client: int) -> ClientRow:
    row = look_up(settings, client)
    assert row is not None
    return row


def test_every_client_of_every_bucket_is_found_with_its_own_row(settings: Settings) -> None:
    publish(settings, "2025-01")
    for client in CLIENTS:
        assert found(settings, client).values == {
            "AMT_INCOME_TOTAL": None if client % 5 == 0 else 1000.0 + client / 3,
            "NAME_CONTRACT_TYPE": KINDS[client % 3],
        }


@pytest.mark.parametrize("client", [0, -1, 1, CLIENTS[0] - 1, CLIENTS[0] + 1, CLIENTS[-1] + 1, 2**62])
def test_a_client_that_no_cohort_holds_is_not_found(settings: Settings, client: int) -> None:
    publish(settings, "2025-01")
    assert look_up(settings, client) is None


def test_nothing_is_found_before_a_mart_is_published(settings: Settings) -> None:
    assert look_up(settings, CLIENTS[0]) is None


def test_the_newest_cohort_that_holds_a_client_answers_and_says_when_it_was_made(settings: Settings) -> None:
    publish(settings, "2025-01")
    publish(settings, "2025-02", CLIENTS[:3], buckets=1)
    assert found(settings, CLIENTS[0]).cohort == "2025-02"
    assert found(settings, CLIENTS[3]).cohort == "2025-01"
    mart = require(settings, "client_mart", "2025-02")
    assert found(settings, CLIENTS[0]).made_at == mart.written_at


def test_a_bucket_of_the_mart_that_has_not_changed_is_taken_over(settings: Settings) -> None:
    publish(settings, "2025-01")
    client = CLIENTS[1]
    number = bucket_of(client, 4)
    clients = [c for c in CLIENTS if bucket_of(c, 4) == number]
    put_file(settings, "client_mart", "2025-01", f"bucket-{number:03d}.parquet", mart_of(clients, income=5.0))
    assert publish_lookup(settings, "2025-01").reused == 3
    assert found(settings, client).values["AMT_INCOME_TOTAL"] == 5.0 + client / 3
    assert publish_lookup(settings, "2025-01").reused == 4


def test_a_bucket_without_clients_is_no_obstacle(settings: Settings) -> None:
    publish(settings, "2025-01", CLIENTS[:1])
    assert found(settings, CLIENTS[0]).client == CLIENTS[0]
    assert look_up(settings, CLIENTS[1]) is None


def test_a_file_that_was_cut_short_is_named(settings: Settings) -> None:
    publish(settings, "2025-01", buckets=1)
    file: Path = require(settings, "client_lookup", "2025-01").file("bucket-000.arrow")
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(DamagedTableError, match=r"client_lookup of cohort 2025-01: bucket-000.arrow holds"):
        look_up(settings, CLIENTS[0])
