"""The leaf index: CatBoost's own leaves, whatever a model splits on; alone and among others, stored and refused."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credit_platform.scoring.leaf_index import UNSEEN, LeafIndex
from credit_platform_tests.scoring.test_leaf_shap import World


def texts_of(rows: Iterable[list[Any]]) -> set[str]:
    return {value for row in rows for value in row if isinstance(value, str)}


def leaves_of(index: LeafIndex, world: World, rows: list[list[Any]]) -> np.ndarray:
    numbers = [[math.nan if v is None else v for v, c in zip(row, world.columns, strict=True) if not c] for row in rows]
    hashes = [[index.hash_of.get(v, UNSEEN) for v, c in zip(row, world.columns, strict=True) if c] for row in rows]
    count = world.columns.count(0)
    return index.leaves(
        np.array(numbers, float).reshape(len(rows), count),
        np.array(hashes, np.uint64).reshape(len(rows), len(world.columns) - count),
    )


def assert_as_catboost(model: CatBoostClassifier, world: World, rows: list[list[Any]]) -> LeafIndex:
    index = LeafIndex.of(model, texts_of(world.rows))
    assert (leaves_of(index, world, rows) == model.calc_leaf_indexes(world.pool(rows))).all()
    return index


@pytest.fixture(scope="module")
def world() -> World:
    return World(numbers=3, cardinalities=[2, 5, 40], rows=300, seed=1)


@pytest.fixture(scope="module")
def model(world: World) -> CatBoostClassifier:
    return world.fit(iterations=12, depth=4, max_ctr_complexity=3, one_hot_max_size=3)


@pytest.fixture(scope="module")
def index(model: CatBoostClassifier, world: World) -> LeafIndex:
    return LeafIndex.of(model, texts_of(world.rows), "the model")


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    numbers=st.integers(1, 4),
    cardinalities=st.lists(st.sampled_from([1, 2, 3, 8, 30, 200]), max_size=4),
    rows=st.integers(20, 300),
    seed=st.integers(0, 10_000),
    parameters=st.fixed_dictionaries(
        {
            "depth": st.integers(1, 9),
            "iterations": st.integers(1, 8),
            "one_hot_max_size": st.sampled_from([1, 2, 5, 255]),
            "max_ctr_complexity": st.integers(1, 4),
            "nan_mode": st.sampled_from(["Min", "Max"]),
            "border_count": st.sampled_from([2, 32]),
            "boosting_type": st.sampled_from(["Plain", "Ordered"]),
            "simple_ctr": st.sampled_from([None, ["Buckets", "Counter"], ["BinarizedTargetMeanValue"]]),
            "combinations_ctr": st.sampled_from([None, ["Buckets"], ["BinarizedTargetMeanValue", "Counter"]]),
        }
    ),
)
def test_leaves_are_those_of_catboost(
    numbers: int, cardinalities: list[int], rows: int, seed: int, parameters: dict[str, Any]
) -> None:
    world = World(numbers, cardinalities, rows, seed)
    asked = {name: value for name, value in parameters.items() if value is not None}
    assert_as_catboost(world.fit(**asked), world, world.rows[:30] + world.more(60))


def test_combinations_of_categories_with_numbers_and_certain_categories_are_asked(world: World) -> None:
    model = World(numbers=1, cardinalities=[3, 4, 40], rows=600, seed=5)
    fitted = model.fit(iterations=40, max_ctr_complexity=4, one_hot_max_size=3)
    index = assert_as_catboost(fitted, model, model.rows + model.more(100))
    assert (index.parts >= 0).sum(axis=0).max() > 2
    on_sameness = index.condition_column >= len(index.gaps)
    assert on_sameness.any()
    assert not on_sameness.all()


@pytest.mark.parametrize("number", [1e300, -1e300, math.inf, -math.inf, 1e-300, -0.0, math.nan, 3.4028235e38])
def test_numbers_beyond_single_precision_reach_the_leaf_that_catboost_finds(
    model: CatBoostClassifier, world: World, number: float
) -> None:
    rows = [[value if isinstance(value, str) else number for value in row] for row in world.rows[:20]]
    assert_as_catboost(model, world, rows)


def test_numbers_at_a_border_are_not_above_it(model: CatBoostClassifier, world: World, index: LeafIndex) -> None:
    borders = np.unique(index.split_border[index.split_column == 0])[:-1].astype(float)
    found = [each for border in borders for each in (np.nextafter(border, -9), border, np.nextafter(border, 9))]
    first = world.columns.index(0)
    assert_as_catboost(
        model, world, [[*world.rows[0][:first], number, *world.rows[0][first + 1 :]] for number in found]
    )


def test_a_row_alone_reaches_what_it_reaches_among_many(index: LeafIndex, world: World) -> None:
    rows = world.more(400)
    together = leaves_of(index, world, rows * 4)
    assert (together[:400] == together[-400:]).all()
    assert (np.vstack([leaves_of(index, world, [row]) for row in rows[:50]]) == together[:50]).all()
    assert leaves_of(index, world, []).shape == (0, 12)


def test_a_stored_index_says_the_same(index: LeafIndex, world: World, tmp_path: Path) -> None:
    index.write(tmp_path)
    again, rows = LeafIndex.read(tmp_path, "the model"), world.more(100)
    assert (leaves_of(again, world, rows) == leaves_of(index, world, rows)).all()


def test_an_index_of_another_model_or_a_damaged_one_is_refused(index: LeafIndex, tmp_path: Path) -> None:
    path = index.write(tmp_path)
    with pytest.raises(ValueError, match="belongs to model the model, not another"):
        LeafIndex.read(tmp_path, "another")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="build the leaf index again"):
        LeafIndex.read(tmp_path, "the model")


def test_a_model_that_knows_more_categories_than_it_is_said_to_is_refused(
    model: CatBoostClassifier, world: World
) -> None:
    with pytest.raises(ValueError, match="not among those it was given"):
        LeafIndex.of(model, texts_of(world.rows) - {"c1"})
