"""The formatting check of the .sql files: it understands what the code fills in, and refuses what it should."""

from pathlib import Path

import pytest
from sqlfluff.core import FluffConfig, Linter

ROOT = Path(__file__).parents[2]
MART = ROOT / "credit_platform" / "mart"


@pytest.fixture(scope="module")
def linter() -> Linter:
    """sqlfluff as the project configures it."""
    return Linter(FluffConfig.from_path(str(ROOT)))


def broken_rules(linter: Linter, sql: str) -> set[str]:
    return {violation.rule_code() for violation in linter.lint_string(sql).get_violations()}


def test_the_mart_is_formatted(linter: Linter) -> None:
    found = linter.lint_paths((str(MART),))
    assert len(list(MART.glob("*.sql"))) == len(found.as_records()) == 8
    assert found.get_violations() == []


def test_a_placeholder_stands_for_items_of_a_select_list(linter: Linter) -> None:
    assert broken_rules(linter, "select\n    A,\n    -- @columns\nfrom t\n") == set()
    assert broken_rules(linter, "select\n    A,\n    {columns},\n    B\nfrom t\n") == set()
    assert broken_rules(linter, "select\n    A,\n    -- columns\nfrom t\n") != set()


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT A from t\n", "CP01"),
        ("select A,B from t\n", "LT01"),
        ("select\n  A\nfrom t\n", "LT02"),
        (f"select {' + '.join(['A'] * 40)} as TOTAL from t\n", "LT05"),
        ("select A from t where (A > 1\n", "PRS"),
    ],
)
def test_what_is_badly_formatted_is_refused(linter: Linter, sql: str, rule: str) -> None:
    assert rule in broken_rules(linter, sql)
