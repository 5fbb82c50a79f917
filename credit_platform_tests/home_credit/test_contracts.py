"""The contracts keep their own rules and agree with the committed samples."""

import csv
import gzip
from pathlib import Path

import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES, Column, Table, table, tables

ALL = (*tables(), table("outcomes"))
COLUMNS = {contract.name: tuple(contract.columns.values()) for contract in ALL}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("application", 121),
        ("bureau", 17),
        ("bureau_balance", 3),
        ("previous_application", 37),
        ("pos_cash_balance", 8),
        ("installments_payments", 8),
        ("credit_card_balance", 23),
        ("outcomes", 2),
    ],
)
def test_every_table_promises_the_columns_of_the_public_data(name: str, columns: int) -> None:
    assert len(table(name).columns) == columns


def test_a_table_without_a_contract_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"'loans'; known: application, bureau, .*outcomes"):
        table("loans")


def test_the_delivered_tables_come_with_parents_before_children() -> None:
    names = [contract.name for contract in tables()]
    assert tuple(names) == TABLE_NAMES
    for contract in tables():
        assert contract.parent is None or names.index(contract.parent) < names.index(contract.name)


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.name)
def test_keys_are_promised_columns_that_always_have_a_value(contract: Table) -> None:
    for name in contract.key:
        assert not contract.columns[name].nullable


@pytest.mark.parametrize("contract", [t for t in ALL if t.parent], ids=lambda contract: contract.name)
def test_a_child_finds_its_parent_by_a_column_that_both_have(contract: Table) -> None:
    assert contract.parent
    assert contract.parent_key in contract.columns
    assert table(contract.parent).key == (contract.parent_key,)


def test_the_outcome_is_promised_by_no_table_of_features() -> None:
    assert all("TARGET" not in contract.columns for contract in tables())
    assert "TARGET" in table("outcomes").columns


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_columns_say_what_they_mean_and_their_shares_are_shares(columns: tuple[Column, ...]) -> None:
    for column in columns:
        assert column.meaning, column.name
        assert 0 <= column.missing_share <= 1, column.name
        assert 0 <= column.sentinel_share <= 1, column.name
        assert column.missing_share == 0 or column.nullable, column.name
        assert not column.categories or sum(column.categories.values()) == pytest.approx(1, abs=0.02), column.name


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_quantiles_rise_and_stay_within_the_promised_range(columns: tuple[Column, ...]) -> None:
    for column in columns:
        probabilities = [probability for probability, _ in column.quantiles]
        values = [value for _, value in column.quantiles]
        assert probabilities == sorted(probabilities), column.name
        assert values == sorted(values), column.name
        assert column.min is None or all(value >= column.min for value in values), column.name
        assert column.max is None or all(value <= column.max for value in values), column.name


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_sentinels_of_numbers_are_numbers_and_those_of_categories_are_categories(columns: tuple[Column, ...]) -> None:
    for column in columns:
        for sentinel in column.sentinels:
            if column.categories:
                assert sentinel in column.categories, column.name
            elif column.type != "VARCHAR":
                float(sentinel)


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.name)
def test_the_samples_have_the_promised_columns_in_the_promised_order(contract: Table, samples: Path) -> None:
    with gzip.open(samples / "2025-01" / f"{contract.file}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        assert next(csv.reader(lines)) == list(contract.columns)
