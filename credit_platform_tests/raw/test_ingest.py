"""Landed tables become typed Parquet that holds the rows of the cohort's own clients."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES, table
from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import land
from credit_platform.lake import bucket_file, bucket_of, buckets, table_path
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery

COHORT = "2025-01"
ARROW = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string()}


def ingested(settings: Settings, name: str, cohort: str = COHORT) -> pa.Table:
    return pq.read_table(ingest(settings, name, cohort).path)


def land_changed(settings: Settings, folder: Path, delivery: TinyDelivery, *tables: str) -> None:
    """Lands some tables of a delivery on top of what the cohort has."""
    land(settings, delivery.write(folder / COHORT, only=tables), COHORT)


def content(path: Path) -> dict[str, bytes]:
    return {bucket.name: bucket.read_bytes() for bucket in buckets(path)}


@pytest.mark.parametrize("name", [*TABLE_NAMES, "outcomes"])
def test_a_raw_table_has_the_contracts_columns_order_and_types(lake: Settings, name: str) -> None:
    contract = table(name)
    schema = pq.read_schema(table_path(lake, f"raw_{name}", COHORT) / bucket_file(0))
    assert schema.names == list(contract.columns)
    assert [schema.field(c.name).type for c in contract.columns.values()] == [
        ARROW[c.type] for c in contract.columns.values()
    ]


def test_no_row_of_a_faultless_delivery_is_lost(lake: Settings, delivery: TinyDelivery) -> None:
    for name in TABLE_NAMES:
        assert pq.read_table(table_path(lake, f"raw_{name}", COHORT)).num_rows == delivery.clients


def test_values_are_typed_as_promised(landed: Settings, tmp_path: Path, delivery: TinyDelivery) -> None:
    row = delivery.rows["application"][0]
    row.update(SK_ID_CURR=str(2**53 + 1), CNT_CHILDREN="2.0", AMT_CREDIT="1e5", AMT_ANNUITY="nan", OCCUPATION_TYPE=" ")
    row["NAME_CONTRACT_TYPE"] = " Cash loans "
    land_changed(landed, tmp_path, delivery, "application")
    (*_, first) = ingested(landed, "application").to_pylist()
    assert first["SK_ID_CURR"] == 2**53 + 1
    assert first["CNT_CHILDREN"] == 2
    assert first["AMT_CREDIT"] == 100_000.0
    assert first["AMT_ANNUITY"] is None
    assert first["OCCUPATION_TYPE"] is None
    assert first["NAME_CONTRACT_TYPE"] == "Cash loans"


def test_the_outcome_never_travels_with_the_application(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    land_changed(landed, tmp_path, delivery.with_outcomes("application"), "application")
    assert "TARGET" not in ingested(landed, "application").column_names
    outcomes = ingested(landed, "outcomes").sort_by("SK_ID_CURR")
    assert outcomes.column("TARGET").to_pylist() == [int(i % 3 == 0) for i in range(delivery.clients)]


def test_columns_that_the_contract_does_not_know_stay_behind(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    for row in delivery.rows["application"]:
        row["EMAIL"] = "someone@example.org"
    land_changed(landed, tmp_path, delivery, "application")
    assert ingested(landed, "application").column_names == list(table("application").columns)


def test_outcomes_that_are_not_known_yet_are_an_empty_table(landed: Settings) -> None:
    ingest(landed, "application", COHORT)
    outcomes = ingested(landed, "outcomes")
    assert (outcomes.num_rows, outcomes.column_names) == (0, ["SK_ID_CURR", "TARGET"])


def test_empty_outcomes_and_those_of_other_clients_are_left_out(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    rows = delivery.with_outcomes().rows["outcomes"]
    rows[0]["TARGET"] = ""
    rows[1]["SK_ID_CURR"] = "777"
    land_changed(landed, tmp_path, delivery, "outcomes")
    ingest(landed, "application", COHORT)
    outcome = ingest(landed, "outcomes", COHORT)
    assert (outcome.rows, outcome.left_out) == (delivery.clients - 2, 2)


def test_an_outcomes_file_counts_more_than_the_applications_target(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    delivery.with_outcomes("application").with_outcomes()
    for row in delivery.rows["outcomes"]:
        row["TARGET"] = "1"
    land_changed(landed, tmp_path, delivery, "application", "outcomes")
    ingest(landed, "application", COHORT)
    assert set(ingested(landed, "outcomes").column("TARGET").to_pylist()) == {1}


def test_histories_are_kept_for_the_cohorts_clients_alone(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    delivery.rows["bureau"][0]["SK_ID_CURR"] = "777"
    land_changed(landed, tmp_path, delivery, "bureau")
    ingest(landed, "application", COHORT)
    bureau, balance = ingest(landed, "bureau", COHORT), ingest(landed, "bureau_balance", COHORT)
    assert (bureau.rows, bureau.left_out) == (delivery.clients - 1, 1)
    assert (balance.rows, balance.left_out) == (delivery.clients - 1, 1)


def test_a_history_without_rows_becomes_a_table_without_rows(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    delivery.rows["bureau"] = []
    land_changed(landed, tmp_path, delivery, "bureau")
    ingest(landed, "application", COHORT)
    bureau = ingested(landed, "bureau")
    assert (bureau.num_rows, bureau.column_names) == (0, list(table("bureau").columns))


def test_a_table_that_was_not_landed_is_refused(settings: Settings) -> None:
    with pytest.raises(DeliveryError, match=r"bureau\.csv: the table is missing from landing/2025-01; land it first"):
        ingest(settings, "bureau", COHORT)


def test_a_landed_file_that_was_spoilt_afterwards_is_refused_and_the_table_stays(landed: Settings) -> None:
    path = ingest(landed, "application", COHORT).path
    before = content(path)
    delivered = landed.landing_dir / COHORT / "application.csv"
    delivered.write_bytes(delivered.read_bytes().replace(b"100003", b"100002"))
    with pytest.raises(DeliveryError, match=r"column SK_ID_CURR, row 3: repeats a key"):
        ingest(landed, "application", COHORT)
    assert content(path) == before
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, "current"]


def test_ingesting_twice_gives_the_same_bytes(landed: Settings) -> None:
    path = ingest(landed, "application", COHORT).path
    first = content(path)
    ingest(landed, "application", COHORT)
    assert content(path) == first


def test_what_was_noticed_in_a_file_is_known_when_its_table_is_taken_over(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    delivery.rows["bureau"][0]["CREDIT_TYPE"] = "Bicycle loan"
    land_changed(landed, tmp_path, delivery, "bureau")
    ingest(landed, "application", COHORT)
    first, again = ingest(landed, "bureau", COHORT), ingest(landed, "bureau", COHORT)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert again.inspection == first.inspection
    assert [problem.ids for problem in again.inspection.warnings] == [("SK_ID_BUREAU 5000001",)]


def test_the_order_of_the_delivered_rows_makes_no_difference_to_the_bytes(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    cut = landed.model_copy(update={"bucket_clients": 3})
    names = ("application", "bureau", "bureau_balance", "installments_payments")
    before = [content(ingest(cut, name, COHORT).path) for name in names]
    for name in names:
        delivery.rows[name].reverse()
    land_changed(landed, tmp_path, delivery, *names)
    assert [content(ingest(cut, name, COHORT).path) for name in names] == before


def test_a_clients_rows_lie_together_whatever_their_keys(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery
) -> None:
    rows = delivery.rows["previous_application"]
    for row, loan in zip(rows, [row["SK_ID_PREV"] for row in reversed(rows)], strict=True):
        row["SK_ID_PREV"] = loan
    land_changed(landed, tmp_path, delivery, "previous_application")
    ingest(landed, "application", COHORT)
    clients = ingested(landed, "previous_application").column("SK_ID_CURR").to_pylist()
    assert clients == sorted(clients)


def test_a_clients_rows_lie_in_the_same_bucket_of_every_table(landed: Settings, delivery: TinyDelivery) -> None:
    cut = landed.model_copy(update={"bucket_clients": 3})
    for name in TABLE_NAMES:
        assert ingest(cut, name, COHORT).buckets == 4
    lenders = {row["SK_ID_BUREAU"]: row["SK_ID_CURR"] for row in ingested(landed, "bureau").to_pylist()}
    for name in TABLE_NAMES:
        found = buckets(table_path(landed, f"raw_{name}", COHORT))
        assert [path.name for path in found] == [bucket_file(number) for number in range(4)]
        for number, path in enumerate(found):
            for row in pq.read_table(path).to_pylist():
                client = row["SK_ID_CURR"] if "SK_ID_CURR" in row else lenders[row["SK_ID_BUREAU"]]
                assert bucket_of(client, 4) == number


def test_a_history_before_its_applications_is_refused(landed: Settings) -> None:
    with pytest.raises(DeliveryError, match="raw_application has not been made yet"):
        ingest(landed, "bureau", COHORT)
