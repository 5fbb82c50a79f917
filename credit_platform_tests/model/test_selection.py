"""Selection keeps what a first model uses, in the schema's order."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.model.selection import select_features
from credit_platform.settings import Settings

NAMES = ["NOISE_1", "TELLING", "NOISE_2", "KIND", "NOISE_3", "ALSO_TELLING"]
SCHEMA = FeatureSchema(
    tuple(Feature(name, "category" if name == "KIND" else "numeric", meaning=name.lower()) for name in NAMES),
    ("2025-01",),
    (Feature("CODE_GENDER", "category"),),
)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A train part on whose first half one feature tells the outcome, on the second another."""
    folder = tmp_path_factory.mktemp("splits")
    random = np.random.default_rng(3)
    values = {name: random.normal(size=800) for name in NAMES if name != "KIND"}
    telling = np.concatenate([values["TELLING"][:400], values["ALSO_TELLING"][400:]])
    defaulted = (telling + random.normal(0, 0.3, 800) > 0.8).astype(int)
    kinds = pa.array(random.choice(["a", "b"], 800), pa.string())
    pq.write_table(pa.table({**values, "KIND": kinds, "CODE_GENDER": kinds}), folder / "X_train.parquet")
    pq.write_table(pa.table({"TARGET": defaulted}), folder / "y_train.parquet")
    return folder


def settings(most: int) -> Settings:
    return Settings(_env_file=None, most_features=most, threads=1)


def test_the_features_that_tell_are_kept_in_the_schemas_order(splits: Path) -> None:
    chosen = select_features(settings(2), splits, SCHEMA)
    assert chosen.names == ["TELLING", "ALSO_TELLING"]
    assert chosen.features[0] == SCHEMA.features[1]
    assert (chosen.cohorts, chosen.audited) == (SCHEMA.cohorts, SCHEMA.audited)


@pytest.mark.parametrize("most", [1, 3, 5])
def test_no_more_are_kept_than_asked_for(splits: Path, most: int) -> None:
    chosen = select_features(settings(most), splits, SCHEMA).names
    assert len(chosen) == most
    assert chosen == [name for name in NAMES if name in chosen]


def test_a_schema_that_is_small_enough_is_left_as_it_is_without_a_model(tmp_path: Path) -> None:
    assert select_features(settings(6), tmp_path / "nowhere", SCHEMA) is SCHEMA


def test_only_the_named_rows_choose(splits: Path) -> None:
    first, second = (select_features(settings(1), splits, SCHEMA, np.arange(400) + start) for start in (0, 400))
    assert (first.names, second.names) == (["TELLING"], ["ALSO_TELLING"])


def test_the_same_seed_chooses_the_same(splits: Path) -> None:
    assert select_features(settings(4), splits, SCHEMA) == select_features(settings(4), splits, SCHEMA)
