"""The columns' statistics: what moved is caught and called by its cause, what did not is left alone."""

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.mart.build import mart_columns
from credit_platform.monitoring.layers import quality
from credit_platform.monitoring.layers.multivariate import told_apart
from credit_platform.quality.estimates import Key, Measure
from credit_platform.quality.judgement import Result
from drift_frames import FAULTS, SWAPPED, false_alarms, flagged, found, frame, spoilt

random = np.random.default_rng(2)
BEFORE, AFTER = 4_000, 3_000
HEAVY = random.lognormal(11.9, 1.2, BEFORE)
OCCUPATIONS = ("Drivers", "Laborers", "Managers")
FEED = "broken feed"


def one(before: object, after: object, kind: pa.DataType | None = None) -> list[tuple[str, str, str]]:
    """Layer, metric and cause of what is told of a single column."""
    tables = [pa.table({"AMT": pa.array(values, kind, from_pandas=True)}) for values in (before, after)]
    return [(f.layer, f.metric, f.cause) for f in found(*tables) if f.column]


def incomes(seed: int, clients: int = AFTER) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(11.9, 1.2, clients)


def occupations(seed: int, clients: int = AFTER) -> np.ndarray:
    return np.random.default_rng(seed).choice(OCCUPATIONS, clients, p=(0.5, 0.4, 0.1)).astype(object)


@pytest.mark.parametrize("clients", [100, 400, 3_000])
@pytest.mark.parametrize("seed", range(8))
def test_clients_from_the_same_population_have_not_moved(seed: int, clients: int) -> None:
    assert one(HEAVY, incomes(seed, clients)) == []
    assert one(occupations(99, BEFORE), occupations(seed, clients)) == []


def test_a_shift_by_half_a_standard_deviation_in_a_heavy_tailed_column_is_caught() -> None:
    shifted = np.exp(np.log(incomes(1)) + 0.5 * 1.2)
    assert one(HEAVY, shifted) == [("features", "psi", "population moved")]
    assert one(HEAVY, np.append(shifted, 1e15)) == [("features", "psi", "population moved")]
    assert one(np.append(HEAVY, 1e15), shifted) == [("features", "psi", "population moved")]


@pytest.mark.parametrize("sentinel", [365_243_000_000, -1])
def test_a_sentinel_in_a_third_of_the_rows_is_a_broken_feed(sentinel: float) -> None:
    after = incomes(1)
    after[: AFTER // 3] = sentinel
    assert ("quality", "outside", FEED) in one(HEAVY, after)
    after = incomes(1)
    after[: AFTER // 5] = sentinel
    assert ("quality", "outside", "") in one(HEAVY, after)


def test_ten_points_more_missing_values_are_told_and_fifty_are_a_broken_feed() -> None:
    before, after = HEAVY.copy(), incomes(1)
    before[: BEFORE // 20], after[: AFTER * 3 // 20] = np.nan, np.nan
    assert one(before, after) == [("features", "missing", "population moved")]
    after[: AFTER * 11 // 20] = np.nan
    assert one(before, after) == [("quality", "missing", FEED)]
    assert one(occupations(99, BEFORE), [None] * AFTER, pa.string()) == [("quality", "missing", FEED)]


def test_an_unseen_category_in_two_percent_of_the_rows_is_told_but_one_that_was_rare_is_not() -> None:
    before, after = occupations(99, BEFORE), occupations(1)
    after[: AFTER // 50] = "Astronauts"
    assert one(before, after) == [("quality", "unseen", "")]
    before[0] = "Astronauts"
    assert ("quality", "unseen", "") not in one(before, after)


def test_shares_that_change_places_are_caught() -> None:
    after = np.random.default_rng(1).choice(OCCUPATIONS, AFTER, p=(0.2, 0.4, 0.4))
    assert one(occupations(99, BEFORE), after) == [("features", "psi", "population moved")]


@pytest.mark.parametrize("factor", [1_000, 0.001, 12])
def test_a_change_of_unit_is_a_broken_feed(factor: float) -> None:
    assert ("quality", "unit", FEED) in one(HEAVY, incomes(1) * factor)


def test_a_column_of_mostly_zeros_is_judged_by_ks_as_well() -> None:
    before = np.where(random.random(BEFORE) < 0.9, 0.0, 1 + random.lognormal(7, 1, BEFORE))
    after = np.where(random.random(AFTER) < 0.76, 0.0, 1 + random.lognormal(7, 1, AFTER))
    told = one(before, after)
    assert [(layer, cause) for layer, _, cause in told] == [("features", "population moved")]


def test_a_table_whose_columns_lose_values_together_is_told_once() -> None:
    names = [column.name for column in mart_columns() if column.step == "bureau"][:5]
    before = pa.table({name: incomes(i) for i, name in enumerate(names)})
    lost = np.arange(AFTER) < AFTER * 0.6
    after = pa.table({name: pa.array(incomes(9 + i), mask=lost) for i, name in enumerate(names)})
    told = [f for f in found(before, after) if f.layer == "quality"]
    assert [(f.table, f.column, f.state, f.cause) for f in told] == [("bureau", "", "critical", FEED)]
    assert told[0].sentence.startswith("5 features of bureau changed their missing share together, by +60%")


@pytest.mark.parametrize("kind", [pa.float64(), pa.string()])
def test_columns_without_any_value_on_either_side_have_not_moved(kind: pa.DataType) -> None:
    assert one([None] * 200, [None] * 200, kind) == []


def test_a_constant_column_moves_only_when_its_value_changes() -> None:
    assert one([3.0] * 500, [3.0] * 400) == []
    assert one([3.0] * 500, [4.0] * 400)
    assert one([3.0] * 500, [2.0] * 400)
    assert one(["Cash"] * 500, ["Cash"] * 400) == []


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_handful_of_rows_neither_crashes_nor_tells_anything(before: int, after: int) -> None:
    assert one([1.0, 5.0][:before], [9.0, 7.0][:after], pa.float64()) == []
    assert one(["a", "b"][:before], ["c", "d"][:after], pa.string()) == []


def test_infinite_values_do_no_harm() -> None:
    assert one(np.append(HEAVY, np.inf), np.append(incomes(1), [-np.inf, np.inf])) == []


@pytest.mark.parametrize("clients", [1_000, 5_000])
def test_no_alarm_is_false_among_hundreds_of_columns(clients: int) -> None:
    assert false_alarms(clients, 150, 5) == [0] * 5


@pytest.mark.parametrize("fault", [*FAULTS, SWAPPED])
def test_a_fault_of_one_column_among_many_is_caught_and_nothing_else(fault: str) -> None:
    before = frame(100, 5_000, 20)
    for seed in range(5):
        after, at_fault = spoilt(frame(seed, 5_000, 20), fault, seed)
        assert flagged(before, after) == at_fault


def test_features_that_hang_together_otherwise_are_told_apart_though_no_column_moved() -> None:
    schema = FeatureSchema((Feature("A", "numeric"), Feature("B", "numeric")), ())

    def pairs(seed: int, correlated: bool) -> pa.Table:
        first, noise = np.random.default_rng(seed).normal(size=(2, 2_000))
        second = 0.9 * first + np.sqrt(1 - 0.9**2) * noise if correlated else noise
        return pa.table({"A": first, "B": second})

    before = pairs(1, correlated=True)
    assert flagged(before, pairs(2, correlated=False)) == set()
    apart, by = told_apart(before, pairs(2, correlated=False), schema, 0)
    assert apart.size > 0.7
    assert apart.p < 1e-6
    assert set(by) == {"A", "B"}
    alike, _ = told_apart(before, pairs(3, correlated=True), schema, 0)
    assert abs(alike.size - 0.5) < 0.06


def test_what_the_quality_report_found_is_told_as_it_said_it(monkeypatch: pytest.MonkeyPatch) -> None:
    table = frame(1, 300, 5)
    faults = (
        Result(
            Key("bureau", "DAYS_CREDIT", "missing"), Measure(1, 1, 1), 0.0, "gone", "missing", "block", 0.999, "Gone."
        ),
        Result(Key("bureau", "", "coverage"), Measure(0.4, 0.4, 0.4), 0.9, "coverage", "volume", "warn", 0.1, "Few."),
        Result(Key("bureau", "", "rows"), Measure(9, 9, 9), 9.0),
    )
    monkeypatch.setattr(quality, "results_of", lambda *_: faults)
    monkeypatch.setattr(quality, "current", lambda *_: True)
    told = [f for f in found(table, table) if f.layer == "quality"]
    assert [(f.metric, f.state, f.cause, f.table, f.column, f.sentence) for f in told] == [
        ("gone", "critical", FEED, "bureau", "DAYS_CREDIT", "Gone."),
        ("coverage", "warn", "", "bureau", "", "Few."),
    ]
