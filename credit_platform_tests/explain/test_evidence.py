"""The rows behind a reason: the client's own, those that speak against them first, in words."""

import pytest

from credit_platform.explain.evidence import MOST_ROWS, _declared, evidence
from credit_platform.explain.reason_table import ReasonTable, families
from credit_platform.home_credit import contracts
from credit_platform.raw.records import records_of
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.bank import COHORT

CLIENT = 100_024


@pytest.fixture(scope="module")
def table(bank: Settings) -> ReasonTable:
    return Scorer.load(bank.data_dir / "version", "1").reason_table


def test_late_instalments_come_first_and_are_counted(bank: Settings, table: ReasonTable) -> None:
    found = evidence(bank, COHORT, CLIENT, "R-PAY", table)
    rows = records_of(bank, COHORT, CLIENT)["installments_payments"]
    late = [
        r
        for r in rows
        if r["DAYS_ENTRY_PAYMENT"] is None
        or r["DAYS_ENTRY_PAYMENT"] > r["DAYS_INSTALMENT"]
        or (r["AMT_PAYMENT"] or 0) < r["AMT_INSTALMENT"] - 1
    ]
    assert found.table == "installments_payments"
    assert (found.total, found.telling) == (len(rows), len(late))
    assert found.telling > 0
    assert [row.telling for row in found.rows] == sorted((row.telling for row in found.rows), reverse=True)


def test_values_stand_as_they_were_delivered_and_in_words(bank: Settings, table: ReasonTable) -> None:
    english, french = (evidence(bank, COHORT, CLIENT, "R-PAY", table, language) for language in ("en", "fr"))
    due = english.columns.index("Due")
    assert french.columns[due] == "Date d'échéance"
    cell, mot = english.rows[0].cells[due], french.rows[0].cells[due]
    assert cell.value == mot.value
    assert cell.text.endswith("ago")
    assert mot.text.startswith("il y a")


def test_a_family_of_the_application_shows_the_columns_behind_its_features(bank: Settings, table: ReasonTable) -> None:
    found = evidence(bank, COHORT, CLIENT, "R-AMT", table)
    assert (found.table, found.total) == ("application", 1)
    application = records_of(bank, COHORT, CLIENT)["application"][0]
    assert application["AMT_CREDIT"] in [cell.value for cell in found.rows[0].cells]


@pytest.mark.parametrize("family", ["R-PRO", "R-XXX", ""])
def test_protected_and_unknown_families_show_nothing(bank: Settings, table: ReasonTable, family: str) -> None:
    with pytest.raises(LookupError):
        evidence(bank, COHORT, CLIENT, family, table)


def test_every_family_of_reasons_can_show_its_rows(bank: Settings, table: ReasonTable) -> None:
    for family in families():
        if not family.protected:
            found = evidence(bank, COHORT, CLIENT, family.code, table, "fr")
            assert len(found.rows) == min(found.total, MOST_ROWS)
            assert all(len(row.cells) == len(found.columns) for row in found.rows)


def test_the_declaration_names_families_and_columns_that_there_are() -> None:
    codes = {family.code for family in families()}
    for family, entry in _declared().items():
        if family == "application":
            continue
        assert family in codes
        known = contracts.table(entry["table"]).columns
        assert {c["name"] for c in entry["columns"] if "sql" not in c} <= known.keys()
