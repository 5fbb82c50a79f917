"""Whether two models give a client the same reasons, whether reasons add up, and what they leave unsaid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from credit_platform.explain.reason_table import ReasonTable
from credit_platform.explain.stability import additivity_error, agreement, withheld
from credit_platform_tests.worlds import SCHEMA, applicants

TABLE = ReasonTable.fit(SCHEMA, applicants(50))
CODES = [family.code for family in TABLE.families]


def sums(**contributions: float) -> np.ndarray:
    return np.array([contributions.get(code.replace("-", "_"), 0.0) for code in CODES])


def test_a_model_agrees_with_itself() -> None:
    clients = np.array([sums(R_EXT=0.5, R_INC=0.2), sums(R_EXT=-0.5), sums(R_BUR=0.1, R_AMT=-0.3)])
    found = agreement(clients, clients, TABLE)
    assert (found.clients, found.same_first, found.same_set, found.overlap) == (3, 1.0, 1.0, 1.0)
    assert found.rank_correlation == pytest.approx(1.0)


def test_order_and_choice_of_reasons_are_told_apart() -> None:
    first = np.array([sums(R_EXT=0.5, R_INC=0.4), sums(R_EXT=0.5, R_INC=0.4)])
    second = np.array([sums(R_EXT=0.4, R_INC=0.5), sums(R_EXT=0.5, R_BUR=0.4)])
    found = agreement(first, second, TABLE)
    assert (found.same_first, found.same_set) == (0.5, 0.5)
    assert found.overlap == pytest.approx((1 + 1 / 3) / 2)


def test_opposite_models_have_opposite_ranks() -> None:
    clients = np.array([sums(R_EXT=0.5, R_INC=0.1, R_BUR=-0.4)])
    found = agreement(clients, -clients, TABLE)
    assert found.rank_correlation == pytest.approx(-1.0)


def test_two_models_that_give_no_reason_agree() -> None:
    nothing = np.zeros((2, len(CODES)))
    found = agreement(nothing, nothing, TABLE)
    assert (found.same_first, found.same_set, found.overlap, found.rank_correlation) == (1.0, 1.0, 1.0, None)


def test_what_a_protected_family_does_changes_no_agreement() -> None:
    first, second = np.array([sums(R_EXT=0.5, R_PRO=3.0)]), np.array([sums(R_EXT=0.5, R_PRO=-3.0)])
    assert agreement(first, second, TABLE).same_set == 1.0


@given(arrays(float, (2, 4, len(CODES)), elements=st.floats(-2, 2)))
def test_agreement_is_symmetric_and_between_none_and_all(pair: np.ndarray) -> None:
    found, turned = agreement(pair[0], pair[1], TABLE), agreement(pair[1], pair[0], TABLE)
    assert found.rank_correlation == pytest.approx(turned.rank_correlation)
    for name in ("same_first", "same_set", "overlap"):
        assert getattr(found, name) == getattr(turned, name)
        assert 0 <= getattr(found, name) <= 1


def test_other_clients_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match="same clients twice"):
        agreement(np.zeros((2, 3)), np.zeros((3, 3)), TABLE)
    with pytest.raises(ValueError, match="at least one"):
        agreement(np.zeros((0, 3)), np.zeros((0, 3)), TABLE)
    with pytest.raises(ValueError, match="no clients"):
        withheld(np.zeros((0, len(CODES))), TABLE)


def test_the_additivity_error_is_the_largest_gap() -> None:
    contributions = np.array([[0.5, 0.25], [1.0, -0.5]])
    assert additivity_error(-2.0, contributions, np.array([-1.25, -1.5])) == 0.0
    assert additivity_error(-2.0, contributions, np.array([-1.25, -1.75])) == 0.25


def test_reasons_withheld_are_those_that_a_protected_family_would_have_given() -> None:
    others = sums(R_EXT=0.5, R_INC=0.4, R_AMT=0.3, R_BUR=0.2)
    clients = [others + sums(R_PRO=weight) for weight in (0.25, 0.1, -1.0)]
    assert withheld(np.array(clients), TABLE) == pytest.approx(1 / 3)
