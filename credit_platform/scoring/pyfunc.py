"""A version as MLflow's generic model: whoever loads it through `mlflow.pyfunc` or `mlflow models serve` gets the
scorer's own numbers. MLflow runs this file by itself when it loads a version.

Not here: the API's path to a version, which loads its files natively.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from credit_platform.features.schema import MISSING_CATEGORY
from credit_platform.scoring.scorer import Scorer


class ScorerModel(PythonModel):  # type: ignore[misc]
    """Takes rows of features, gives each a probability of default and a decision.

    By the signature numbers come as doubles, categories as text; what a row lacks counts as missing.
    """

    def load_context(self, context: Any) -> None:
        self._scorer = Scorer.load(Path(context.artifacts["scorer"]), "pyfunc")

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        columns = {}
        for feature in self._scorer.schema.features:
            given = model_input.get(feature.name, pd.Series([None] * len(model_input)))
            category = feature.kind == "category"
            columns[feature.name] = pa.array(
                given.replace(MISSING_CATEGORY, None) if category else given,
                pa.string() if category else pa.float64(),
                from_pandas=True,
            )
        probability = self._scorer.table_probabilities(pa.table(columns))
        decisions = [self._scorer.decide(p) for p in probability.tolist()]
        return pd.DataFrame({"probability_of_default": probability, "decision": decisions}, index=model_input.index)


set_model(ScorerModel())
