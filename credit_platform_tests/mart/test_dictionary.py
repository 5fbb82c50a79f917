"""The data dictionary: the committed page is the present one, and what it says of missing values is what happens."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from credit_platform.home_credit import contracts
from credit_platform.mart import dictionary
from credit_platform.mart.aggregates import MartColumn
from credit_platform.mart.build import mart_columns, step_columns
from credit_platform.mart.dictionary import dictionary_markdown, when_missing

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
Rows = dict[str, pd.DataFrame]
MartOf = Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame]

BARE, RUNNING, ENDED, BLANK, ZERO, FOUR = CLIENTS = (1, 2, 3, 4, 5, 6)
"""One has no history; four have one row in each table: of an approved and running loan, of a refused or closed one, of
a running one in which all is missing that may be, and of one with zeros; the last has two rows of each kind."""

KNOWN_AT = {"DAYS_DECISION", "DAYS_ENTRY_PAYMENT", "DAYS_INSTALMENT"}
"""What dates a row of history; one from after its application would be left out."""

NULLABLE = {f"{table.name}.{c.name}" for table in contracts.tables() for c in table.columns.values() if c.nullable}


def test_the_committed_page_is_up_to_date() -> None:
    """Otherwise: credit-platform dictionary > docs/data-dictionary.md."""
    assert PAGE.read_text("utf-8") == dictionary_markdown()


def test_the_page_has_a_line_for_every_column() -> None:
    lines = [line.split(" | ") for line in dictionary_markdown().splitlines() if line.startswith("| `")]
    described = {cells[0].strip("| `"): cells for cells in lines if len(cells) == 6}
    for column in mart_columns():
        _, kind, meaning, sources, sql, missing = described[column.name]
        assert kind.split(", ")[0] == column.type
        assert (meaning, sources) == (column.meaning, ", ".join(column.sources))
        assert sql.strip("`").split() == column.expression.split()
        assert missing.rstrip(" |") in dictionary.WHEN_MISSING


def test_no_cell_of_the_page_holds_a_bar_of_its_own() -> None:
    tables = [line for line in dictionary_markdown().splitlines() if line.startswith("|")]
    assert {line.count("|") - line.count("\\|") for line in tables} <= {3, 4, 7}


def value(column: contracts.Column, client: int, row: int) -> object:
    ended = client == ENDED or row >= 2
    if column.name == "SK_ID_CURR":
        return client
    if column.name.startswith("SK_ID_"):
        return client * 10 + row
    if client == BLANK and column.nullable:
        return None
    if column.name == "CREDIT_ACTIVE":
        return "Closed" if ended else "Active"
    if column.name == "NAME_CONTRACT_STATUS" and "Refused" in column.categories:
        return "Refused" if ended else "Approved"
    if column.name == "DAYS_TERMINATION" and client == RUNNING:
        return 365243
    if column.type == "VARCHAR":
        return next(iter(column.categories))
    if client == ZERO:
        return 0
    past = column.name in KNOWN_AT or (column.max is not None and column.max <= 0)
    return (-3 if past else 3) * (1 + row)


@pytest.fixture(scope="module")
def built(mart_of: MartOf) -> pd.DataFrame:
    """The mart of the six clients."""
    cohort = {}
    for table in contracts.tables():
        history = {BARE: 0, FOUR: 4}
        rows = [
            (client, row)
            for client in CLIENTS
            for row in range(1 if table.name == "application" else history.get(client, 1))
        ]
        cohort[table.name] = pd.DataFrame(
            [{column.name: value(column, *row) for column in table.columns.values()} for row in rows]
        )
    return mart_of(cohort)


def columns_that_are(missing: str) -> list[MartColumn]:
    found = [column for column in mart_columns()[1:] if when_missing(column) == missing]
    assert found
    return found


def test_a_delivered_value_is_missing_where_it_was_delivered_missing(built: pd.DataFrame) -> None:
    for column in columns_that_are(dictionary.DELIVERED):
        absent = built.index[built[column.name].isna()].tolist()
        assert absent == ([BLANK] if column.sources[0] in NULLABLE else []), column.name


def test_some_columns_always_have_a_value(built: pd.DataFrame) -> None:
    for column in columns_that_are(dictionary.NEVER):
        assert built[column.name].notna().all(), column.name


def test_counts_are_0_without_rows(built: pd.DataFrame) -> None:
    for column in columns_that_are(dictionary.ROWLESS_ZERO):
        assert built.at[BARE, column.name] == 0, column.name
        assert built[column.name].notna().all(), column.name
        assert built[column.name].gt(0).any() or column.aggregate == "expression", column.name


def test_shares_are_missing_without_rows_and_count_rows_without_a_value(built: pd.DataFrame) -> None:
    for column in columns_that_are(dictionary.ROWLESS):
        there = built[column.name].notna()
        assert not there[BARE], column.name
        assert there[[RUNNING, ENDED, FOUR]].any(), column.name
        assert column.aggregate != "share" or there[BLANK] == there[RUNNING], column.name


def test_aggregates_are_missing_without_values(built: pd.DataFrame) -> None:
    for column in columns_that_are(dictionary.VALUELESS):
        there = built[column.name].notna()
        assert not there[BARE], column.name
        assert there[[RUNNING, ENDED, FOUR]].any(), column.name
        if set(column.sources) <= NULLABLE and column.step != "installments_payments":  # where no payment counts as 0
            assert not there[BLANK], column.name


def test_variances_are_missing_below_two_values(built: pd.DataFrame) -> None:
    for column in columns_that_are(dictionary.ONE_VALUE):
        there = built[column.name].notna()
        assert not there.drop(FOUR).any(), column.name
        assert there[FOUR], column.name


def test_ratios_and_the_like_are_missing_with_their_inputs(built: pd.DataFrame) -> None:
    for column in columns_that_are(dictionary.INPUTS):
        there = built[column.name].notna()
        assert there[[RUNNING, ENDED, FOUR]].any(), column.name
        if "nullif(" in column.expression or set(column.sources) & NULLABLE:
            assert not there[[BARE, BLANK, ZERO]].all(), column.name
    assert built.loc[BARE, ["TOTAL_ANNUITY_TO_INCOME", "TOTAL_DEBT_TO_INCOME"]].notna().all()


def test_a_credit_without_months_brings_no_zeros(mart_of: MartOf, delivery: Rows) -> None:
    months = step_columns("bureau_balance")
    assert {when_missing(column) for column in months} == {dictionary.ROWLESS, dictionary.VALUELESS}
    rows = mart_of(delivery | {"bureau_balance": delivery["bureau_balance"].head(0)})
    assert rows["BURO_MONTHS_COUNT_SUM"].isna().all()
    assert rows["BURO_COUNT"].gt(0).any()
