"""The preprocessor for models that take neither categories nor missing values: impute, scale, one-hot encode."""

from typing import TYPE_CHECKING

from credit_platform.features.schema import FeatureSchema, model_frame

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.compose import ColumnTransformer

FILE_NAME = "preprocessor.joblib"


def fit_preprocessor(train: "pa.Table", schema: FeatureSchema) -> "ColumnTransformer":
    """Fits on the train part: medians and scales of numeric features, categories of the others.

    A category that was not seen in training becomes a row of zeros.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = [feature.name for feature in schema.features if feature.kind == "numeric"]
    transformer = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), schema.category_names),
        ],
        verbose_feature_names_out=False,
    )
    return transformer.fit(model_frame(train, schema))
