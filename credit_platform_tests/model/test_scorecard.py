"""The scorecard that challengers are compared with: few features, sound bins, points that rise with the odds."""

from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.features.splits import splits_dir
from credit_platform.lake import MissingTableError, draft, require
from credit_platform.model.benchmark import benchmark_of, write_benchmark
from credit_platform.model.scorecard import MOST_FEATURES, ScorecardModel, fit_scorecard
from credit_platform.settings import Settings
from credit_platform_tests.worlds import SCHEMA, applicants, outcomes, write_splits

KINDS = ["Cash", "Card", "Car"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("scorecard"), threads=1)
    write_splits(settings, {"train": 2000})
    return settings


@pytest.fixture(scope="module")
def scorecard(small: Settings) -> ScorecardModel:
    return fit_scorecard(small, splits_dir(small), SCHEMA)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> ScorecardModel:
    """Fitted on thirty features that tell a little each, five copies of the best one, and a telling category."""
    folder = tmp_path_factory.mktemp("wide")
    random = np.random.default_rng(7)
    values = {f"F{i:02}": random.normal(size=1500) for i in range(30)}
    kinds = random.choice(KINDS, 1500)
    risk = sum((1.2 - 0.03 * i) * values[f"F{i:02}"] for i in range(30)) * 0.25 + 1.5 * (kinds == "Card")
    defaulted = (random.random(1500) < 1 / (1 + np.exp(1.8 - risk))).astype(int)
    values |= {f"COPY{i}": values["F00"] + random.normal(0, 0.05, 1500) for i in range(5)}
    values["F01"][random.random(1500) < 0.3] = np.nan
    names = [*values, "KIND"]
    pq.write_table(pa.table({**values, "KIND": pa.array(kinds)}), folder / "X_train.parquet")
    pq.write_table(pa.table({"TARGET": defaulted}), folder / "y_train.parquet")
    schema = FeatureSchema(tuple(Feature(n, "category" if n == "KIND" else "numeric") for n in names), ("2025-01",))
    return fit_scorecard(Settings(_env_file=None), folder, schema)


def points_by_feature(scorecard: ScorecardModel) -> dict[str, list[dict[str, Any]]]:
    return {name: list(rows) for name, rows in groupby(scorecard.points(), key=lambda row: row["feature"])}


def test_a_scorecard_has_at_most_twenty_features(wide: ScorecardModel) -> None:
    assert len(wide.schema.names) == MOST_FEATURES == 20
    assert "KIND" in wide.schema.names


def test_of_features_that_say_the_same_the_best_is_taken(wide: ScorecardModel) -> None:
    same = {"F00", *(f"COPY{i}" for i in range(5))}
    assert len(same.intersection(wide.schema.names)) == 1


def test_it_ranks_clients_it_has_not_seen_better_than_chance(scorecard: ScorecardModel) -> None:
    table = applicants(1500, seed=77)
    probability = scorecard.probabilities(table)
    assert probability.shape == (1500,)
    assert ((probability > 0) & (probability < 1)).all()
    defaulted = outcomes(table, 77)
    assert roc_auc_score(defaulted, probability) > 0.7
    assert probability.mean() == pytest.approx(defaulted.mean(), abs=0.03)


@pytest.mark.parametrize("which", ["scorecard", "wide"])
def test_the_points_are_complete(which: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(which)
    table = points_by_feature(found)
    assert set(table) == set(found.schema.names)
    for rows in table.values():
        assert sum(row["share"] for row in rows) == pytest.approx(1)
        assert all(row["share"] > 0 and 0 <= row["default rate"] <= 1 and np.isfinite(row["points"]) for row in rows)
        assert len({row["bin"] for row in rows}) == len(rows)
        assert not [row["bin"] for row in rows if "\n" in row["bin"]]


def test_missing_values_have_a_bin_of_their_own(wide: ScorecardModel) -> None:
    (missing,) = [row for row in points_by_feature(wide)["F01"] if row["bin"] == "Missing"]
    assert missing["share"] == pytest.approx(0.3, abs=0.04)


def test_points_fall_as_default_rates_rise(scorecard: ScorecardModel) -> None:
    rows = points_by_feature(scorecard)["EXT_SOURCE_2"]
    ordered = sorted(rows, key=lambda row: row["default rate"])
    assert [row["points"] for row in ordered] == sorted((row["points"] for row in rows), reverse=True)


def test_twenty_points_more_double_the_odds_and_600_in_all_are_fifty_to_one(scorecard: ScorecardModel) -> None:
    table = points_by_feature(scorecard)
    occupations = {
        name: row["points"]
        for row in table["OCCUPATION_TYPE"]
        for name in ("Laborers", "Managers")
        if f"'{name}'" in row["bin"]
    }
    clients = applicants(40, seed=5)
    place = clients.column_names.index("OCCUPATION_TYPE")
    worth = {
        name: 600 + 20 * np.log2((1 - p) / p / 50)
        for name in occupations
        for p in [scorecard.probabilities(clients.set_column(place, "OCCUPATION_TYPE", pa.array([name] * 40)))]
    }
    difference = occupations["Managers"] - occupations["Laborers"]
    assert difference > 5
    assert worth["Managers"] - worth["Laborers"] == pytest.approx(difference, abs=1e-6)
    least, most = (sum(of(row["points"] for row in rows) for rows in table.values()) for of in (min, max))
    assert all(least <= points <= most for points in worth["Managers"])


def test_gaps_and_categories_never_seen_before_have_a_probability(scorecard: ScorecardModel) -> None:
    table = pa.table(
        {
            "EXT_SOURCE_2": pa.array([None, 0.5]),
            "AMT_INCOME_TOTAL": pa.array([None, -1e9]),
            "OCCUPATION_TYPE": pa.array(["Astronauts", None]),
            "DAYS_BIRTH": pa.array([None, 0.0]),
            "NAME_CONTRACT_TYPE": pa.array(["Leasing", None]),
            "BURO_COUNT": pa.array([None, 1e9]),
        }
    )
    assert np.isfinite(scorecard.probabilities(table)).all()


def test_its_predictions_lie_in_the_lake_for_every_part_but_train(small: Settings, scorecard: ScorecardModel) -> None:
    with pytest.raises(MissingTableError):
        benchmark_of(small)
    splits = require(small, "feature_splits").folder()
    with draft(small, "scorecard") as new:
        rows, points = write_benchmark(small, splits, new.folder)
        new.publish(rows)
    assert points == scorecard.points()
    found = benchmark_of(small)
    assert found.column_names == ["part", "SK_ID_CURR", "probability_of_default"]
    assert rows == found.num_rows == 600
    assert found["part"].to_pylist() == ["valid"] * 300 + ["test"] * 300
    test = pq.read_table(splits / "X_test.parquet")
    assert found["SK_ID_CURR"].to_pylist()[300:] == test["SK_ID_CURR"].to_pylist()
    assert found["probability_of_default"].to_numpy()[300:] == pytest.approx(scorecard.probabilities(test))
    assert pq.read_table(require(small, "scorecard").folder() / "points.parquet").to_pylist() == points
