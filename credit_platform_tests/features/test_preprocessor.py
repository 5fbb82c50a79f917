"""The preprocessor imputes, scales and encodes what it learnt from the train part."""

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.features.preprocessor import fit_preprocessor
from credit_platform.features.schema import MISSING_CATEGORY, Feature, FeatureSchema, model_frame

SCHEMA = FeatureSchema((Feature("AMT", "numeric"), Feature("KIND", "category", ("Car", "Lorry"))), ("2025-01",))
TRAIN = pa.table({"AMT": [1.0, 2.0, 3.0, None, 10.0], "KIND": ["Car", "Lorry", "Car", None, "Car"]})


def test_gaps_become_the_median_and_numbers_are_scaled() -> None:
    transformer = fit_preprocessor(TRAIN, SCHEMA)
    values = transformer.transform(model_frame(TRAIN, SCHEMA))
    imputed = np.array([1, 2, 3, 2.5, 10])
    assert values[:, 0] == pytest.approx((imputed - imputed.mean()) / imputed.std())


def test_every_category_of_the_train_part_gets_a_column_the_missing_one_included() -> None:
    transformer = fit_preprocessor(TRAIN, SCHEMA)
    names = list(transformer.get_feature_names_out())
    assert names == ["AMT", f"KIND_{MISSING_CATEGORY}", "KIND_Car", "KIND_Lorry"]


def test_a_category_that_was_never_seen_becomes_a_row_of_zeros() -> None:
    transformer = fit_preprocessor(TRAIN, SCHEMA)
    unseen = model_frame(pa.table({"AMT": [2.5], "KIND": ["Boat"]}), SCHEMA)
    assert list(transformer.transform(unseen)[0, 1:]) == [0, 0, 0]


@pytest.mark.parametrize("kept", [0, 1])
def test_features_of_one_kind_alone_are_fine(kept: int) -> None:
    schema = FeatureSchema((SCHEMA.features[kept],), SCHEMA.cohorts)
    values = fit_preprocessor(TRAIN, schema).transform(model_frame(TRAIN, schema))
    assert np.isfinite(np.asarray(values, dtype=float)).all()
