"""What the mart promises as a whole: its rows, its names, its lineage, and that the way it is built does not matter."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from credit_platform.home_credit import contracts
from credit_platform.mart.aggregates import AGGREGATES, expand, fill, label
from credit_platform.mart.build import client_mart_query, mart_columns

Rows = dict[str, pd.DataFrame]
MartOf = Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame]
SourcesOf = Callable[[duckdb.DuckDBPyConnection, Mapping[str, pd.DataFrame]], dict[str, str]]

HISTORIES = [name for name in contracts.TABLE_NAMES if name != "application"]
COLUMNS = mart_columns()
GROUPING = {"SK_ID_CURR", "SK_ID_PREV", "SK_ID_BUREAU", "NUM_INSTALMENT_VERSION", "NUM_INSTALMENT_NUMBER"}
"""What rows are grouped and joined by, which lineage leaves out."""


def identical(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Equal but for the last bits of sums, which depend on the order in which rows arrive."""
    pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=1e-9, atol=1e-9, check_dtype=False)


def of_clients(delivery: Rows, clients: list[int]) -> Rows:
    own = {name: frame[frame["SK_ID_CURR"].isin(clients)] for name, frame in delivery.items() if "SK_ID_CURR" in frame}
    months = delivery["bureau_balance"]
    return own | {"bureau_balance": months[months["SK_ID_BUREAU"].isin(own["bureau"]["SK_ID_BUREAU"])]}


def test_every_application_has_one_row(built: pd.DataFrame, delivery: Rows) -> None:
    assert list(built.index) == sorted(delivery["application"]["SK_ID_CURR"])


def test_columns_come_as_announced(
    connection: duckdb.DuckDBPyConnection, delivery: Rows, sources_of: SourcesOf
) -> None:
    described = connection.execute(f"describe {client_mart_query(sources_of(connection, delivery))}").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [(column.name, column.type) for column in COLUMNS]


LATER = {
    "bureau": {"DAYS_CREDIT_UPDATE": 1},
    "bureau_balance": {"MONTHS_BALANCE": 1},
    "previous_application": {"DAYS_DECISION": 1},
    "pos_cash_balance": {"MONTHS_BALANCE": 1},
    "credit_card_balance": {"MONTHS_BALANCE": 1},
    "installments_payments": {"DAYS_ENTRY_PAYMENT": 1, "DAYS_INSTALMENT": -1},
}


@pytest.mark.parametrize("table", HISTORIES)
def test_a_row_that_became_known_after_the_application_changes_nothing(
    mart_of: MartOf, built: pd.DataFrame, delivery: Rows, table: str
) -> None:
    later = delivery[table].iloc[:60].assign(**LATER[table])
    with_later = {**delivery, table: pd.concat([delivery[table], later], ignore_index=True)}
    identical(mart_of(with_later), built)


def test_names_are_unique_and_well_formed() -> None:
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names) >= 796
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and "__" not in name for name in names)


def test_every_column_is_described() -> None:
    delivered = {f"{table.name}.{column}" for table in contracts.tables() for column in table.columns}
    for column in COLUMNS:
        assert column.sources, column.name
        assert set(column.sources) <= delivered, column.name
        assert "\n" not in column.meaning, column.name
        assert column.meaning, column.name
        assert column.unit or column.type == "VARCHAR", column.name
        assert column.aggregate in (*AGGREGATES, "count", "share", "carried", "expression"), column.name


def test_every_delivered_column_but_keys_and_helpers_is_used() -> None:
    used = {source for column in COLUMNS for source in column.sources}
    delivered = {f"{table.name}.{column}" for table in contracts.tables() for column in table.columns}
    assert {source for source in delivered - used if "SK_ID_" not in source} == set()


def test_empty_histories_count_zero_and_leave_the_rest_empty(mart_of: MartOf, delivery: Rows) -> None:
    empty = {name: frame if name == "application" else frame.head(0) for name, frame in delivery.items()}
    built = mart_of(empty)
    assert len(built) == len(delivery["application"])
    for column in COLUMNS:
        if column.step in HISTORIES:
            expected = built[column.name].isna() if column.empty is None else built[column.name].eq(column.empty)
            assert expected.all(), column.name
    assert built["TOTAL_ANNUITY_TO_INCOME"].notna().any()


def test_a_client_without_history_gets_the_same_row_beside_others(
    mart_of: MartOf, delivery: Rows, built: pd.DataFrame
) -> None:
    first, last = built.index[0], built.index[-1]
    alone = mart_of({name: frame.head(0) for name, frame in delivery.items()} | of_clients(delivery, [first, last]))
    identical(alone, built.loc[[first, last]])
    assert alone[["BURO_COUNT", "PREV_COUNT", "POS_COUNT", "INSTAL_COUNT", "CC_COUNT"]].eq(0).all(axis=None)


def test_no_application_gives_an_empty_mart(mart_of: MartOf, delivery: Rows) -> None:
    assert mart_of({name: frame.head(0) for name, frame in delivery.items()}).empty
    assert mart_of(delivery | {"application": delivery["application"].head(0)}).empty


def test_histories_of_unknown_clients_leave_no_trace(mart_of: MartOf, delivery: Rows, built: pd.DataFrame) -> None:
    known = of_clients(delivery, list(built.index))
    assert any(len(known[name]) < len(delivery[name]) for name in HISTORIES)
    identical(mart_of(known), built)


@pytest.mark.parametrize("clients", [slice(0, 1), slice(5, 12), slice(None, None, 3)])
def test_the_mart_of_some_clients_is_that_part_of_the_mart(
    clients: slice, mart_of: MartOf, delivery: Rows, built: pd.DataFrame
) -> None:
    some = built.iloc[clients]
    identical(mart_of(of_clients(delivery, list(some.index))), some)


def test_sources_may_have_the_names_of_tables_and_more_columns_in_any_order(
    connection: duckdb.DuckDBPyConnection, delivery: Rows, built: pd.DataFrame
) -> None:
    for name, frame in delivery.items():
        connection.register(name, frame.assign(TARGET=1)[["TARGET", *reversed(frame.columns)]])
    query = client_mart_query({name: name for name in contracts.TABLE_NAMES})
    identical(connection.execute(query).df().set_index("SK_ID_CURR").sort_index(), built)


def test_no_numeric_sentinel_survives(built: pd.DataFrame) -> None:
    numbers = built.select_dtypes("number")
    dates = numbers.filter(regex="DAYS_.*(_MIN|_MAX|_MEAN|DAYS_EMPLOYED)$")
    assert (dates.abs() < 365_243 / 5).where(dates.notna(), True).all(axis=None)
    assert built["PREV_SELLERPLACE_AREA_MAX"].min() >= 0
    assert "XNA" not in set(built["CODE_GENDER"].dropna())
    assert np.isfinite(numbers.to_numpy()[~numbers.isna().to_numpy()]).all()


def instalments(*rows: tuple[float, float, float, float | None, float, float | None]) -> pd.DataFrame:
    columns = ["NUM_INSTALMENT_VERSION", "NUM_INSTALMENT_NUMBER", "DAYS_INSTALMENT", "DAYS_ENTRY_PAYMENT"]
    frame = pd.DataFrame(rows, columns=[*columns, "AMT_INSTALMENT", "AMT_PAYMENT"], dtype=float)
    return frame.assign(SK_ID_CURR=101, SK_ID_PREV=7000)


def test_a_split_instalment_is_due_once(mart_of: MartOf, delivery: Rows) -> None:
    split = instalments((1, 1, -100, -110, 90.0, 30.0), (1, 1, -100, -95, 90.0, 60.0), (1, 2, -70, -70, 90.0, 90.0))
    row = mart_of(delivery | {"installments_payments": split}).loc[101]
    assert row["INSTAL_COUNT"] == 2
    assert row["INSTAL_PAYMENTS_SUM"] == 3
    assert row["INSTAL_AMT_INSTALMENT_SUM"] == 180.0
    assert row["INSTAL_PAID_TO_DUE"] == 1.0
    assert row["INSTAL_UNDERPAID_SHARE"] == 0.0
    assert row["INSTAL_DPD_MAX"] == 5.0


def test_another_version_of_the_schedule_is_another_instalment(mart_of: MartOf, delivery: Rows) -> None:
    frame = instalments((1, 1, -100, -100, 90.0, 90.0), (2, 1, -60, -60, 40.0, 40.0))
    row = mart_of(delivery | {"installments_payments": frame}).loc[101]
    assert row["INSTAL_AMT_INSTALMENT_SUM"] == 130.0
    assert row["INSTAL_NUM_INSTALMENT_VERSION_NUNIQUE"] == 2


def test_an_unpaid_instalment_is_past_due_up_to_the_application(mart_of: MartOf, delivery: Rows) -> None:
    row = mart_of(delivery | {"installments_payments": instalments((1, 1, -45, None, 90.0, None))}).loc[101]
    assert (row["INSTAL_UNPAID_COUNT"], row["INSTAL_DPD_MAX"], row["INSTAL_DBD_MAX"]) == (1, 45.0, 0.0)
    assert row["INSTAL_AMT_PAYMENT_SUM"] == 0.0
    assert row["INSTAL_UNDERPAID_SHARE"] == 1.0


def test_the_variance_of_one_row_is_empty(mart_of: MartOf, delivery: Rows) -> None:
    row = mart_of(delivery | {"bureau": delivery["bureau"].head(1).assign(SK_ID_CURR=101)}).loc[101]
    assert row["BURO_COUNT"] == 1
    assert pd.isna(row["BURO_DAYS_CREDIT_VAR"])


def test_unknown_and_missing_categories_have_their_own_shares(mart_of: MartOf, delivery: Rows) -> None:
    names = pd.Series(["Repairs", "Space travel", None, "XNA"])
    earlier = delivery["previous_application"].head(4).assign(SK_ID_CURR=101, NAME_CASH_LOAN_PURPOSE=names)
    row = mart_of(delivery | {"previous_application": earlier}).loc[101]
    shares = {
        name: value for name, value in row.items() if str(name).startswith("PREV_NAME_CASH_LOAN_PURPOSE_") and value
    }
    parts = ("REPAIRS", "UNLISTED", "MISSING", "XNA")
    assert shares == {f"PREV_NAME_CASH_LOAN_PURPOSE_{part}_SHARE": 0.25 for part in parts}


def test_lineage_names_every_source_a_column_depends_on(mart_of: MartOf, delivery: Rows, built: pd.DataFrame) -> None:
    """Clones one client once per delivered column, changes that column in its clone, and sees what else changes."""
    client = int(built["BURO_COUNT"].mul(built["PREV_COUNT"]).mul(built["CC_COUNT"]).idxmax())
    original = of_clients(delivery, [client])
    changes = [(t.name, c) for t in contracts.tables() for c in t.columns.values() if c.name not in GROUPING]
    clones: dict[str, list[pd.DataFrame]] = {name: [] for name in original}
    for number, (table, column) in enumerate([("", None), *changes]):
        for name, frame in original.items():
            clone = frame.copy()
            for key in frame.columns.intersection(["SK_ID_CURR", "SK_ID_PREV", "SK_ID_BUREAU"]):
                clone[key] += number * 1_000_000
            if name == table and column:
                clone[column.name] = changed(clone[column.name], column, contracts.table(table).known_at or "")
            clones[name].append(clone)
    rows = mart_of({name: pd.concat(frames, ignore_index=True) for name, frames in clones.items()})
    base = rows.loc[client]
    for number, (table, column) in enumerate(changes, start=1):
        row = rows.loc[client + number * 1_000_000]
        for mart_column in COLUMNS[1:]:
            if not unchanged(base[mart_column.name], row[mart_column.name]):
                assert f"{table}.{column.name}" in mart_column.sources, mart_column.name


def unchanged(one: Any, other: Any) -> bool:
    if pd.isna(one) or pd.isna(other) or isinstance(one, str):
        return bool(one == other or (pd.isna(one) and pd.isna(other)))
    return bool(np.isclose(one, other, rtol=1e-9, atol=1e-9))


def changed(values: pd.Series, column: contracts.Column, known_at: str) -> pd.Series:
    """Other values; a row stays one that was known before the application."""
    if column.type == "VARCHAR":
        return values.map(lambda value: next(category for category in column.categories if category != value))
    other = (values * 3 + np.arange(len(values)) % 5 * 7 - 3).fillna(1.0).round(0 if column.type == "INTEGER" else 3)
    return -other.abs() if column.name in known_at else other


def test_labels() -> None:
    assert label("AP+ (Cash loan)") == "AP_CASH_LOAN"
    assert label("Loan for purchase of shares (margin lending)") == "LOAN_FOR_PURCHASE_OF_SHARES_MARGIN_LENDING"


def test_a_placeholder_must_be_there_once() -> None:
    assert fill("select\n    -- @columns\nfrom t", "columns", ["a", "b"]) == "select\n    a,\n    b\nfrom t"
    with pytest.raises(ValueError, match="@columns"):
        fill("select 1", "columns", ["a"])


def test_a_declaration_that_names_no_column_is_refused() -> None:
    with pytest.raises(KeyError, match="AMT_TYPO"):
        expand("bureau", '[columns.X]\nsql = "sum(AMT_TYPO)"\nunit = "currency"\nmeaning = "x"', {}, None)  # type: ignore[arg-type]
