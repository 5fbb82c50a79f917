"""A client's own rows in the raw tables: all of them, and nobody else's."""

import pyarrow.parquet as pq
import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import MissingTableError, table_path
from credit_platform.mart.lookup import look_up
from credit_platform.mart.online import OnlineMart
from credit_platform.raw.records import records_of
from credit_platform.settings import Settings
from credit_platform_tests.bank import COHORT

CLIENT = 100_024


def test_a_clients_rows_are_all_of_theirs_and_nobody_elses(bank: Settings) -> None:
    found = records_of(bank, COHORT, CLIENT)
    assert tuple(found) == TABLE_NAMES
    assert [row["SK_ID_CURR"] for row in found["application"]] == [CLIENT]
    payments = pq.read_table(table_path(bank, "raw_installments_payments", COHORT))
    assert len(found["installments_payments"]) == payments.column("SK_ID_CURR").to_pylist().count(CLIENT)
    loans = {row["SK_ID_BUREAU"] for row in found["bureau"]}
    assert {row["SK_ID_BUREAU"] for row in found["bureau_balance"]} <= loans


def test_the_mart_makes_of_these_rows_what_the_published_mart_holds(bank: Settings) -> None:
    found = records_of(bank, COHORT, CLIENT)
    published = look_up(bank, CLIENT)
    assert published is not None
    (application,) = found.pop("application")
    assert OnlineMart().row(application, found) == published.values


def test_a_client_of_nobody_has_no_rows(bank: Settings) -> None:
    assert not any(records_of(bank, COHORT, 7).values())


def test_a_cohort_without_raw_tables_is_named(bank: Settings) -> None:
    with pytest.raises(MissingTableError, match="2031-01"):
        records_of(bank, "2031-01", CLIENT)
