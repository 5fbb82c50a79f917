"""BentoML around the registered version: MLflow's generic model as the other peers have it, and this platform's own
scorer, which leaves what BentoML itself costs.
"""

import os
from pathlib import Path

import bentoml

settings = bentoml.service(workers=int(os.environ["WORKERS"]), traffic={"timeout": 60})


@settings
class Generic:
    def __init__(self) -> None:
        import mlflow

        self.model = mlflow.pyfunc.load_model(os.environ["MODEL"])

    @bentoml.api
    def predict(self, features: dict[str, float | str | None], sk_id_curr: int) -> dict[str, float | str]:  # noqa: ARG002
        import pandas as pd

        answer: dict[str, float | str] = self.model.predict(pd.DataFrame([features])).iloc[0].to_dict()
        return answer


@settings
class Native:
    def __init__(self) -> None:
        from credit_platform.scoring.scorer import Scorer

        self.scorer = Scorer.load(Path(os.environ["MODEL"], "artifacts", "scorer"), "1")

    @bentoml.api
    def predict(self, features: dict[str, float | str | None], sk_id_curr: int) -> dict[str, float | str]:  # noqa: ARG002
        decided = self.scorer.score_row(features, most_reasons=0)
        return {"probability_of_default": decided.probability_of_default, "decision": decided.decision}
