"""The scorer: one model version with all that was fitted beside it, turning client rows into decisions with reasons.

The API, the batch scores, MLflow's pyfunc and the tests all use this module, so that they can't disagree. It imports
neither dagster nor mlflow; where a version's files come from is `model/registry.py`'s business.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from credit_platform.explain.glossary import Language
from credit_platform.explain.reason_table import ReasonTable
from credit_platform.explain.reasons import Reason, adverse_reasons
from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.model.business_cost import Decision, Threshold
from credit_platform.model.calibration import Calibration, probability_of
from credit_platform.model.importance import read_importance
from credit_platform.model.scale import Scale
from credit_platform.scoring.models import CATBOOST_FILE, CatBoostModel, Explained

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Contribution:
    """How far one feature moved one client's log-odds of default from the baseline; positive speaks against them."""

    feature: str
    value: float | str | None
    contribution: float


@dataclass(frozen=True)
class Explanation:
    """Exact SHAP values of one client in calibrated log-odds: `baseline` plus all contributions is the margin."""

    baseline: float
    contributions: tuple[Contribution, ...]

    @property
    def margin(self) -> float:
        return self.baseline + sum(c.contribution for c in self.contributions)


@dataclass(frozen=True)
class Decided:
    """What is decided about one client, and why. `reasons` are what worked against them, the strongest first."""

    probability_of_default: float
    score: int
    grade: str
    decision: Decision
    reasons: tuple[Reason, ...]


class Scorer:
    """One version of the model. Probabilities are calibrated; contributions are in calibrated log-odds."""

    def __init__(
        self,
        model: Explained,
        schema: FeatureSchema,
        calibration: Calibration,
        threshold: Threshold,
        scale: Scale,
        reason_table: ReasonTable,
        importance: Mapping[str, float],
        version: str,
    ) -> None:
        self.model = model
        self.schema = schema
        self.calibration = calibration
        self.threshold = threshold
        self.scale = scale
        self.reason_table = reason_table
        self.importance = importance
        self.version = version

    @classmethod
    def load(cls, folder: Path, version: str) -> Self:
        """Loads a version from the files that `write_version` stored.

        Raises:
            FileNotFoundError: a file of the version is missing.
            ValueError: files of different versions lie together.
        """
        schema = FeatureSchema.read(folder)
        return cls(
            model=_load_model(folder, schema),
            schema=schema,
            calibration=Calibration.read(folder),
            threshold=Threshold.read(folder),
            scale=Scale.read(folder),
            reason_table=ReasonTable.read(folder),
            importance=read_importance(folder),
            version=version,
        )

    @property
    def digest(self) -> str:
        """Of the fitted model, whatever number the version has."""
        return self.model.digest

    def decide(self, probability: float) -> Decision:
        return self.threshold.decide(probability)

    def score_row(self, row: Mapping[str, Any], language: Language = "en", most_reasons: int = 4) -> Decided:
        """The decision about one client. A feature that the row lacks counts as missing."""
        reasons: tuple[Reason, ...] = ()
        if most_reasons:
            margins, contributions = self.model.of_rows([row])
            own = contributions[0, :-1] * self.calibration.slope
            reasons = adverse_reasons(own, row, self.reason_table, language, most_reasons)
        else:
            margins = self.model.margins_of_rows([row])
        probability = float(probability_of(self.calibration.margins(margins))[0])
        return Decided(
            probability_of_default=probability,
            score=self.scale.score(probability),
            grade=self.scale.grade(probability),
            decision=self.decide(probability),
            reasons=reasons,
        )

    def probabilities(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Probabilities of default, shape (len(rows),). A feature a row lacks counts as missing."""
        return probability_of(self.calibration.margins(self.model.margins_of_rows(rows)))

    def table_probabilities(self, table: "pa.Table") -> NDArray[np.float64]:
        """Probabilities of default of a table with at least the schema's columns, shape (table.num_rows,)."""
        return probability_of(self.table_margins(table))

    def table_margins(self, table: "pa.Table") -> NDArray[np.float64]:
        """Calibrated log-odds of default, shape (table.num_rows,)."""
        return self.calibration.margins(self.model.margins(table))

    def explain(self, row: Mapping[str, Any]) -> Explanation:
        """Exact SHAP values of one client, strongest first."""
        shap = self._calibrated(self.model.of_rows([row])[1])[0]
        names = self.schema.names
        order = np.argsort(-np.abs(shap[:-1]), kind="stable")
        return Explanation(
            baseline=float(shap[-1]),
            contributions=tuple(Contribution(names[i], _json_value(row.get(names[i])), float(shap[i])) for i in order),
        )

    def table_contributions(self, table: "pa.Table") -> NDArray[np.float64]:
        """SHAP values, shape (table.num_rows, features + 1); the last column is the baseline."""
        return self._calibrated(self.model.contributions(table))

    def most_important(self, count: int) -> list[Feature]:
        """The features that move the model's output most, by mean absolute SHAP value, strongest first."""
        features = {feature.name: feature for feature in self.schema.features}
        return [features[name] for name in list(self.importance)[:count]]

    def _calibrated(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = contributions * self.calibration.slope
        scaled[:, -1] += self.calibration.intercept
        return scaled


def _load_model(folder: Path, schema: FeatureSchema) -> Explained:
    if (folder / CATBOOST_FILE).exists():
        return CatBoostModel.load(folder, schema)
    from credit_platform.scoring.estimators import load_estimator

    return load_estimator(folder, schema)


def _json_value(value: Any) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    return None if math.isnan(number) else number
