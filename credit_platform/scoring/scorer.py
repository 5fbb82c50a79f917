"""The scorer: one model version, loaded natively, turning client rows into probabilities, decisions and contributions.

The API, the batch scores and the tests all use this module, so that they can't disagree. It imports neither dagster
nor mlflow; where a version's files come from is `model/registry.py`'s business.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import MISSING_CATEGORY, Feature, FeatureSchema, model_frame
from credit_platform.model.business_cost import Threshold

if TYPE_CHECKING:
    import pyarrow as pa
    from catboost import CatBoostClassifier, Pool

Decision = Literal["approve", "refuse"]


@dataclass(frozen=True)
class Contribution:
    """How far one feature moved one client's log-odds of default from the baseline; positive speaks against them."""

    feature: str
    value: float | str | None
    contribution: float


@dataclass(frozen=True)
class Explanation:
    """Exact SHAP values of one client in log-odds: `baseline` plus all contributions is the model's margin."""

    baseline: float
    contributions: tuple[Contribution, ...]

    @property
    def margin(self) -> float:
        return self.baseline + sum(c.contribution for c in self.contributions)


class Scorer:
    """One version of the model with everything that was fitted beside it. `digest` is that of the model's file."""

    def __init__(
        self,
        model: "CatBoostClassifier",
        schema: FeatureSchema,
        threshold: Threshold,
        version: str,
        digest: str = "",
    ) -> None:
        self.model = model
        self.schema = schema
        self.threshold = threshold
        self.version = version
        self.digest = digest
        self._categories = [i for i, f in enumerate(schema.features) if f.kind == "category"]

    @classmethod
    def load(cls, folder: Path, version: str) -> Self:
        """Loads a version from the files that `model/registry.py` stored.

        Raises:
            FileNotFoundError: a file of the version is missing.
        """
        from catboost import CatBoostClassifier

        beside = folder / "extra_files"
        schema, threshold = FeatureSchema.read(beside), Threshold.read(beside)
        model = CatBoostClassifier()
        content = (folder / "model.cb").read_bytes()
        model.load_model(blob=content)
        return cls(model, schema, threshold, version, sha256(content).hexdigest())

    def decide(self, probability: float) -> Decision:
        return "refuse" if probability >= self.threshold.value else "approve"

    def probabilities(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Probabilities of default, shape (len(rows),). A feature a row lacks counts as missing."""
        return self._probabilities(self._pool_of_rows(rows))

    def table_probabilities(self, table: "pa.Table") -> NDArray[np.float64]:
        """Probabilities of default of a table with at least the schema's columns, shape (table.num_rows,)."""
        return self._probabilities(pool_of_table(table, self.schema))

    def explain(self, row: Mapping[str, Any]) -> Explanation:
        """Exact SHAP values of one client, strongest first (CatBoost's `ShapValues`, Regular)."""
        shap = self._shap(self._pool_of_rows([row]))[0]
        names = self.schema.names
        order = np.argsort(-np.abs(shap[:-1]), kind="stable")
        return Explanation(
            baseline=float(shap[-1]),
            contributions=tuple(Contribution(names[i], _json_value(row.get(names[i])), float(shap[i])) for i in order),
        )

    def table_contributions(self, table: "pa.Table") -> NDArray[np.float64]:
        """SHAP values, shape (table.num_rows, features + 1); the last column is the baseline."""
        return self._shap(pool_of_table(table, self.schema))

    def table_margins(self, table: "pa.Table") -> NDArray[np.float64]:
        """Log-odds of default, shape (table.num_rows,); exact where a probability is too close to 1 to tell."""
        return np.asarray(self.model.predict(pool_of_table(table, self.schema), prediction_type="RawFormulaVal"), float)

    def most_important(self, count: int) -> list[Feature]:
        """The features that move the model's output most (CatBoost's `PredictionValuesChange`), strongest first."""
        order = np.argsort(-np.asarray(self.model.get_feature_importance()), kind="stable")
        return [self.schema.features[i] for i in order[:count]]

    def _probabilities(self, pool: "Pool") -> NDArray[np.float64]:
        return np.asarray(self.model.predict_proba(pool), float)[:, 1]

    def _shap(self, pool: "Pool") -> NDArray[np.float64]:
        return np.asarray(self.model.get_feature_importance(pool, type="ShapValues"), float)

    def _pool_of_rows(self, rows: Sequence[Mapping[str, Any]]) -> "Pool":
        from catboost import Pool

        data = [[_model_value(row.get(f.name), f.kind) for f in self.schema.features] for row in rows]
        return Pool(data, cat_features=self._categories, feature_names=self.schema.names)


def pool_of_table(table: "pa.Table", schema: FeatureSchema, label: Any = None, weight: Any = None) -> "Pool":
    """A CatBoost pool of the schema's columns, in its order.

    Raises:
        KeyError: the table lacks a column of the schema.
    """
    from catboost import Pool

    return Pool(model_frame(table, schema), label=label, weight=weight, cat_features=schema.category_names)


def _model_value(value: Any, kind: str) -> float | str:
    if kind == "category":
        return MISSING_CATEGORY if value is None else str(value)
    return math.nan if value is None else float(value)


def _json_value(value: Any) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    return None if math.isnan(number) else number
