"""A feed that broke at once, and clients who went on moving."""

from dataclasses import replace

import pytest

from credit_platform.monitoring.findings import Finding
from credit_platform.monitoring.grown import grown
from credit_platform_tests.messages import INCOME

MOVED = replace(INCOME, layer="features", metric="psi", state="warn", cause="population moved")
TABLE = replace(INCOME, metric="missing", column="")


def test_a_column_that_was_well_before_broke_at_once() -> None:
    assert grown([INCOME, TABLE], []) == [INCOME, TABLE]
    assert grown([INCOME], [replace(MOVED, state="ok")]) == [INCOME]


@pytest.mark.parametrize("before", [MOVED, replace(MOVED, state="watch"), replace(INCOME, state="warn", cause="")])
def test_a_column_that_had_moved_before_has_grown_into_it(before: Finding) -> None:
    assert grown([INCOME], [before]) == [replace(INCOME, state="warn", cause="population moved")]


def test_a_feed_that_broke_before_is_still_broken() -> None:
    assert grown([INCOME], [INCOME, replace(MOVED, explained_by="quality", column="OTHER")]) == [INCOME]


def test_a_table_that_thinned_out_month_by_month_did_not_break() -> None:
    thinner = replace(TABLE, state="warn", cause="population moved")
    assert grown([TABLE], [thinner]) == [thinner]
