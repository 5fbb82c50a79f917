"""Versions of other families than CatBoost: scikit-learn pipelines of a column transformer and a classifier.

Contributions are exact: coefficients times distances from the usual row for a logistic regression, shap's exact tree
explainer for boosting. scikit-learn, and shap for boosting, are imported where such a version is in force, and only
there (the extra `serving-sklearn`). Not here: how they are fitted (`model/families.py`).
"""

from collections.abc import Sequence
from functools import cache, cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.model.reference import draw, read_reference
from credit_platform.scoring.models import Row, category_value, number_value

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FILE_NAME = "model.skops"
BACKGROUND_ROWS = 1000
_OURS = frozenset(
    {
        "numpy.dtype",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)
"""What our pipelines hold beside what skops trusts by itself. Names one by one, not whole packages: scipy and numpy
have functions that run code too."""


_MODULES = {"pandas": "pandas", "scikit-learn": "sklearn", "skops": "skops", "shap": "shap"}
"""What distributions are imported as."""


class MissingLibraryError(ImportError):
    """A version needs a library that is not installed here."""


def write_estimator(pipeline: Any, folder: Path) -> Path:
    """Stores a fitted pipeline without pickling it."""
    import skops.io

    path = folder / FILE_NAME
    skops.io.dump(pipeline, path)
    return path


def libraries_of(folder: Path) -> tuple[str, ...]:
    """The distributions that scoring a version takes beside the scorer's own; none for a CatBoost version."""
    path = folder / FILE_NAME
    if not path.exists():
        return ()
    with ZipFile(path) as stored:
        boosting = b"HistGradientBoosting" in stored.read("schema.json")
    return ("pandas", "scikit-learn", "skops", *(["shap"] if boosting else []))


def load_estimator(folder: Path, schema: FeatureSchema) -> "EstimatorModel":
    """Loads a version's pipeline.

    Raises:
        FileNotFoundError: the folder holds no pipeline.
        MissingLibraryError: a library that the pipeline needs is not installed.
        ValueError: the file holds classes or functions that no pipeline of ours does.
    """
    if lacking := [name for name in libraries_of(folder) if find_spec(_MODULES[name]) is None]:
        raise MissingLibraryError(
            f"{folder} holds a scikit-learn pipeline, which takes {', '.join(lacking)} to score: install "
            "credit-platform[serving-sklearn], or let a CatBoost version decide, which needs neither"
        )
    import skops.io

    content = (folder / FILE_NAME).read_bytes()
    if strange := sorted(set(skops.io.get_untrusted_types(data=content)) - _OURS):
        raise ValueError(f"{folder / FILE_NAME} holds {', '.join(strange)}, which no pipeline of ours does")
    pipeline = skops.io.loads(content, trusted=sorted(_OURS))
    background = model_frame(draw(read_reference(folder), BACKGROUND_ROWS, seed=0), schema)
    return EstimatorModel(pipeline, schema, background, sha256(content).hexdigest())


class EstimatorModel:
    """A scikit-learn pipeline of column transformer and classifier; `background` are rows to compare clients with."""

    def __init__(self, pipeline: Any, schema: FeatureSchema, background: "pd.DataFrame", digest: str) -> None:
        self._pipeline, self._schema, self._background, self.digest = pipeline, schema, background, digest

    def margins(self, table: "pa.Table") -> NDArray[np.float64]:
        return np.asarray(self._pipeline.decision_function(model_frame(table, self._schema)), float)

    def contributions(self, table: "pa.Table") -> NDArray[np.float64]:
        return self._explained(model_frame(table, self._schema))

    def margins_of_rows(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        with _few():
            return np.asarray(self._pipeline.decision_function(self._frame(rows)), float)

    def of_rows(self, rows: Sequence[Row]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        frame = self._frame(rows)
        with _few():
            return np.asarray(self._pipeline.decision_function(frame), float), self._explained(frame)

    def _frame(self, rows: Sequence[Row]) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(
            {
                f.name: [
                    category_value(row.get(f.name)) if f.kind == "category" else number_value(row.get(f.name))
                    for row in rows
                ]
                for f in self._schema.features
            }
        )

    def _explained(self, frame: "pd.DataFrame") -> NDArray[np.float64]:
        """Contributions of the encoded columns, summed back to the features they encode."""
        encoded = np.asarray(self._encoder.transform(frame), float)
        values, baseline = self._of_encoded(encoded)
        found = np.zeros((len(frame), len(self._schema.features) + 1))
        found[:, :-1] = values @ self._encodes
        found[:, -1] = baseline
        return found

    def _of_encoded(self, encoded: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        if hasattr(self._classifier, "coef_"):
            weights = self._classifier.coef_[0]
            return (encoded - self._usual) * weights, float(self._classifier.intercept_[0] + self._usual @ weights)
        return np.asarray(self._tree_explainer.shap_values(encoded)), float(
            np.ravel(self._tree_explainer.expected_value)[0]
        )

    @cached_property
    def _usual(self) -> NDArray[np.float64]:
        """The mean of the encoded columns over the background."""
        return np.asarray(np.mean(self._encoder.transform(self._background), axis=0), float)

    @property
    def _encoder(self) -> Any:
        return self._pipeline[0]

    @property
    def _classifier(self) -> Any:
        return self._pipeline[-1]

    @cached_property
    def _tree_explainer(self) -> Any:
        import shap

        return shap.TreeExplainer(self._classifier)

    @cached_property
    def _encodes(self) -> NDArray[np.float64]:
        """1 where an encoded column encodes a feature, shape (columns, features)."""
        names = []
        for _, transformer, columns in self._encoder.transformers_:
            one_hot = type(transformer).__name__ == "OneHotEncoder"
            for i, name in enumerate(columns):
                names += [name] * (len(transformer.categories_[i]) if one_hot else 1)
        return np.asarray(np.array(names)[:, None] == np.array(self._schema.names), float)


def _few() -> Any:
    """One thread while the block runs: a second one costs a few rows more than it saves."""
    return _threads().limit(limits=1, user_api="openmp")


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
