"""The feature schema is stored and read unchanged, and turns tables into what a model reads."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.features.schema import MISSING_CATEGORY, Feature, FeatureSchema, model_frame

SCHEMA = FeatureSchema(
    (
        Feature("KIND", "category", ("Car", "Lorry"), missing_share=0.25, meaning="What for"),
        Feature("AMT / INCOME", "numeric", low=-1.5, high=2e9),
    ),
    ("2025-01", "2025-02"),
)


def test_a_stored_schema_is_read_unchanged(tmp_path: Path) -> None:
    SCHEMA.write(tmp_path)
    assert FeatureSchema.read(tmp_path) == SCHEMA


def test_a_folder_without_a_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FeatureSchema.read(tmp_path)


def test_a_frame_has_the_models_columns_in_its_order_whatever_the_tables() -> None:
    table = pa.table({"AMT / INCOME": [1, None], "OTHER": [0, 0], "KIND": ["Car", None]})
    frame = model_frame(table, SCHEMA)
    assert list(frame.columns) == SCHEMA.names
    assert frame["AMT / INCOME"].dtype == np.float64
    assert np.isnan(frame["AMT / INCOME"][1])
    assert list(frame["KIND"]) == ["Car", MISSING_CATEGORY]


def test_columns_without_any_value_or_row_keep_their_types() -> None:
    frame = model_frame(pa.table({"AMT / INCOME": pa.nulls(2), "KIND": pa.nulls(2)}), SCHEMA)
    assert frame["AMT / INCOME"].isna().all()
    assert set(frame["KIND"]) == {MISSING_CATEGORY}
    empty = model_frame(pa.table({"AMT / INCOME": pa.array([], pa.int32()), "KIND": pa.array([], pa.string())}), SCHEMA)
    assert empty.shape == (0, 2)


def test_encoded_categories_and_decimals_are_read_alike() -> None:
    kinds = pa.array(["Car", None, "Lorry"]).dictionary_encode()
    amounts = pa.array([1, 2, 3]).cast(pa.decimal128(30, 2))
    frame = model_frame(pa.table({"AMT / INCOME": amounts, "KIND": kinds}), SCHEMA)
    assert list(frame["KIND"]) == ["Car", MISSING_CATEGORY, "Lorry"]
    assert list(frame["AMT / INCOME"]) == [1.0, 2.0, 3.0]


def test_a_table_that_lacks_features_is_refused_with_their_names() -> None:
    with pytest.raises(KeyError, match="lacks 2 features of the model, AMT / INCOME, KIND among them"):
        model_frame(pa.table({"OTHER": [1]}), SCHEMA)
