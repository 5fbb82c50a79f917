"""What the kernel computes: 796 columns, `SK_ID_CURR` among them, out of seven tables.

The kernel takes as categories whatever it meets in the data; here they are the contract's, so that every engine has the
same columns whatever was simulated. Missing is a category of its own, except in the application.
"""

from collections.abc import Mapping

from credit_platform.home_credit.contracts import table

CLIENT = "SK_ID_CURR"
CREDIT = "SK_ID_BUREAU"
MISSING = "nan"
"""What `pandas.get_dummies` calls the category of missing values."""

NO_DATE = 365243
"""What stands for "no date" in columns of days."""
DATED = (
    "DAYS_FIRST_DRAWING",
    "DAYS_FIRST_DUE",
    "DAYS_LAST_DUE_1ST_VERSION",
    "DAYS_LAST_DUE",
    "DAYS_TERMINATION",
)
BINARY: Mapping[str, tuple[str, str]] = {
    "CODE_GENDER": ("F", "M"),
    "FLAG_OWN_CAR": ("N", "Y"),
    "FLAG_OWN_REALTY": ("N", "Y"),
}
"""Application columns coded as 0 and 1. The kernel numbers the values as they come; a fixed order can be compared."""
LEFT_OUT = "XNA"
"""Applications of this gender are left out."""
RATIOS: Mapping[str, tuple[str, str]] = {
    "DAYS_EMPLOYED_PERC": ("DAYS_EMPLOYED", "DAYS_BIRTH"),
    "INCOME_CREDIT_PERC": ("AMT_INCOME_TOTAL", "AMT_CREDIT"),
    "INCOME_PER_PERSON": ("AMT_INCOME_TOTAL", "CNT_FAM_MEMBERS"),
    "ANNUITY_INCOME_PERC": ("AMT_ANNUITY", "AMT_INCOME_TOTAL"),
    "PAYMENT_RATE": ("AMT_ANNUITY", "AMT_CREDIT"),
}

BUREAU: Mapping[str, tuple[str, ...]] = {
    "DAYS_CREDIT": ("min", "max", "mean", "var"),
    "DAYS_CREDIT_ENDDATE": ("min", "max", "mean"),
    "DAYS_CREDIT_UPDATE": ("mean",),
    "CREDIT_DAY_OVERDUE": ("max", "mean"),
    "AMT_CREDIT_MAX_OVERDUE": ("mean",),
    "AMT_CREDIT_SUM": ("max", "mean", "sum"),
    "AMT_CREDIT_SUM_DEBT": ("max", "mean", "sum"),
    "AMT_CREDIT_SUM_OVERDUE": ("mean",),
    "AMT_CREDIT_SUM_LIMIT": ("mean", "sum"),
    "AMT_ANNUITY": ("max", "mean"),
    "CNT_CREDIT_PROLONG": ("sum",),
    "MONTHS_BALANCE_MIN": ("min",),
    "MONTHS_BALANCE_MAX": ("max",),
    "MONTHS_BALANCE_SIZE": ("mean", "sum"),
}
"""Taken over all credits, over the active and over the closed ones; the last three come from `bureau_balance`."""
BUREAU_SUBSETS: Mapping[str, str] = {"ACTIVE": "Active", "CLOSED": "Closed"}
BALANCE: Mapping[str, tuple[str, ...]] = {"MONTHS_BALANCE": ("min", "max", "size")}
"""Taken per credit."""

PREVIOUS: Mapping[str, tuple[str, ...]] = {
    "AMT_ANNUITY": ("min", "max", "mean"),
    "AMT_APPLICATION": ("min", "max", "mean"),
    "AMT_CREDIT": ("min", "max", "mean"),
    "APP_CREDIT_PERC": ("min", "max", "mean", "var"),
    "AMT_DOWN_PAYMENT": ("min", "max", "mean"),
    "AMT_GOODS_PRICE": ("min", "max", "mean"),
    "HOUR_APPR_PROCESS_START": ("min", "max", "mean"),
    "RATE_DOWN_PAYMENT": ("min", "max", "mean"),
    "DAYS_DECISION": ("min", "max", "mean"),
    "CNT_PAYMENT": ("mean", "sum"),
}
"""Taken over all previous applications, over the approved and over the refused ones."""
PREVIOUS_SUBSETS: Mapping[str, str] = {"APPROVED": "Approved", "REFUSED": "Refused"}

POS: Mapping[str, tuple[str, ...]] = {
    "MONTHS_BALANCE": ("max", "mean", "size"),
    "SK_DPD": ("max", "mean"),
    "SK_DPD_DEF": ("max", "mean"),
}
INSTALMENTS: Mapping[str, tuple[str, ...]] = {
    "NUM_INSTALMENT_VERSION": ("nunique",),
    "DPD": ("max", "mean", "sum"),
    "DBD": ("max", "mean", "sum"),
    "PAYMENT_PERC": ("max", "mean", "sum", "var"),
    "PAYMENT_DIFF": ("max", "mean", "sum", "var"),
    "AMT_INSTALMENT": ("max", "mean", "sum"),
    "AMT_PAYMENT": ("min", "max", "mean", "sum"),
    "DAYS_ENTRY_PAYMENT": ("max", "mean", "sum"),
}
"""DPD and DBD: days past and before the due date; PAYMENT_PERC and PAYMENT_DIFF: paid over due, due less paid."""
CARD_AGGREGATES = ("min", "max", "mean", "sum", "var")
"""Taken of every column of the card balances, numbers and categories."""


def categories(name: str) -> dict[str, tuple[str, ...]]:
    """The text columns of a delivered table with their categories, those coded as 0 and 1 apart."""
    columns = table(name).columns.values()
    return {c.name: tuple(c.categories) for c in columns if c.type == "VARCHAR" and c.name not in BINARY}


def numbers(name: str) -> list[str]:
    """The columns of a delivered table that hold numbers, keys apart."""
    columns = table(name).columns.values()
    return [c.name for c in columns if c.type != "VARCHAR" and not c.name.startswith("SK_ID_")]


def read_columns(name: str) -> list[str]:
    """The columns of a delivered table that the kernel needs."""
    used = {
        "bureau": {CLIENT, CREDIT, *BUREAU},
        "bureau_balance": {CREDIT, *BALANCE},
        "previous_application": {CLIENT, *PREVIOUS},
        "pos_cash_balance": {CLIENT, *POS},
        "installments_payments": {CLIENT, *INSTALMENTS, "DAYS_INSTALMENT"},
    }
    everything = list(table(name).columns)
    if name not in used:
        return [column for column in everything if column not in ("SK_ID_PREV",)]
    wanted = used[name] | set(categories(name))
    return [column for column in everything if column in wanted]
