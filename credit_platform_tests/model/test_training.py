"""A training as a whole: what is held out stays out, protected attributes neither decide nor explain, weights help."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from credit_platform.explain.reasons import family_sums
from credit_platform.features.protected import protected_columns
from credit_platform.features.schema import FeatureSchema
from credit_platform.features.splits import write_splits
from credit_platform.features.window import Window
from credit_platform.mart.build import mart_columns
from credit_platform.model import training
from credit_platform.model.calibration import probability_of
from credit_platform.model.training import Trained, train
from credit_platform.settings import Settings
from credit_platform_tests.worlds import GRIDS, outcomes, people, write_labelled_cohort

CATBOOST = {"catboost": {"depth": [2], "iterations": [60], "learning_rate": [0.15]}}
MART = people(1_200)
Outcomes = Callable[[pa.Table], np.ndarray]


@dataclass(frozen=True)
class World:
    """Splits of a cohort of people, as `feature_splits` makes them, and settings to train on them."""

    settings: Settings
    splits: Path

    def train(self, folder: Path, weighted: bool = False, **grids: dict[str, list[object]]) -> Trained:
        folder.mkdir()
        return train(self.settings, self.splits, grids or CATBOOST, folder, weighted=weighted, progress=lambda _: None)


def world(folder: Path, of: Outcomes, mart: pa.Table = MART) -> World:
    settings = Settings(
        _env_file=None, data_dir=folder, cross_validation_folds=2, threads=1, bootstrap_samples=60, most_features=6
    )
    write_labelled_cohort(settings, "2025-01", mart, of(mart))
    splits = folder / "splits"
    splits.mkdir()
    write_splits(settings, Window(("2025-01",), None), {}, protected_columns(settings.protected_attributes), splits)
    for part in ("X_test", "y_test"):
        (splits / f"{part}.parquet").unlink()  # what a training may not look at
    return World(settings, splits)


def by_gender(mart: pa.Table) -> np.ndarray:
    """Outcomes on which gender has more influence than all else."""
    chance = np.where(np.array(mart["CODE_GENDER"].to_pylist()) == "M", 0.35, 0.03)
    return (np.random.default_rng(5).random(mart.num_rows) < chance).astype(int)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("plain"), outcomes)


@pytest.fixture(scope="module")
def trained(plain: World, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plain.train(tmp_path_factory.mktemp("trained") / "scorer")


@pytest.fixture(scope="module")
def tempted(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Trained]:
    """A training where a protected attribute would have told most."""
    folder = tmp_path_factory.mktemp("tempted")
    own = world(folder, by_gender)
    return own, own.train(folder / "scorer")


def test_it_ends_with_a_version_that_decides(trained: Trained, plain: World) -> None:
    scorer = trained.scorer
    rows = pq.read_table(plain.splits / "X_valid.parquet")
    defaulted = pq.read_table(plain.splits / "y_valid.parquet")["TARGET"].to_numpy()
    assert roc_auc_score(defaulted, scorer.table_probabilities(rows)) > 0.65
    assert {scorer.decide(p) for p in scorer.table_probabilities(rows).tolist()} == {"approve", "review", "refuse"}
    assert trained.additivity_error < 1e-9
    assert trained.stability is not None
    assert trained.stability.same_first > 0.5


def test_the_cutoff_the_grades_and_the_calibration_are_fitted_on_what_is_held_out(trained: Trained) -> None:
    scorer, probability, defaulted = trained.scorer, trained.probability, trained.outcomes
    assert probability.mean() == pytest.approx(defaulted.mean(), abs=1e-6)
    refused = probability >= scorer.threshold.value
    assert scorer.threshold.cost_per_client == pytest.approx(
        (10 * (defaulted & ~refused) + (1 - defaulted) * refused).mean()
    )
    assert scorer.threshold.low <= scorer.threshold.value <= scorer.threshold.high
    assert sum(grade.clients for grade in scorer.scale.grades) == len(defaulted)
    rates = [grade.default_rate for grade in scorer.scale.grades]
    assert rates == sorted(rates)
    assert [row["missed default costs"] for row in trained.sensitivity] == [5, 7.5, 10, 12.5, 15, 20]


@pytest.mark.parametrize("which", ["trained", "tempted"])
def test_protected_attributes_are_in_no_schema_and_no_reason(which: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(which)
    scorer = found.scorer if isinstance(found, Trained) else found[1].scorer
    protected = {"DAYS_BIRTH", "CODE_GENDER"}
    assert protected.isdisjoint(scorer.schema.names)
    assert {feature.name for feature in scorer.schema.audited} == protected
    assert protected.isdisjoint(scorer.importance)
    assert protected.isdisjoint(scorer.reason_table.names)
    rows = people(150, seed=8)
    families = scorer.reason_table.families
    sums = family_sums(scorer.table_contributions(rows)[:, :-1], scorer.reason_table)
    assert not sums[:, [place for place, family in enumerate(families) if family.protected]].any()
    told = [reason for row in rows.to_pylist() for reason in scorer.score_row(row).reasons]
    assert told
    assert protected.isdisjoint(reason.feature for reason in told)
    turned = [
        {**row, "CODE_GENDER": "F" if row["CODE_GENDER"] == "M" else "M", "DAYS_BIRTH": -8000.0}
        for row in rows.to_pylist()
    ]
    assert (scorer.probabilities(turned) == scorer.probabilities(rows.to_pylist())).all()


def test_what_leaving_out_protected_attributes_costs_is_measured(
    trained: Trained, tempted: tuple[World, Trained]
) -> None:
    dear = tempted[1].price
    assert set(trained.price) == set(dear) == {"auc", "cost_per_client"}
    assert dear["auc"].low > 0.1
    assert dear["cost_per_client"].high < 0
    assert trained.price["auc"].low <= 0  # where they say nothing, they would bring nothing
    assert trained.price["cost_per_client"].high >= 0


def test_without_protected_attributes_there_is_no_price(plain: World, tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    splits.mkdir()
    for path in plain.splits.iterdir():
        (splits / path.name).symlink_to(path)
    schema = FeatureSchema.read(plain.splits)
    (splits / "feature_schema.json").unlink()
    FeatureSchema(schema.features, schema.cohorts).write(splits)
    assert World(plain.settings, splits).train(tmp_path / "scorer").price == {}


@pytest.mark.parametrize("family", GRIDS)
def test_a_weighted_training_gives_calibrated_probabilities_too(family: str, plain: World, tmp_path: Path) -> None:
    weighted = plain.train(tmp_path / "scorer", weighted=True, **{family: GRIDS[family]})
    rate = weighted.outcomes.mean()
    assert weighted.found.trial.family == family
    assert probability_of(weighted.found.margins).mean() > rate + 0.1  # the fits themselves are far off
    assert weighted.probability.mean() == pytest.approx(rate, abs=1e-6)
    valid = pq.read_table(plain.splits / "X_valid.parquet")
    assert weighted.scorer.table_probabilities(valid).mean() == pytest.approx(rate, abs=0.05)
    assert abs(weighted.price["cost_per_client"].value) < 0.1


def test_the_same_training_again_is_the_same_to_the_bit(plain: World, trained: Trained, tmp_path: Path) -> None:
    again = plain.train(tmp_path / "scorer")
    rows = people(200, seed=8)
    assert (again.scorer.table_probabilities(rows) == trained.scorer.table_probabilities(rows)).all()
    assert (again.scorer.table_contributions(rows) == trained.scorer.table_contributions(rows)).all()
    assert (again.probability == trained.probability).all()
    assert again.price == trained.price
    assert again.stability == trained.stability


def test_features_that_happen_to_fit_do_not_make_what_is_held_out_look_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many columns of chance, the best few fit the outcomes they were chosen by, and no others."""
    random = np.random.default_rng(4)
    mart = people(600)
    for name in [column.name for column in mart_columns() if "AMT" in column.name][:200]:
        if name not in mart.column_names:
            mart = mart.append_column(name, pa.array(random.normal(size=600)))
    chance = world(tmp_path, lambda _: (random.random(600) < 0.25).astype(int), mart)
    monkeypatch.setattr(training, "select_features", best_correlated)
    found = chance.train(tmp_path / "scorer", logistic_regression={"logisticregression__C": [1.0]})
    assert len(found.scorer.schema.names) == 12
    assert np.mean(found.found.trials[0].aucs) > 0.65  # what the search sees, whose features all rows have chosen
    assert roc_auc_score(found.outcomes, found.found.margins) == pytest.approx(0.5, abs=0.1)


def best_correlated(
    settings: Settings, splits: Path, schema: FeatureSchema, rows: np.ndarray | None = None
) -> FeatureSchema:
    """The twelve numbers that go best with the outcomes of some rows of the train part, or of all."""
    names = [feature.name for feature in schema.features if feature.kind == "numeric"]
    table, defaulted = (pq.read_table(splits / f"{side}_train.parquet") for side in "Xy")
    of = slice(None) if rows is None else rows
    strength = [
        abs(np.corrcoef(np.nan_to_num(table[n].to_numpy()[of]), defaulted["TARGET"].to_numpy()[of])[0, 1])
        for n in names
    ]
    return schema.subset([names[i] for i in np.argsort(strength)[-12:]])
