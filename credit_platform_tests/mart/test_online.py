"""One applicant's row from raw records: the cohort's own row, on every feature, and clear words for bad records."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import buckets, table_path
from credit_platform.mart.buckets import build_cohort
from credit_platform.mart.build import mart_columns
from credit_platform.mart.online import OnlineMart, RecordError
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings

SAMPLED = 60
Records = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def online() -> OnlineMart:
    return OnlineMart()


@pytest.fixture(scope="module")
def sample_lake(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Settings:
    """The first committed cohort in the lake, in several buckets."""
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("online"), bucket_clients=150)
    land(settings, samples / "2025-01")
    for name in TABLE_NAMES:
        ingest(settings, name, "2025-01")
    assert build_cohort(settings, "2025-01").buckets > 1
    return settings


def rows_of(settings: Settings, table: str) -> list[dict[str, Any]]:
    paths = buckets(table_path(settings, table, "2025-01"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def records_of(client: int, raw: Mapping[str, Sequence[dict[str, Any]]]) -> Records:
    """What a delivery holds of a client, in any order."""
    own = {name: [row for row in rows if row.get("SK_ID_CURR") == client] for name, rows in raw.items()}
    theirs = {row["SK_ID_BUREAU"] for row in own["bureau"]}
    own["bureau_balance"] = [row for row in raw["bureau_balance"] if row["SK_ID_BUREAU"] in theirs]
    for rows in own.values():
        random.Random(client).shuffle(rows)
    return own


def test_a_clients_row_is_the_cohorts_on_every_feature_to_the_last_bit(
    online: OnlineMart, sample_lake: Settings
) -> None:
    raw = {name: rows_of(sample_lake, f"raw_{name}") for name in TABLE_NAMES}
    mart = rows_of(sample_lake, "client_mart")
    for expected in random.Random(7).sample(mart, SAMPLED):
        records = records_of(expected.pop("SK_ID_CURR") or 0, raw)
        (application,) = records.pop("application")
        assert online.row(application, records) == expected


def test_an_application_alone_has_a_row_with_every_column(online: OnlineMart) -> None:
    row = online.row({"AMT_CREDIT": 450_000, "AMT_INCOME_TOTAL": 150_000.0}, {})
    assert list(row) == [column.name for column in mart_columns()][1:]
    assert row["AMT_CREDIT"] == 450_000.0
    assert row["BURO_COUNT"] == 0.0
    assert row["EXT_SOURCE_2"] is None


def test_one_applicants_records_leave_nothing_behind_for_the_next(online: OnlineMart) -> None:
    bureau = [{"SK_ID_BUREAU": 1, "CREDIT_ACTIVE": "Active", "DAYS_CREDIT": -10}]
    assert online.row({}, {"bureau": bureau})["BURO_COUNT"] == 1.0
    with pytest.raises(RecordError):
        online.row({}, {"bureau": [*bureau, {"SK_ID_BUREAU": 2, "DAYS_CREDIT": "soon"}]})
    assert online.row({}, {})["BURO_COUNT"] == 0.0


def test_history_rows_need_not_repeat_the_applications_id(online: OnlineMart) -> None:
    row = online.row({"SK_ID_CURR": 7}, {"installments_payments": [{"SK_ID_PREV": 3, "AMT_PAYMENT": 10.0}]})
    assert row["INSTAL_COUNT"] == 1.0


@pytest.mark.parametrize(
    ("application", "history", "problem"),
    [
        ({"AMT_CREDIT": "much"}, {}, "application[0].AMT_CREDIT: is not a number"),
        ({"AMT_CREDIT": float("inf")}, {}, "application[0].AMT_CREDIT: is not a number"),
        ({"AMT_CREDIT": True}, {}, "application[0].AMT_CREDIT: is not a number"),
        ({"AMT_CREDIT": [1]}, {}, "application[0].AMT_CREDIT: is not a number"),
        ({"DAYS_BIRTH": -10_000.5}, {}, "application[0].DAYS_BIRTH: is not a whole number, or too large for one"),
        ({"DAYS_BIRTH": -(10**12)}, {}, "application[0].DAYS_BIRTH: is not a whole number, or too large for one"),
        ({"CODE_GENDER": 1}, {}, "application[0].CODE_GENDER: is not a text"),
        ({"SK_ID_CURR": "7"}, {}, "application[0].SK_ID_CURR: is not a number"),
        ({"SHOE_SIZE": 43}, {}, "application[0].SHOE_SIZE: is no column of application"),
        ({}, {"bureau": [{"DAYS_CREDIT": -1}]}, "bureau[0].SK_ID_BUREAU: has no value, and rows are told apart by it"),
        ({}, {"bureau": [{"SK_ID_BUREAU": 1, "SK_ID_CURR": 9}]}, "bureau[0].SK_ID_CURR: is not the application's"),
        (
            {},
            {"bureau": [{"SK_ID_BUREAU": 1}, {"SK_ID_BUREAU": 1}]},
            "bureau: holds two rows with the same SK_ID_BUREAU",
        ),
        ({}, {"pets": []}, "pets: is no table of a client's history; there are bureau, bureau_balance"),
    ],
)
def test_what_is_wrong_with_a_record_is_named_with_its_place(
    online: OnlineMart, application: dict[str, Any], history: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RecordError) as refused:
        online.row(application, history)
    assert any(str(found).startswith(problem) for found in refused.value.problems), refused.value


def test_every_problem_is_named_at_once(online: OnlineMart) -> None:
    with pytest.raises(RecordError) as refused:
        online.row({"AMT_CREDIT": "much", "SHOE_SIZE": 43}, {"pets": []})
    assert len(refused.value.problems) == 3
