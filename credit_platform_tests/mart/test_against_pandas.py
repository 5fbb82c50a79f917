"""Every column of the mart, computed a second time in pandas from its name and from what the field means by it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from credit_platform.home_credit import contracts
from credit_platform.home_credit.landing import land
from credit_platform.mart.aggregates import label
from credit_platform.mart.buckets import build_cohort
from credit_platform.mart.build import mart_columns, step_columns
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings

NEVER = 365243
COLUMNS = {column.name: column for column in mart_columns()}
Rows = dict[str, pd.DataFrame]


def ratio(above: pd.Series, below: pd.Series) -> pd.Series:
    return above / below.where(below != 0)


def share(above: float, below: float) -> float:
    return above / below if below else np.nan


def total(values: pd.Series) -> float:
    return float(values.sum(min_count=1))


def bureau(delivery: Rows) -> pd.DataFrame:
    months = delivery["bureau_balance"]
    late = months["STATUS"].isin(list("12345"))
    credit = months["SK_ID_BUREAU"]
    balance = {
        "MONTHS_BALANCE_MIN": months.groupby(credit)["MONTHS_BALANCE"].min(),
        "MONTHS_BALANCE_MAX": months.groupby(credit)["MONTHS_BALANCE"].max(),
        "MONTHS_COUNT": credit.value_counts(),
        "MONTHS_LATE_COUNT": late.groupby(credit).sum(),
        "MONTHS_LATE_LAST_YEAR_COUNT": (late & (months["MONTHS_BALANCE"] > -12)).groupby(credit).sum(),
        "MONTHS_KNOWN_COUNT": (months["STATUS"] != "X").groupby(credit).sum(),
        "STATUS_MISSING_SHARE": months["STATUS"].isna().groupby(credit).mean(),
        "STATUS_UNLISTED_SHARE": months["STATUS"].eq("Never seen").groupby(credit).mean(),
    }
    balance |= {f"STATUS_{s}_SHARE": months["STATUS"].eq(s).groupby(credit).mean() for s in "C0X12345"}
    rows = delivery["bureau"].merge(pd.DataFrame(balance), how="left", left_on="SK_ID_BUREAU", right_index=True)
    return rows.assign(
        CREDIT_DURATION=rows["DAYS_CREDIT_ENDDATE"] - rows["DAYS_CREDIT"],
        DAYS_ENDED_EARLY=rows["DAYS_CREDIT_ENDDATE"] - rows["DAYS_ENDDATE_FACT"],
        DEBT_TO_CREDIT=ratio(rows["AMT_CREDIT_SUM_DEBT"], rows["AMT_CREDIT_SUM"]),
    )


def previous_application(delivery: Rows) -> pd.DataFrame:
    rows = delivery["previous_application"].copy()
    rows["RUNNING"] = rows["NAME_CONTRACT_STATUS"].eq("Approved") & rows["DAYS_TERMINATION"].eq(NEVER)
    dates = list(rows.filter(regex="^DAYS_").columns)
    rows[dates] = rows[dates].replace(NEVER, np.nan)
    return rows.assign(
        SELLERPLACE_AREA=rows["SELLERPLACE_AREA"].replace(-1, np.nan),
        APPLICATION_TO_CREDIT=ratio(rows["AMT_APPLICATION"], rows["AMT_CREDIT"]),
        DOWN_PAYMENT_TO_GOODS=ratio(rows["AMT_DOWN_PAYMENT"], rows["AMT_GOODS_PRICE"]),
        CREDIT_COST=ratio(rows["AMT_ANNUITY"] * rows["CNT_PAYMENT"], rows["AMT_CREDIT"]) - 1,
        DAYS_ENDED_EARLY=rows["DAYS_LAST_DUE_1ST_VERSION"] - rows["DAYS_LAST_DUE"],
    )


def latest(rows: pd.DataFrame) -> pd.Series:
    return rows["MONTHS_BALANCE"].eq(rows.groupby("SK_ID_PREV")["MONTHS_BALANCE"].transform("max"))


def pos_cash_balance(delivery: Rows) -> pd.DataFrame:
    rows = delivery["pos_cash_balance"]
    return rows.assign(FUTURE_SHARE=ratio(rows["CNT_INSTALMENT_FUTURE"], rows["CNT_INSTALMENT"]), LATEST=latest(rows))


def credit_card_balance(delivery: Rows) -> pd.DataFrame:
    rows = delivery["credit_card_balance"]
    return rows.assign(
        UTILISATION=ratio(rows["AMT_BALANCE"], rows["AMT_CREDIT_LIMIT_ACTUAL"]),
        PAYMENT_TO_MINIMUM=ratio(rows["AMT_PAYMENT_CURRENT"], rows["AMT_INST_MIN_REGULARITY"]),
        DRAWINGS_TO_LIMIT=ratio(rows["AMT_DRAWINGS_CURRENT"], rows["AMT_CREDIT_LIMIT_ACTUAL"]),
        LATEST=latest(rows),
    )


def installments_payments(delivery: Rows) -> pd.DataFrame:
    instalment = ["SK_ID_CURR", "SK_ID_PREV", "NUM_INSTALMENT_VERSION", "NUM_INSTALMENT_NUMBER"]
    records = []
    for key, payments in delivery["installments_payments"].groupby(instalment):
        due, due_on = payments["AMT_INSTALMENT"].iloc[0], payments["DAYS_INSTALMENT"].iloc[0]
        paid, paid_on = np.nansum(payments["AMT_PAYMENT"]), payments["DAYS_ENTRY_PAYMENT"].max()
        never_paid = np.isnan(paid_on)
        records.append(
            dict(zip(instalment, key, strict=True))
            | {
                "PAYMENTS": len(payments),
                "AMT_INSTALMENT": due,
                "AMT_PAYMENT": paid,
                "DAYS_INSTALMENT": due_on,
                "DAYS_ENTRY_PAYMENT": paid_on,
                "PAYMENT_DIFF": due - paid,
                "PAYMENT_PERC": share(paid, due),
                "DPD": max((0 if never_paid else paid_on) - due_on, 0),
                "DBD": 0 if never_paid else max(due_on - paid_on, 0),
            }
        )
    return pd.DataFrame(records)


TABLES: dict[str, Callable[[Rows], pd.DataFrame]] = {
    "bureau": bureau,
    "previous_application": previous_application,
    "pos_cash_balance": pos_cash_balance,
    "installments_payments": installments_payments,
    "credit_card_balance": credit_card_balance,
}


def every(rows: pd.DataFrame) -> pd.Series:
    return rows["SK_ID_CURR"].notna()


POPULATIONS: dict[str, tuple[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "BURO": ("bureau", every),
    "ACTIVE": ("bureau", lambda rows: rows["CREDIT_ACTIVE"].eq("Active")),
    "CLOSED": ("bureau", lambda rows: rows["CREDIT_ACTIVE"].eq("Closed")),
    "PREV": ("previous_application", every),
    "APPROVED": ("previous_application", lambda rows: rows["NAME_CONTRACT_STATUS"].eq("Approved")),
    "REFUSED": ("previous_application", lambda rows: rows["NAME_CONTRACT_STATUS"].eq("Refused")),
    "POS": ("pos_cash_balance", every),
    "POS_LAST_YEAR": ("pos_cash_balance", lambda rows: rows["MONTHS_BALANCE"].ge(-12)),
    "POS_LATEST": ("pos_cash_balance", lambda rows: rows["LATEST"]),
    "INSTAL": ("installments_payments", every),
    "INSTAL_LAST_YEAR": ("installments_payments", lambda rows: rows["DAYS_INSTALMENT"].ge(-365)),
    "CC": ("credit_card_balance", every),
    "CC_LAST_YEAR": ("credit_card_balance", lambda rows: rows["MONTHS_BALANCE"].ge(-12)),
    "CC_LATEST": ("credit_card_balance", lambda rows: rows["LATEST"]),
}
WITH_SHARES = ("BURO", "PREV", "POS", "CC")
AGGREGATES = ("count", "min", "max", "mean", "sum", "var", "nunique")


@pytest.fixture(scope="module", params=["ordinary", "mostly blank", "the committed sample"])
def world(
    request: pytest.FixtureRequest,
    samples: Path,
    tmp_path_factory: pytest.TempPathFactory,
    cohort_of: Callable[[int, float], Rows],
    mart_of: Callable[[Rows], pd.DataFrame],
) -> tuple[Rows, pd.DataFrame]:
    """What was delivered, and the mart: of the sample by way of landing, raw tables and buckets."""
    if request.param != "the committed sample":
        delivery = cohort_of(1, {"ordinary": 0.2, "mostly blank": 0.9}[request.param])
        return delivery, mart_of(delivery)
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("sample"), bucket_clients=200)
    land(settings, samples / "2025-01")
    for name in contracts.TABLE_NAMES:
        ingest(settings, name, "2025-01")
    built = pd.read_parquet(build_cohort(settings, "2025-01").path)
    files = {table.name: samples / "2025-01" / f"{table.file}.csv.gz" for table in contracts.tables()}
    read = {name: pd.read_csv(file, keep_default_na=False, na_values=[""]) for name, file in files.items()}
    return read, built.set_index("SK_ID_CURR").sort_index()


@pytest.fixture(scope="module")
def delivery(world: tuple[Rows, pd.DataFrame]) -> Rows:
    return world[0]


@pytest.fixture(scope="module")
def built(world: tuple[Rows, pd.DataFrame]) -> pd.DataFrame:
    return world[1]


@pytest.fixture(scope="module")
def tables(delivery: Rows) -> dict[str, pd.DataFrame]:
    return {name: rows_of(delivery) for name, rows_of in TABLES.items()}


def same(actual: pd.Series, expected: pd.Series) -> None:
    wanted = expected.reindex(actual.index).to_numpy(float)
    np.testing.assert_allclose(actual.to_numpy(float), wanted, rtol=1e-9, atol=1e-9, err_msg=str(actual.name))


def compare(built: pd.DataFrame, expected: dict[str, pd.Series], step: str) -> None:
    """Compares all hand-written columns of a step. A client without rows has 0 in those that count rows."""
    assert set(expected) == {c.name for c in COLUMNS.values() if c.step == step and c.aggregate == "expression"}
    for name, values in expected.items():
        filled = values.reindex(built.index)
        same(built[name], filled.fillna(0) if COLUMNS[name].empty == 0 else filled)


def per_client(rows: pd.DataFrame, compute: Callable[[pd.DataFrame], dict[str, float]]) -> dict[str, pd.Series]:
    found = pd.DataFrame.from_dict({client: compute(own) for client, own in rows.groupby("SK_ID_CURR")}, orient="index")
    return {str(name): column for name, column in found.items()}


def prefix_of(name: str) -> str:
    return max((prefix for prefix in POPULATIONS if name.startswith(f"{prefix}_")), key=len)


@pytest.mark.parametrize("prefix", POPULATIONS)
def test_aggregates_and_counts(prefix: str, built: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    table, belongs = POPULATIONS[prefix]
    rows = tables[table][belongs(tables[table])]
    wanted = [
        column
        for column in COLUMNS.values()
        if column.step == table and column.aggregate in AGGREGATES and prefix_of(column.name) == prefix
    ]
    assert len(wanted) >= 4
    for column in wanted:
        name = column.name.removeprefix(f"{prefix}_").removesuffix(f"_{column.aggregate.upper()}")
        if column.aggregate == "count":
            expected = rows["SK_ID_CURR"].value_counts()
        elif column.aggregate == "sum":
            expected = rows.groupby("SK_ID_CURR")[name].sum(min_count=1)
        else:
            expected = rows.groupby("SK_ID_CURR")[name].agg(column.aggregate)
        counts = column.aggregate in ("count", "nunique")
        same(built[column.name], expected.reindex(built.index, fill_value=0 if counts else np.nan))


@pytest.mark.parametrize("prefix", WITH_SHARES)
def test_shares_of_categories(prefix: str, built: pd.DataFrame, delivery: Rows) -> None:
    table, _ = POPULATIONS[prefix]
    rows = delivery[table]
    expected = {}
    for column in contracts.table(table).columns.values():
        if column.type == "VARCHAR":
            shares = {label(category): rows[column.name].eq(category) for category in column.categories}
            shares |= {"MISSING": rows[column.name].isna(), "UNLISTED": rows[column.name].eq("Never seen")}
            for part, meets in shares.items():
                expected[f"{prefix}_{column.name}_{part}_SHARE"] = meets.groupby(rows["SK_ID_CURR"]).mean()
    assert set(expected) == {c.name for c in COLUMNS.values() if c.step == table and c.aggregate == "share"}
    for name, values in expected.items():
        same(built[name], values)


def test_the_application_is_carried_without_its_sentinels(built: pd.DataFrame, delivery: Rows) -> None:
    rows = delivery["application"].set_index("SK_ID_CURR").sort_index()
    rows["DAYS_EMPLOYED"] = rows["DAYS_EMPLOYED"].replace(NEVER, np.nan)
    rows["CODE_GENDER"] = rows["CODE_GENDER"].replace("XNA", None)
    for column in ("FLAG_OWN_CAR", "FLAG_OWN_REALTY"):
        rows[column] = rows[column].map({"Y": 1.0, "N": 0.0})
    rows["EMERGENCYSTATE_MODE"] = rows["EMERGENCYSTATE_MODE"].map({"Yes": 1.0, "No": 0.0})
    for name in rows.columns:
        if COLUMNS[name].type == "VARCHAR":
            assert list(built[name].fillna("-")) == list(rows[name].fillna("-"))
        else:
            same(built[name], rows[name])


def test_ratios_of_the_application(built: pd.DataFrame, delivery: Rows) -> None:
    a = delivery["application"].set_index("SK_ID_CURR")
    employed = a["DAYS_EMPLOYED"].replace(NEVER, np.nan)
    scores = a[["EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3"]]
    expected = {
        "EXT_SOURCE_COUNT": scores.notna().sum(axis=1),
        "EXT_SOURCE_MEAN": scores.mean(axis=1),
        "EXT_SOURCE_MIN": scores.min(axis=1),
        "EXT_SOURCE_MAX": scores.max(axis=1),
        "EXT_SOURCE_PRODUCT": scores.prod(axis=1, skipna=False),
        "EXT_SOURCE_2_TIMES_3": a["EXT_SOURCE_2"] * a["EXT_SOURCE_3"],
        "CREDIT_TO_INCOME": ratio(a["AMT_CREDIT"], a["AMT_INCOME_TOTAL"]),
        "ANNUITY_TO_INCOME": ratio(a["AMT_ANNUITY"], a["AMT_INCOME_TOTAL"]),
        "PAYMENT_RATE": ratio(a["AMT_ANNUITY"], a["AMT_CREDIT"]),
        "CREDIT_TO_GOODS": ratio(a["AMT_CREDIT"], a["AMT_GOODS_PRICE"]),
        "GOODS_TO_INCOME": ratio(a["AMT_GOODS_PRICE"], a["AMT_INCOME_TOTAL"]),
        "CREDIT_LESS_GOODS": a["AMT_CREDIT"] - a["AMT_GOODS_PRICE"],
        "INCOME_PER_PERSON": ratio(a["AMT_INCOME_TOTAL"], a["CNT_FAM_MEMBERS"]),
        "INCOME_PER_CHILD": a["AMT_INCOME_TOTAL"] / (1 + a["CNT_CHILDREN"]),
        "CHILDREN_SHARE": ratio(a["CNT_CHILDREN"], a["CNT_FAM_MEMBERS"]),
        "AGE_YEARS": -a["DAYS_BIRTH"] / 365.25,
        "NO_PRESENT_JOB": employed.isna(),
        "EMPLOYED_TO_BIRTH": employed / a["DAYS_BIRTH"],
        "INCOME_TO_EMPLOYED": ratio(a["AMT_INCOME_TOTAL"], -employed),
        "REGISTRATION_TO_BIRTH": a["DAYS_REGISTRATION"] / a["DAYS_BIRTH"],
        "ID_PUBLISH_TO_BIRTH": a["DAYS_ID_PUBLISH"] / a["DAYS_BIRTH"],
        "PHONE_CHANGE_TO_BIRTH": a["DAYS_LAST_PHONE_CHANGE"] / a["DAYS_BIRTH"],
        "CAR_AGE_TO_AGE": a["OWN_CAR_AGE"] / (-a["DAYS_BIRTH"] / 365.25),
        "DOCUMENT_COUNT": a.filter(regex="^FLAG_DOCUMENT").sum(axis=1),
        "ENQUIRY_COUNT": a.filter(regex="^AMT_REQ_CREDIT_BUREAU").sum(axis=1, skipna=False),
        "SOCIAL_CIRCLE_DEFAULT_SHARE": ratio(a["DEF_30_CNT_SOCIAL_CIRCLE"], a["OBS_30_CNT_SOCIAL_CIRCLE"]),
    }
    compare(built, expected, "application")


def test_hand_written_columns_of_the_bureau(built: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    def compute(own: pd.DataFrame) -> dict[str, float]:
        known = own[own["AMT_CREDIT_SUM_DEBT"].notna()]
        active = known[known["CREDIT_ACTIVE"].eq("Active")]
        return {
            "BURO_LAST_YEAR_COUNT": own["DAYS_CREDIT"].ge(-365).sum(),
            "BURO_OVERDUE_COUNT": own["CREDIT_DAY_OVERDUE"].gt(0).sum(),
            "BURO_CREDIT_TYPE_COUNT": own["CREDIT_TYPE"].nunique(),
            "BURO_DEBT_TO_CREDIT": share(total(known["AMT_CREDIT_SUM_DEBT"]), known["AMT_CREDIT_SUM"].sum()),
            "ACTIVE_DEBT_TO_CREDIT": share(total(active["AMT_CREDIT_SUM_DEBT"]), active["AMT_CREDIT_SUM"].sum()),
            "BURO_OVERDUE_TO_DEBT": share(own["AMT_CREDIT_SUM_OVERDUE"].sum(), known["AMT_CREDIT_SUM_DEBT"].sum()),
            "BURO_LATE_MONTHS_SHARE": share(own["MONTHS_LATE_COUNT"].sum(), own["MONTHS_KNOWN_COUNT"].sum()),
            "BURO_LATE_MONTHS_LAST_YEAR": total(own["MONTHS_LATE_LAST_YEAR_COUNT"]),
        }

    compare(built, per_client(tables["bureau"], compute), "bureau")


def test_hand_written_columns_of_previous_applications(built: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    def compute(own: pd.DataFrame) -> dict[str, float]:
        recent = own["DAYS_DECISION"].ge(-365)
        approved, refused = (own["NAME_CONTRACT_STATUS"].eq(status) for status in ("Approved", "Refused"))
        decided = approved | refused
        return {
            "PREV_NFLAG_LAST_APPL_IN_DAY_MEAN": own["NFLAG_LAST_APPL_IN_DAY"].mean(),
            "PREV_LAST_YEAR_COUNT": recent.sum(),
            "APPROVED_RUNNING_COUNT": own["RUNNING"].sum(),
            "APPROVED_RUNNING_AMT_ANNUITY_SUM": total(own.loc[own["RUNNING"], "AMT_ANNUITY"]),
            "PREV_REFUSED_SHARE": share(refused.sum(), decided.sum()),
            "PREV_LAST_YEAR_REFUSED_SHARE": share((refused & recent).sum(), (decided & recent).sum()),
            "PREV_DAYS_SINCE_LAST_DECISION": -own["DAYS_DECISION"].max(),
            "PREV_DAYS_SINCE_LAST_REFUSAL": -own.loc[refused, "DAYS_DECISION"].max(),
        }

    compare(built, per_client(tables["previous_application"], compute), "previous_application")


def test_hand_written_columns_of_pos_cash(built: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    def compute(own: pd.DataFrame) -> dict[str, float]:
        recent, newest = own[own["MONTHS_BALANCE"].ge(-12)], own[own["LATEST"]]
        return {
            "POS_LATE_SHARE": own["SK_DPD"].gt(0).mean(),
            "POS_LATE_DEF_SHARE": own["SK_DPD_DEF"].gt(0).mean(),
            "POS_LAST_YEAR_LATE_SHARE": recent["SK_DPD"].gt(0).mean(),
            "POS_LAST_YEAR_LATE_DEF_SHARE": recent["SK_DPD_DEF"].gt(0).mean(),
            "POS_LATEST_ACTIVE_COUNT": newest["NAME_CONTRACT_STATUS"].eq("Active").sum(),
            "POS_LATEST_COMPLETED_SHARE": newest["NAME_CONTRACT_STATUS"].eq("Completed").mean(),
        }

    compare(built, per_client(tables["pos_cash_balance"], compute), "pos_cash_balance")


def test_hand_written_columns_of_instalments(built: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    def compute(own: pd.DataFrame) -> dict[str, float]:
        return {
            "INSTAL_LATE_SHARE": own["DPD"].gt(0).mean(),
            "INSTAL_LAST_YEAR_LATE_SHARE": own.loc[own["DAYS_INSTALMENT"].ge(-365), "DPD"].gt(0).mean(),
            "INSTAL_LATE_30_SHARE": own["DPD"].ge(30).mean(),
            "INSTAL_UNDERPAID_SHARE": own["PAYMENT_DIFF"].gt(0).mean(),
            "INSTAL_UNPAID_COUNT": own["DAYS_ENTRY_PAYMENT"].isna().sum(),
            "INSTAL_PAID_TO_DUE": share(own["AMT_PAYMENT"].sum(), own["AMT_INSTALMENT"].sum()),
        }

    compare(built, per_client(tables["installments_payments"], compute), "installments_payments")


def test_hand_written_columns_of_credit_cards(built: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    def compute(own: pd.DataFrame) -> dict[str, float]:
        newest, recent = own[own["LATEST"]], own[own["MONTHS_BALANCE"].ge(-12)]
        return {
            "CC_LATEST_UTILISATION": share(newest["AMT_BALANCE"].sum(), newest["AMT_CREDIT_LIMIT_ACTUAL"].sum()),
            "CC_LATE_SHARE": own["SK_DPD"].gt(0).mean(),
            "CC_LATE_DEF_SHARE": own["SK_DPD_DEF"].gt(0).mean(),
            "CC_LAST_YEAR_LATE_SHARE": recent["SK_DPD"].gt(0).mean(),
            "CC_OVER_LIMIT_SHARE": own["UTILISATION"].gt(1).mean(),
            "CC_ATM_TO_DRAWINGS": share(total(own["AMT_DRAWINGS_ATM_CURRENT"]), own["AMT_DRAWINGS_CURRENT"].sum()),
        }

    compare(built, per_client(tables["credit_card_balance"], compute), "credit_card_balance")


def test_ratios_across_tables(built: pd.DataFrame) -> None:
    income, credit, annuity = built["AMT_INCOME_TOTAL"], built["AMT_CREDIT"], built["AMT_ANNUITY"]
    debt, elsewhere = built["ACTIVE_AMT_CREDIT_SUM_DEBT_SUM"], built["ACTIVE_AMT_ANNUITY_SUM"]
    running, card = built["APPROVED_RUNNING_AMT_ANNUITY_SUM"], built["CC_LATEST_AMT_BALANCE_SUM"]
    expected = {
        "ACTIVE_DEBT_TO_INCOME": ratio(debt, income),
        "ACTIVE_DEBT_TO_NEW_CREDIT": ratio(debt, credit),
        "ACTIVE_ANNUITY_TO_INCOME": ratio(elsewhere, income),
        "TOTAL_ANNUITY_TO_INCOME": ratio(annuity + elsewhere.fillna(0) + running.fillna(0), income),
        "TOTAL_DEBT_TO_INCOME": ratio(credit + debt.fillna(0) + card.fillna(0), income),
        "BURO_OVERDUE_TO_INCOME": ratio(built["BURO_AMT_CREDIT_SUM_OVERDUE_SUM"], income),
        "CREDIT_TO_APPROVED_MEAN": ratio(credit, built["APPROVED_AMT_CREDIT_MEAN"]),
        "CREDIT_TO_APPROVED_MAX": ratio(credit, built["APPROVED_AMT_CREDIT_MAX"]),
        "ANNUITY_TO_APPROVED_MEAN": ratio(annuity, built["APPROVED_AMT_ANNUITY_MEAN"]),
        "ANNUITY_TO_INSTALMENT_MEAN": ratio(annuity, built["INSTAL_AMT_INSTALMENT_MEAN"]),
        "INSTAL_LAST_YEAR_PAYMENT_TO_INCOME": ratio(built["INSTAL_LAST_YEAR_AMT_PAYMENT_SUM"], income),
        "CC_BALANCE_TO_INCOME": ratio(card, income),
        "CC_LIMIT_TO_INCOME": ratio(built["CC_LATEST_AMT_CREDIT_LIMIT_ACTUAL_SUM"], income),
    }
    compare(built, expected, "client_mart")


def test_no_column_is_left_out(tables: dict[str, pd.DataFrame]) -> None:
    """The tests above take all columns of a step that are of the kinds they are about."""
    kinds = {(table, kind) for table in TABLES for kind in (*AGGREGATES, "share", "expression")}
    kinds |= {("application", "carried"), ("application", "expression"), ("client_mart", "expression")}
    assert {(column.step, column.aggregate) for column in COLUMNS.values()} <= kinds
    assert {table for table, _ in POPULATIONS.values()} == set(TABLES)
    assert {column.step for column in COLUMNS.values() if column.aggregate == "share"} == {
        POPULATIONS[prefix][0] for prefix in WITH_SHARES
    }
    assert {column.name for column in step_columns("bureau_balance")} <= set(tables["bureau"].columns)
