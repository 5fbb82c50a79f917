"""The drift statistics: what moved is caught, what did not is left alone, and odd columns do no harm."""

import json

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.features.schema import Feature
from credit_platform.model.reference import SCORE
from credit_platform.monitoring.drift import ColumnDrift, Verdict, compare, judge

random = np.random.default_rng(2)
BEFORE, AFTER = 4_000, 3_000
HEAVY = random.lognormal(11.9, 1.2, BEFORE)
OCCUPATIONS = ("Drivers", "Laborers", "Managers")


def chunked(values: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, from_pandas=True)])


def numeric(before: object, after: object) -> ColumnDrift:
    return compare(chunked(before), chunked(after), Feature("AMT", "numeric"), psi_limit=0.1, tests=31)


def category(before: object, after: object) -> ColumnDrift:
    return compare(chunked(before), chunked(after), Feature("OCCUPATION", "category"), psi_limit=0.1, tests=31)


def incomes(seed: int, clients: int = AFTER) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(11.9, 1.2, clients)


def occupations(seed: int, clients: int = AFTER) -> np.ndarray:
    return np.random.default_rng(seed).choice(OCCUPATIONS, clients, p=(0.5, 0.4, 0.1)).astype(object)


@pytest.mark.parametrize("clients", [60, 400, 3_000])
@pytest.mark.parametrize("seed", range(8))
def test_clients_from_the_same_population_have_not_drifted(seed: int, clients: int) -> None:
    assert numeric(HEAVY, incomes(seed, clients)).reasons == ()
    assert category(occupations(99, BEFORE), occupations(seed, clients)).reasons == ()


def test_identical_columns_have_no_psi_at_all() -> None:
    assert numeric(HEAVY, HEAVY).psi == pytest.approx(0, abs=1e-12)


def test_a_shift_by_half_a_standard_deviation_in_a_heavy_tailed_column_is_caught() -> None:
    found = numeric(HEAVY, np.exp(np.log(incomes(1)) + 0.5 * 1.2))
    assert found.drifted
    assert "values moved" in found.reasons[0]


def test_one_absurd_value_does_not_hide_a_shift() -> None:
    assert numeric(HEAVY, np.append(np.exp(np.log(incomes(1)) + 0.6), 1e15)).drifted
    assert numeric(np.append(HEAVY, 1e15), np.exp(np.log(incomes(1)) + 0.6)).drifted


def test_a_sentinel_in_a_fifth_of_the_rows_is_caught() -> None:
    after = incomes(1)
    after[: AFTER // 5] = 365_243
    assert numeric(HEAVY, after).drifted
    after[: AFTER // 5] = -1
    assert numeric(HEAVY, after).drifted


def test_ten_points_more_missing_values_are_caught_and_named() -> None:
    before, after = HEAVY.copy(), incomes(1)
    before[: BEFORE // 20], after[: AFTER * 3 // 20] = np.nan, np.nan
    found = numeric(before, after)
    assert found.reasons == ("missing share 5% -> 15%",)
    assert (found.missing_reference, found.missing_current) == pytest.approx((0.05, 0.15))


def test_a_category_missing_more_often_is_caught_too() -> None:
    after = occupations(1)
    after[: AFTER // 10] = None
    assert category(occupations(99, BEFORE), after).reasons == ("missing share 0% -> 10%",)


def test_an_unseen_category_in_two_percent_of_the_rows_is_caught() -> None:
    after = occupations(1)
    after[: AFTER // 50] = "Astronauts"
    found = category(occupations(99, BEFORE), after)
    assert found.reasons == ("2.0% in unseen categories",)
    assert found.unseen_share == pytest.approx(0.02)


def test_a_category_that_was_rare_before_is_not_unseen() -> None:
    before, after = occupations(99, BEFORE), occupations(1)
    before[0], after[: AFTER // 50] = "Astronauts", "Astronauts"
    assert category(before, after).unseen_share == 0


def test_shares_that_change_places_are_caught() -> None:
    after = np.random.default_rng(1).choice(OCCUPATIONS, AFTER, p=(0.2, 0.4, 0.4))
    assert category(occupations(99, BEFORE), after).drifted


@pytest.mark.parametrize("factor", [1_000, 0.001, 12])
def test_a_change_of_unit_is_caught(factor: float) -> None:
    assert numeric(HEAVY, incomes(1) * factor).drifted


def test_a_column_that_goes_missing_altogether_is_caught() -> None:
    found = numeric(HEAVY, [None] * AFTER)
    assert found.reasons == ("missing share 0% -> 100%",)
    assert numeric([None] * BEFORE, incomes(1)).drifted


@pytest.mark.parametrize("kind", [pa.float64(), pa.string(), pa.null()])
def test_columns_without_any_value_on_either_side_have_not_drifted(kind: pa.DataType) -> None:
    nothing = pa.chunked_array([pa.nulls(50, kind)])
    feature = Feature("EMPTY", "category" if kind == pa.string() else "numeric")
    assert not compare(nothing, nothing, feature, 0.1, 31).drifted


def test_a_constant_column_drifts_only_when_its_value_changes() -> None:
    assert not numeric([3.0] * 500, [3.0] * 400).drifted
    assert numeric([3.0] * 500, [4.0] * 400).drifted
    assert numeric([3.0] * 500, [2.0] * 400).drifted
    assert not category(["Cash"] * 500, ["Cash"] * 400).drifted


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_handful_of_rows_neither_crashes_nor_drifts(before: int, after: int) -> None:
    left, right = pa.array([1.0, 5.0][:before], pa.float64()), pa.array([9.0, 7.0][:after], pa.float64())
    assert numeric(left, right).psi >= 0
    names = pa.array(["a", "b"][:before], pa.string()), pa.array(["a", "b"][:after], pa.string())
    assert category(*names).psi >= 0


def test_infinite_values_do_no_harm() -> None:
    assert np.isfinite(numeric(np.append(HEAVY, np.inf), np.append(incomes(1), [-np.inf, np.inf])).psi)


def frame(seed: int, shift: float = 0.0, score: float = 0.0) -> pa.Table:
    generator = np.random.default_rng(seed)
    columns = {f"F{i}": generator.normal(size=AFTER) + (shift if i < 2 else 0) for i in range(8)}
    return pa.table({**columns, SCORE: generator.beta(2, 20, AFTER) + score})


FEATURES = [Feature(f"F{i}", "numeric") for i in range(8)]


def verdict(current: pa.Table, share_limit: float = 0.2) -> Verdict:
    return judge("2025-03", "4", frame(50), current, FEATURES, 0.1, share_limit)


def test_a_cohort_drifts_when_the_share_of_drifted_features_reaches_the_limit() -> None:
    assert not verdict(frame(51)).drifted
    moved = verdict(frame(51, shift=1.0), share_limit=0.25)
    assert moved.drifted
    assert moved.drift_share == 0.25
    assert {column.column for column in moved.columns[:2]} == {"F0", "F1"}
    assert not verdict(frame(51, shift=1.0), share_limit=0.26).drifted


def test_a_cohort_drifts_when_its_scores_do_although_no_feature_has() -> None:
    found = verdict(frame(51, score=0.1))
    assert found.drifted
    assert found.drift_share == 0
    assert found.score_psi > 0.1


def test_a_verdict_is_plain_json_that_names_what_moved_and_why() -> None:
    stored = json.loads(json.dumps(verdict(frame(51, shift=1.0)).as_json(), allow_nan=False))
    assert (stored["cohort"], stored["model_version"], stored["drifted"]) == ("2025-03", "4", True)
    assert set(stored["drifted_columns"]) == set(stored["reasons"]) == {"F0", "F1"}
    assert set(stored["columns"]) == {feature.name for feature in FEATURES}
    assert stored["threshold"] == 0.2
