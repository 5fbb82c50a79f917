"""The preprocessor for models that take neither categories nor missing values: impute, scale, one-hot encode."""

from typing import TYPE_CHECKING

from credit_platform.features.schema import FeatureSchema, model_frame

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.compose import ColumnTransformer

FILE_NAME = "preprocessor.joblib"


def preprocessor() -> "ColumnTransformer":
    """Unfitted, over a frame of `model_frame`: medians and scales of numeric features, a column for each category.

    A category that was not seen in training becomes a row of zeros.
    """
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    return ColumnTransformer(
        [
            ("numeric", numbers, make_column_selector(dtype_include="number")),
            (
                "category",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                make_column_selector(dtype_exclude="number"),
            ),
        ],
        verbose_feature_names_out=False,
    )


def fit_preprocessor(train: "pa.Table", schema: FeatureSchema) -> "ColumnTransformer":
    """Fits on the train part."""
    return preprocessor().fit(model_frame(train, schema))
