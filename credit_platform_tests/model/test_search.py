"""The search: every family trains, the cheapest wins by a rule, and what is held out is held out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import roc_auc_score

from credit_platform.features.schema import model_frame
from credit_platform.model import search as module
from credit_platform.model.calibration import fit_calibration, probability_of
from credit_platform.model.families import FAMILIES, Family
from credit_platform.model.search import Found, fit, search
from credit_platform.settings import Settings
from credit_platform_tests.worlds import GRIDS, SCHEMA, applicants, outcomes

TABLE = applicants(500, seed=9)
FRAME, DEFAULTED = model_frame(TABLE, SCHEMA), outcomes(TABLE, 9)
BALANCED = np.where(DEFAULTED == 1, 250 / DEFAULTED.sum(), 250 / (1 - DEFAULTED).sum())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick(tmp_path)


def quick(folder: Path) -> Settings:
    return Settings(_env_file=None, data_dir=folder, cross_validation_folds=2, threads=1, cost_false_negative=4)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """What is found in each family by itself."""
    small = quick(tmp_path_factory.mktemp("search"))
    return {family: search(small, FRAME, DEFAULTED, {family: grid}) for family, grid in GRIDS.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains_and_gives_probabilities(found: dict[str, Found], family: str) -> None:
    probability = found[family].estimator.predict_proba(model_frame(applicants(100, seed=1), SCHEMA))
    assert probability.shape == (100, 2)
    assert probability.sum(axis=1) == pytest.approx(1)
    assert 0 < probability.min() < probability.max() < 1
    assert probability[:, 1].std() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_every_point_of_a_grid_is_tried_on_every_fold(found: dict[str, Found], family: str) -> None:
    trials = found[family].trials
    assert len(trials) == int(np.prod([len(values) for values in GRIDS[family].values()]))
    for trial in trials:
        assert trial.family == family
        assert trial.parameters.keys() == GRIDS[family].keys()
        assert len(trial.costs) == len(trial.aucs) == len(trial.rounds) == 2
        assert min(trial.aucs) > 0.6
        assert 0 < trial.cost < 1


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_model_to_the_bit(
    found: dict[str, Found], family: str, settings: Settings
) -> None:
    again = search(settings, FRAME, DEFAULTED, {family: GRIDS[family]})
    table = model_frame(applicants(50, seed=1), SCHEMA)
    assert (again.estimator.predict_proba(table) == found[family].estimator.predict_proba(table)).all()
    assert (again.margins == found[family].margins).all()
    assert again.trial.parameters == found[family].trial.parameters


def test_fits_at_the_same_time_find_the_same(found: dict[str, Found], settings: Settings) -> None:
    together = settings.model_copy(update={"search_jobs": 2})
    again = search(together, FRAME, DEFAULTED, {"catboost": GRIDS["catboost"]}, BALANCED)
    alone = search(settings, FRAME, DEFAULTED, {"catboost": GRIDS["catboost"]}, BALANCED)
    assert [(t.costs, t.aucs, t.rounds) for t in again.trials] == [(t.costs, t.aucs, t.rounds) for t in alone.trials]
    assert (again.margins == alone.margins).all()


@pytest.mark.parametrize("family", ["catboost", "hist_gradient_boosting"])
def test_another_seed_gives_another_model(found: dict[str, Found], family: str, settings: Settings) -> None:
    other = search(settings.model_copy(update={"seed": 21}), FRAME, DEFAULTED, {family: GRIDS[family]})
    assert (other.margins != found[family].margins).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_category_or_gap_never_seen_before_is_no_accident(found: dict[str, Found], family: str) -> None:
    strange = FRAME.head(3).copy()
    strange["OCCUPATION_TYPE"] = ["Astronauts", "Mimes", ""]
    strange["AMT_INCOME_TOTAL"] = np.nan
    assert np.isfinite(found[family].estimator.predict_proba(strange)).all()


def test_the_model_has_the_schemas_features_in_order_and_knows_its_categories(found: dict[str, Found]) -> None:
    model = found["catboost"].estimator.model_
    assert model.feature_names_ == SCHEMA.names
    assert [SCHEMA.names[i] for i in model.get_cat_feature_indices()] == SCHEMA.category_names


def test_the_winner_has_the_rounds_that_the_folds_stopped_at_on_average(found: dict[str, Found]) -> None:
    """Rounds that its margins were made with too; a model of other rounds would be calibrated differently."""
    of_trees, boosted, plain = (found[family] for family in GRIDS)
    tried = {family: found[family].trials[0] for family in GRIDS}
    rounds = round(np.mean(min(of_trees.trials, key=lambda trial: trial.cost).rounds))
    assert 1 < rounds < GRIDS["catboost"]["iterations"][0]
    assert of_trees.trial.parameters["iterations"] == of_trees.estimator.model_.tree_count_ == rounds
    held = boosted.trial.parameters["histgradientboostingclassifier__max_iter"]
    assert held == boosted.estimator[-1].n_iter_ == round(np.mean(tried["hist_gradient_boosting"].rounds))
    assert plain.trial == tried["logistic_regression"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_winner_can_be_fitted_again_from_its_trial(
    found: dict[str, Found], family: str, settings: Settings
) -> None:
    again = fit(settings, found[family].trial, FRAME, DEFAULTED)
    assert (again.predict_proba(FRAME) == found[family].estimator.predict_proba(FRAME)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_feature_that_identifies_rows_does_not_leak_into_the_margins(family: str, settings: Settings) -> None:
    """A model may learn random outcomes by heart; margins of rows that it has not seen know nothing of them."""
    random = np.random.default_rng(2)
    by_name = pd.DataFrame({f"NAME_{i}": random.permutation(600).astype(float) for i in range(12)})
    by_name["WHO"] = [f"client {i}" for i in range(600)]
    defaulted = random.permutation(np.arange(600) % 3 == 0).astype(int)
    grid = {
        "catboost": {"iterations": [60], "depth": [6], "learning_rate": [0.3], "l2_leaf_reg": [0.1]},
        "hist_gradient_boosting": {"histgradientboostingclassifier__max_leaf_nodes": [60]},
        "logistic_regression": {"logisticregression__C": [10.0]},
    }[family]
    learnt = search(settings, by_name, defaulted, {family: grid})
    assert abs(roc_auc_score(defaulted, learnt.margins) - 0.5) < 0.08
    by_heart = fit(settings, learnt.trials[0], by_name, defaulted).predict_proba(by_name)[:, 1]
    assert roc_auc_score(defaulted, by_heart) > 0.7


def test_margins_held_out_come_from_features_that_the_other_rows_chose(settings: Settings) -> None:
    asked: list[np.ndarray] = []

    def selected(rows: np.ndarray) -> pd.DataFrame:
        asked.append(rows)
        return FRAME[["BURO_COUNT", "NAME_CONTRACT_TYPE"]]  # neither says anything of the outcome

    learnt = search(
        settings, FRAME, DEFAULTED, {"logistic_regression": {"logisticregression__C": [1.0]}}, selected=selected
    )
    assert sorted(np.concatenate(asked).tolist()) == list(range(500))
    assert abs(roc_auc_score(DEFAULTED, learnt.margins) - 0.5) < 0.1
    assert roc_auc_score(DEFAULTED, learnt.estimator.predict_proba(FRAME)[:, 1]) > 0.7


class Reads(ClassifierMixin, BaseEstimator):
    """Says what a column says."""

    def __init__(self, column: str = "") -> None:
        self.column = column

    def fit(self, x: pd.DataFrame, y: np.ndarray) -> "Reads":
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: pd.DataFrame) -> np.ndarray:
        probability = x[self.column].to_numpy()
        return np.column_stack([1 - probability, probability])


def chosen(settings: Settings, monkeypatch: pytest.MonkeyPatch, x: pd.DataFrame, y: np.ndarray, **grids: Any) -> Found:
    """What wins among families that say what columns say."""
    said = {name: Family(name, lambda _: Reads(), {}) for name in grids}
    monkeypatch.setattr(module, "FAMILIES", said)
    return search(settings, x, y, {name: {"column": columns} for name, columns in grids.items()})


@pytest.fixture(scope="module")
def said() -> tuple[pd.DataFrame, np.ndarray]:
    """The true probabilities, two equally distorted ones, and a guess; and what came true."""
    random = np.random.default_rng(6)
    margin = random.normal(-1.5, 1.5, 900)
    columns = {
        "truth": margin,
        "distorted": margin + random.normal(0, 0.6, 900),
        "otherwise": margin + random.normal(0, 0.6, 900),
        "guess": random.permutation(margin),
    }
    return (
        pd.DataFrame({name: probability_of(values) for name, values in columns.items()}),
        (random.random(900) < probability_of(margin)).astype(int),
    )


def test_a_family_that_costs_clearly_less_wins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: tuple[pd.DataFrame, np.ndarray]
) -> None:
    learnt = chosen(settings, monkeypatch, *said, catboost=["guess"], other=["truth"])
    assert (learnt.trial.family, learnt.trial.parameters) == ("other", {"column": "truth"})


def test_catboost_wins_against_a_family_that_costs_less_by_chance_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: tuple[pd.DataFrame, np.ndarray]
) -> None:
    more_folds = settings.model_copy(update={"cross_validation_folds": 5})
    for ours, theirs in (("distorted", "otherwise"), ("otherwise", "distorted")):
        learnt = chosen(more_folds, monkeypatch, *said, catboost=[ours], other=[theirs])
        mine, other = learnt.trials
        saved = np.subtract(mine.costs, other.costs)
        assert abs(saved.mean()) < saved.std(ddof=1) / np.sqrt(5)
        assert learnt.trial.family == "catboost"


def test_the_cheapest_point_of_the_winning_grid_is_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: tuple[pd.DataFrame, np.ndarray]
) -> None:
    learnt = chosen(settings, monkeypatch, *said, catboost=["guess", "truth", "distorted"], other=["otherwise"])
    assert learnt.trial.parameters == {"column": "truth"}
    assert learnt.trial.cost == min(trial.cost for trial in learnt.trials)


def test_without_catboost_the_cheapest_family_wins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: tuple[pd.DataFrame, np.ndarray]
) -> None:
    learnt = chosen(settings, monkeypatch, *said, one=["otherwise"], two=["truth"])
    assert learnt.trial.family == "two"


def test_trials_cost_what_refusing_at_the_theoretical_cutoff_of_the_settings_costs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: tuple[pd.DataFrame, np.ndarray]
) -> None:
    x, y = said
    (trial,) = chosen(settings, monkeypatch, x, y, catboost=["truth"]).trials
    refused = x["truth"] >= 1 / 5
    assert trial.cost == pytest.approx((4 * (y & ~refused) + (1 - y) * refused).mean(), abs=0.002)
    assert np.mean(trial.aucs) == pytest.approx(roc_auc_score(y, x["truth"]), abs=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_with_balancing_weights_the_cutoff_moves_along_and_calibration_mends_the_rest(
    found: dict[str, Found], family: str, settings: Settings
) -> None:
    weighted = search(settings, FRAME, DEFAULTED, {family: GRIDS[family]}, BALANCED)
    plain = found[family]
    rate = DEFAULTED.mean()
    assert probability_of(plain.margins).mean() == pytest.approx(rate, abs=0.04)
    assert probability_of(weighted.margins).mean() > rate + 0.15
    assert weighted.trial.cost == pytest.approx(plain.trial.cost, abs=0.12)
    assert weighted.trial.cost < 1 - rate  # what refusing everyone costs, which the unmoved cut-off nearly does
    mended = probability_of(fit_calibration(DEFAULTED, weighted.margins).margins(weighted.margins))
    assert mended.mean() == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("grids", [{"logistic_regression": {}, "perceptron": {}}, {}])
def test_a_family_there_is_none_of_is_refused_before_anything_is_fitted(
    grids: dict[str, Any], settings: Settings
) -> None:
    told: list[str] = []
    with pytest.raises(KeyError, match="families are catboost, hist_gradient_boosting, logistic_regression"):
        search(settings, FRAME, DEFAULTED, grids, progress=told.append)
    assert told == []


def test_progress_is_told_family_by_family(settings: Settings) -> None:
    told: list[str] = []
    search(settings, FRAME, DEFAULTED, {"logistic_regression": GRIDS["logistic_regression"]}, progress=told.append)
    assert [text.split()[0] for text in told] == ["logistic_regression:", "logistic_regression"]
    assert "cost" in told[0]
    assert "wins" in told[1]


def test_the_search_leaves_no_files_in_the_working_directory(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    search(settings, FRAME, DEFAULTED, {"catboost": {"iterations": [5]}})
    assert not list(tmp_path.iterdir())
