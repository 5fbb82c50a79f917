"""The search on a small table."""

from pathlib import Path

import pytest

from credit_platform.features.schema import model_frame
from credit_platform.model.search import Candidate, search
from credit_platform.settings import Settings
from credit_platform_tests.worlds import SCHEMA, applicants, outcomes

GRID = {"depth": [1, 3], "l2_leaf_reg": [3.0], "iterations": [15], "learning_rate": [0.1]}


def found(tmp_path: Path) -> Candidate:
    settings = Settings(_env_file=None, data_dir=tmp_path, cross_validation_folds=2, threads=1, cost_false_negative=4)
    table = applicants(400, seed=9)
    return search(model_frame(table, SCHEMA), outcomes(table, 9), SCHEMA, settings, GRID)


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    return found(tmp_path_factory.mktemp("search"))


def test_the_winner_is_the_grid_point_of_least_business_cost(candidate: Candidate) -> None:
    assert len(candidate.trials) == 2
    cheapest = min(candidate.trials, key=lambda trial: trial["cost_per_client"])
    assert candidate.parameters["depth"] == cheapest["depth"]
    assert candidate.model.get_params()["depth"] == cheapest["depth"]


def test_the_search_uses_the_costs_of_the_settings(candidate: Candidate) -> None:
    assert candidate.costs.theoretical_threshold == 1 / 5


def test_the_model_has_the_schemas_features_in_order_and_knows_its_categories(candidate: Candidate) -> None:
    assert candidate.model.feature_names_ == SCHEMA.names
    assert [SCHEMA.names[i] for i in candidate.model.get_cat_feature_indices()] == SCHEMA.category_names


def test_the_same_seed_finds_the_same_model(candidate: Candidate, tmp_path: Path) -> None:
    table = model_frame(applicants(50, seed=1), SCHEMA)
    again = found(tmp_path).model.predict_proba(table)
    assert (again == candidate.model.predict_proba(table)).all()


def test_the_search_leaves_no_files_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found(tmp_path / "data")
    assert not list(tmp_path.iterdir())
