"""The kernel as it is written: whole frames, `get_dummies`, `groupby.agg`, joins.

Two things differ, so that results can be compared: categories are the contract's, and the three binary columns of the
application are numbered in a fixed order. Dividing nothing by nothing gives NaN and counts as missing.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from credit_platform.home_credit.contracts import table
from kernel import declared
from kernel.declared import CLIENT, CREDIT

Aggregates = Mapping[str, tuple[str, ...]]


def mart(delivery: Path, suffix: str) -> pd.DataFrame:
    """One row per client from the delivered files, `SK_ID_CURR` as a column."""
    frame = _application(_read(delivery, "application", suffix))
    frame = frame.join(_bureaus(delivery, suffix), how="left", on=CLIENT)
    for name, aggregate in _HISTORIES.items():
        frame = frame.join(aggregate(_read(delivery, name, suffix)), how="left", on=CLIENT)
    return frame


def _read(delivery: Path, name: str, suffix: str) -> pd.DataFrame:
    path = delivery / f"{table(name).file}.{suffix}"
    return pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)


def _one_hot(frame: pd.DataFrame, name: str, missing: bool = True) -> tuple[pd.DataFrame, list[str]]:
    known = declared.categories(name)
    for column, values in known.items():
        frame[column] = pd.Categorical(frame[column], categories=values)
    dummies = pd.get_dummies(frame, columns=list(known), dummy_na=missing, dtype="uint8")
    return dummies, [column for column in dummies.columns if column not in frame.columns]


def _aggregate(frame: pd.DataFrame, aggregates: Aggregates, prefix: str = "", by: str = CLIENT) -> pd.DataFrame:
    result = frame.groupby(by).agg({column: list(kinds) for column, kinds in aggregates.items()})
    result.columns = pd.Index([f"{prefix}{column}_{kind.upper()}" for column, kind in result.columns])
    return result


def _means(columns: list[str]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(columns, ("mean",))


def _application(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame[frame["CODE_GENDER"] != declared.LEFT_OUT].copy()
    for column, values in declared.BINARY.items():
        frame[column] = frame[column].map({value: code for code, value in enumerate(values)})
    frame, _ = _one_hot(frame, "application", missing=False)
    frame["DAYS_EMPLOYED"] = frame["DAYS_EMPLOYED"].mask(frame["DAYS_EMPLOYED"] == declared.NO_DATE)
    for name, (above, below) in declared.RATIOS.items():
        frame[name] = frame[above] / frame[below]
    return frame


def _bureaus(delivery: Path, suffix: str) -> pd.DataFrame:
    balance, statuses = _one_hot(_read(delivery, "bureau_balance", suffix), "bureau_balance")
    per_credit = _aggregate(balance, {**declared.BALANCE, **_means(statuses)}, by=CREDIT)
    del balance
    bureau, kinds = _one_hot(_read(delivery, "bureau", suffix), "bureau")
    bureau = bureau.join(per_credit, how="left", on=CREDIT)
    shares = _means([*kinds, *(f"{status}_MEAN" for status in statuses)])
    result = _aggregate(bureau, {**declared.BUREAU, **shares}, "BURO_")
    return _with_subsets(result, bureau, "CREDIT_ACTIVE", declared.BUREAU_SUBSETS, declared.BUREAU)


def _previous(frame: pd.DataFrame) -> pd.DataFrame:
    frame, kinds = _one_hot(frame, "previous_application")
    for column in declared.DATED:
        frame[column] = frame[column].mask(frame[column] == declared.NO_DATE)
    frame["APP_CREDIT_PERC"] = frame["AMT_APPLICATION"] / frame["AMT_CREDIT"]
    result = _aggregate(frame, {**declared.PREVIOUS, **_means(kinds)}, "PREV_")
    return _with_subsets(result, frame, "NAME_CONTRACT_STATUS", declared.PREVIOUS_SUBSETS, declared.PREVIOUS)


def _with_subsets(
    result: pd.DataFrame, frame: pd.DataFrame, column: str, subsets: Mapping[str, str], aggregates: Aggregates
) -> pd.DataFrame:
    for prefix, value in subsets.items():
        subset = frame[frame[f"{column}_{value}"] == 1]
        result = result.join(_aggregate(subset, aggregates, f"{prefix}_"), how="left")
    return result


def _pos(frame: pd.DataFrame) -> pd.DataFrame:
    frame, kinds = _one_hot(frame, "pos_cash_balance")
    result = _aggregate(frame, {**declared.POS, **_means(kinds)}, "POS_")
    result["POS_COUNT"] = frame.groupby(CLIENT).size()
    return result


def _instalments(frame: pd.DataFrame) -> pd.DataFrame:
    frame["PAYMENT_PERC"] = frame["AMT_PAYMENT"] / frame["AMT_INSTALMENT"]
    frame["PAYMENT_DIFF"] = frame["AMT_INSTALMENT"] - frame["AMT_PAYMENT"]
    late = frame["DAYS_ENTRY_PAYMENT"] - frame["DAYS_INSTALMENT"]
    frame["DPD"] = late.where(late > 0, 0)
    frame["DBD"] = (-late).where(late < 0, 0)
    result = _aggregate(frame, declared.INSTALMENTS, "INSTAL_")
    result["INSTAL_COUNT"] = frame.groupby(CLIENT).size()
    return result


def _cards(frame: pd.DataFrame) -> pd.DataFrame:
    frame, kinds = _one_hot(frame, "credit_card_balance")
    columns = [*declared.numbers("credit_card_balance"), *kinds]
    result = _aggregate(frame, dict.fromkeys(columns, declared.CARD_AGGREGATES), "CC_")
    result["CC_COUNT"] = frame.groupby(CLIENT).size()
    return result


_HISTORIES = {
    "previous_application": _previous,
    "pos_cash_balance": _pos,
    "installments_payments": _instalments,
    "credit_card_balance": _cards,
}
