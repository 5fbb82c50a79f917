"""Leaf tables: CatBoost's own SHAP values and margins, whatever a model splits on; grouped, stored and refused."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catboost import CatBoost, CatBoostClassifier, Pool, sum_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credit_platform.features.schema import model_frame
from credit_platform.scoring.leaf_shap import FILE_NAME, LeafTables
from credit_platform.scoring.models import CATBOOST_FILE
from credit_platform_tests.worlds import SCHEMA, applicants

UNSEEN = "Never heard of"
QUIET = {"verbose": False, "allow_writing_files": False, "thread_count": 1, "random_seed": 0}


class World:
    """Rows of numbers with gaps and of categories, mixed; every value counts for the outcome, the first two jointly."""

    def __init__(self, numbers: int, cardinalities: list[int], rows: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.columns = self.random.permutation([0] * numbers + cardinalities).tolist()  # 0 for a number
        self.rows = self.more(rows, unseen=0, seed=seed + 1)
        signs = np.array([[self._speaks_for(value) for value in row] for row in self.rows])
        strength = signs.sum(1) + 2 * (signs[:, :2].sum(1) % 2) + self.random.normal(size=rows)
        self.outcomes = strength > np.median(strength)

    def more(self, rows: int, unseen: float = 0.2, seed: int = 0) -> list[list[Any]]:
        random = np.random.default_rng(seed)
        return [[self._value(random, cardinality, unseen) for cardinality in self.columns] for _ in range(rows)]

    def pool(self, rows: list[list[Any]], **given: Any) -> Pool:
        return Pool(rows, cat_features=np.flatnonzero(self.columns), **given)

    def fit(self, weight: Any = None, **parameters: Any) -> CatBoostClassifier:
        model = CatBoostClassifier(**{**QUIET, "iterations": 6, **parameters})
        return model.fit(self.pool(self.rows, label=self.outcomes, weight=weight))

    @staticmethod
    def _value(random: np.random.Generator, cardinality: int, unseen: float) -> float | str | None:
        if cardinality:
            return UNSEEN if random.random() < unseen else f"c{random.integers(cardinality)}"
        return random.choice([None, math.nan]) if random.random() < 0.2 else random.normal()

    @staticmethod
    def _speaks_for(value: float | str | None) -> bool:
        return int(value[1:]) % 3 == 0 if isinstance(value, str) else value is not None and value > 0


def assert_as_catboost(model: CatBoost, pool: Pool) -> LeafTables:
    tables, leaves = LeafTables.of(model), model.calc_leaf_indexes(pool)
    margins = model.predict(pool, prediction_type="RawFormulaVal")
    contributions = tables.contributions(leaves)
    assert np.abs(contributions - model.get_feature_importance(pool, type="ShapValues")).max() <= 1e-9
    assert np.abs(contributions.sum(axis=1) - margins).max() <= 1e-9
    assert np.abs(tables.margins(leaves) - margins).max() <= 1e-12
    return tables


def target_statistics(model: CatBoost, folder: Path) -> list[dict[str, Any]]:
    model.save_model(str(folder / "model.json"), format="json")
    return json.loads((folder / "model.json").read_text())["features_info"].get("ctrs", [])


@pytest.fixture(scope="module")
def world() -> World:
    return World(numbers=3, cardinalities=[2, 5, 40], rows=300, seed=1)


@pytest.fixture(scope="module")
def model(world: World) -> CatBoostClassifier:
    return world.fit(iterations=12, depth=4, max_ctr_complexity=3, one_hot_max_size=3)


@pytest.fixture(scope="module")
def tables(model: CatBoostClassifier) -> LeafTables:
    return LeafTables.of(model, "the model")


@pytest.fixture(scope="module")
def leaves(model: CatBoostClassifier, world: World) -> np.ndarray:
    return model.calc_leaf_indexes(world.pool(world.more(400)))


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    numbers=st.integers(1, 4),
    cardinalities=st.lists(st.sampled_from([1, 2, 3, 8, 30, 200]), max_size=4),
    rows=st.integers(20, 150),
    seed=st.integers(0, 10_000),
    parameters=st.fixed_dictionaries(
        {
            "depth": st.integers(1, 7),
            "iterations": st.integers(1, 8),
            "one_hot_max_size": st.sampled_from([1, 2, 5, 255]),
            "max_ctr_complexity": st.integers(1, 3),
            "nan_mode": st.sampled_from(["Min", "Max"]),
            "border_count": st.sampled_from([2, 32]),
            "boost_from_average": st.booleans(),
            "boosting_type": st.sampled_from(["Plain", "Ordered"]),
            "bootstrap_type": st.sampled_from(["No", "Bernoulli", "MVS"]),
            "class_weights": st.sampled_from([None, [1.0, 7.5]]),
        }
    ),
    weighted=st.booleans(),
)
def test_tables_say_what_catboost_says(
    numbers: int, cardinalities: list[int], rows: int, seed: int, parameters: dict[str, Any], weighted: bool
) -> None:
    world = World(numbers, cardinalities, rows, seed)
    weight = world.random.integers(1, 4, rows) / 3 if weighted else None
    assert_as_catboost(world.fit(weight, **parameters), world.pool(world.rows[:30] + world.more(60)))


@pytest.mark.parametrize("depth", [8, 9, 10])
def test_deep_trees_are_explained(depth: int) -> None:
    world = World(numbers=6, cardinalities=[3], rows=600, seed=4)
    tables = assert_as_catboost(world.fit(iterations=2, depth=depth), world.pool(world.more(20)))
    assert tables.leaf_count.max() == 2**depth


def test_combinations_of_categories_are_explained(tmp_path: Path) -> None:
    world = World(numbers=1, cardinalities=[3, 4, 5], rows=400, seed=5)
    model = world.fit(iterations=30, max_ctr_complexity=3, one_hot_max_size=1)
    kinds = [[e["combination_element"] for e in ctr["elements"]] for ctr in target_statistics(model, tmp_path)]
    assert any(elements.count("cat_feature_value") == 2 for elements in kinds)
    assert any("float_feature" in elements for elements in kinds)
    assert_as_catboost(model, world.pool(world.rows + world.more(100)))


def test_a_feature_that_a_tree_asks_again_and_again_is_explained_once() -> None:
    world = World(numbers=1, cardinalities=[], rows=200, seed=2)
    tables = assert_as_catboost(world.fit(depth=5), world.pool(world.more(100)))
    assert tables.leaf_count.max() == 32
    assert (tables.slot_count == 1).all()


def test_leaves_that_no_training_row_reached_are_explained(world: World) -> None:
    model = world.fit(depth=7)
    pool = world.pool(world.more(300))
    weights = model.get_leaf_weights()[model.calc_leaf_indexes(pool) + LeafTables.of(model).leaf_start]
    assert (weights == 0).any()
    assert_as_catboost(model, pool)


def test_trees_without_splits_add_to_the_baseline_alone() -> None:
    rows = [[f"client {i}"] for i in range(60)]
    model = CatBoostClassifier(**QUIET, iterations=4, cat_features=[0]).fit(rows, [0, 1, 1] * 20)
    assert model.get_tree_leaf_counts().tolist() == [1, 1, 1, 1]
    tables = assert_as_catboost(model, Pool(rows, cat_features=[0]))
    assert tables.contributions(np.zeros((2, 4), int))[:, 0].tolist() == [0, 0]


def test_a_model_cut_at_its_best_tree_is_explained(world: World) -> None:
    tested = world.pool(world.rows, label=~world.outcomes)
    model = CatBoostClassifier(**QUIET, iterations=9, use_best_model=True)
    model.fit(world.pool(world.rows, label=world.outcomes), eval_set=tested)
    assert model.tree_count_ < 9
    assert_as_catboost(model, tested)


def test_a_sum_of_models_is_explained(world: World) -> None:
    summed = sum_models([world.fit(depth=3), world.fit(depth=5, random_seed=3)], weights=[0.3, 0.7])
    assert_as_catboost(summed, world.pool(world.more(100)))


def test_a_bias_is_part_of_the_baseline_and_a_scale_of_everything(world: World) -> None:
    model, pool = world.fit(), world.pool(world.more(100))
    leaves = model.calc_leaf_indexes(pool)
    plain = LeafTables.of(model).contributions(leaves)
    _, bias = model.get_scale_and_bias()
    model.set_scale_and_bias(1.0, bias + 0.25)
    assert_as_catboost(model, pool)
    model.set_scale_and_bias(2.5, bias)  # CatBoost has no SHAP values for these
    tables = LeafTables.of(model)
    scaled = 2.5 * plain
    scaled[:, -1] -= 1.5 * bias
    assert np.abs(tables.contributions(leaves) - scaled).max() <= 1e-12
    assert np.abs(tables.margins(leaves) - model.predict(pool, prediction_type="RawFormulaVal")).max() <= 1e-12


def test_a_stored_version_gets_the_probabilities_and_reasons_of_its_model(version_folder: Path) -> None:
    model = CatBoostClassifier().load_model(str(version_folder / CATBOOST_FILE))
    pool = Pool(model_frame(applicants(50, seed=8), SCHEMA), cat_features=SCHEMA.category_names)
    margins = assert_as_catboost(model, pool).margins(model.calc_leaf_indexes(pool))
    probabilities = np.array([1 / (1 + math.exp(-margin)) for margin in margins])
    assert np.abs(probabilities - model.predict_proba(pool)[:, 1]).max() <= 1e-12


def test_a_row_alone_has_the_very_numbers_it_has_among_others(tables: LeafTables, leaves: np.ndarray) -> None:
    together, margins = tables.contributions(leaves), tables.margins(leaves)
    for i in range(len(leaves)):
        assert (tables.contributions(leaves[i : i + 1])[0] == together[i]).all()
        assert tables.margins(leaves[i : i + 1])[0] == margins[i]


def test_many_rows_are_taken_in_blocks(tables: LeafTables, leaves: np.ndarray) -> None:
    many = np.tile(leaves, (20, 1))
    assert (tables.contributions(many) == np.tile(tables.contributions(leaves), (20, 1))).all()
    assert (tables.margins(many) == np.tile(tables.margins(leaves), 20)).all()


def test_no_rows_have_no_contributions(tables: LeafTables) -> None:
    none = np.zeros((0, len(tables.leaf_count)), int)
    assert tables.contributions(none).shape == (0, 7)
    assert tables.margins(none).shape == (0,)


@given(groups=st.lists(st.integers(0, 4), min_size=6, max_size=6))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_group_gets_what_its_features_get(tables: LeafTables, leaves: np.ndarray, groups: list[int]) -> None:
    alone, together = tables.contributions(leaves), tables.grouped(groups)
    found = together.contributions(leaves)
    for group in range(max(groups) + 1):
        assert np.abs(found[:, group] - alone[:, :-1][:, np.array(groups) == group].sum(axis=1)).max() <= 1e-12
    assert (found[:, -1] == alone[:, -1]).all()
    assert (together.margins(leaves) == tables.margins(leaves)).all()


@pytest.mark.parametrize("groups", [[0, 1], [0, 0, 0, 0, 0, -1], [0.5] * 6])
def test_groups_that_do_not_fit_the_features_are_refused(tables: LeafTables, groups: list[float]) -> None:
    with pytest.raises(ValueError, match="6 whole numbers"):
        tables.grouped(groups)


def test_stored_tables_say_the_same(tables: LeafTables, leaves: np.ndarray, tmp_path: Path) -> None:
    assert tables.write(tmp_path) == tmp_path / FILE_NAME
    again = LeafTables.read(tmp_path, "the model")
    assert (again.contributions(leaves) == tables.contributions(leaves)).all()
    assert (again.margins(leaves) == tables.margins(leaves)).all()


def test_the_same_model_is_stored_in_the_same_bytes(model: CatBoostClassifier, tmp_path: Path) -> None:
    assert LeafTables.of(model).write(tmp_path).read_bytes() == LeafTables.of(model).write(tmp_path).read_bytes()


def test_stored_tables_of_another_model_are_refused(tables: LeafTables, tmp_path: Path) -> None:
    tables.write(tmp_path)
    with pytest.raises(ValueError, match="belongs to model the model, not another"):
        LeafTables.read(tmp_path, "another")


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=FILE_NAME):
        LeafTables.read(tmp_path, "")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_the_future(path: Path) -> None:
    with np.load(path) as stored:
        np.savez(path, **{**stored, "format": 99})


def without_a_part(path: Path) -> None:
    with np.load(path) as stored:
        np.savez(path, **{name: stored[name] for name in stored if name != "slot_start"})


@pytest.mark.parametrize("damage", [cut, flip, empty, of_the_future, without_a_part])
def test_damaged_tables_are_refused(tables: LeafTables, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(tables.write(tmp_path))
    with pytest.raises(ValueError, match=r"leaf_shap\.npz can't be read, build the leaf tables again"):
        LeafTables.read(tmp_path, "the model")


@pytest.mark.parametrize("leaf_indexes", [[[0, 0]], [0] * 12, [[0.5] * 12], [[0] * 11 + [16]], [[0] * 11 + [-1]]])
def test_leaf_indexes_of_another_model_are_refused(tables: LeafTables, leaf_indexes: list[Any]) -> None:
    for ask in (tables.contributions, tables.margins):
        with pytest.raises(ValueError, match="leaf ind"):
            ask(leaf_indexes)


def of_other_kind(**parameters: Any) -> CatBoost:
    random = np.random.default_rng(0)
    columns = random.normal(size=(600, 2))
    outcomes = np.digitize(columns[:, 0], [0, 1]) if "MultiClass" in parameters.values() else columns[:, 0] > 0
    return CatBoostClassifier(**{**QUIET, "iterations": 2, **parameters}).fit(columns, outcomes)


def of_texts() -> CatBoost:
    texts = [["good new loan"], ["bad late debt"]] * 20
    return CatBoostClassifier(**QUIET, iterations=2, text_features=[0]).fit(texts, [0, 1] * 20)


def that_forgot_a_feature() -> CatBoost:
    columns = np.random.default_rng(0).normal(size=(80, 3)) * [0, 1, 1]
    model = CatBoostClassifier(**QUIET, iterations=2).fit(columns, columns[:, 1] > 0)
    model.drop_unused_features()
    return model


def without_trees() -> CatBoost:
    model = of_other_kind()
    model.shrink(0, 0)
    return model


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (lambda: of_other_kind(grow_policy="Depthwise"), "symmetric"),
        (lambda: of_other_kind(grow_policy="Lossguide"), "symmetric"),
        (lambda: of_other_kind(loss_function="MultiClass"), "one output, this one has 3"),
        (lambda: of_other_kind(depth=11), "depth 10 or less, one of this model's has 11"),
        (of_texts, "without text"),
        (that_forgot_a_feature, "knows all its features"),
        (without_trees, "at least one tree"),
        (CatBoostClassifier, "fitted"),
    ],
)
def test_models_of_another_kind_are_refused(refused: Callable[[], CatBoost], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        LeafTables.of(refused())


def test_a_model_that_lost_its_leaf_weights_is_refused(model: CatBoostClassifier, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    model.save_model(str(path), format="json")
    exported = json.loads(path.read_text())
    for tree in exported["oblivious_trees"]:
        del tree["leaf_weights"]
    path.write_text(json.dumps(exported))
    with pytest.raises(ValueError, match="have no weights"):
        LeafTables.of(CatBoost().load_model(str(path), format="json"))


def test_a_leaf_that_only_rows_of_weight_0_reached_is_refused() -> None:
    world = World(numbers=2, cardinalities=[3], rows=100, seed=0)
    model = world.fit(world.random.integers(0, 4, 100) / 3, depth=4)
    with pytest.raises(ValueError, match=r"leaf \d+ of tree \d has a value but no weight"):
        LeafTables.of(model)
