"""The search for a candidate: a grid of CatBoost parameters, judged by business cost and AUC in cross-validation.

Trees are fitted without class weights: weights leave the ranking as it is and break the probabilities, which the
business cost needs to be calibrated. The cut-off is chosen afterwards on the valid part, which no tree has seen.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import FeatureSchema
from credit_platform.model.business_cost import Costs, cost_per_client
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from catboost import CatBoostClassifier
    from sklearn.model_selection import GridSearchCV

FIXED: dict[str, Any] = {"rsm": 0.3, "border_count": 64}


@dataclass(frozen=True)
class Candidate:
    """The best model of the grid, fitted on the whole train part, and what every grid point reached."""

    model: "CatBoostClassifier"
    parameters: dict[str, Any]
    costs: Costs
    trials: tuple[dict[str, Any], ...]


def business_cost_scorer(costs: Costs) -> Any:
    """A scikit-learn scorer: the negative cost per client of refusing at the theoretical cut-off."""

    def score(estimator: Any, x: "pd.DataFrame", y: NDArray[np.int64]) -> float:
        refused = estimator.predict_proba(x)[:, 1] >= costs.theoretical_threshold
        return -cost_per_client(y, refused, costs)

    return score


def search(
    train: "pd.DataFrame",
    outcomes: NDArray[np.int64],
    schema: FeatureSchema,
    settings: Settings,
    grid: dict[str, list[Any]],
) -> Candidate:
    """Fits every grid point on every fold and refits the one of least cost on all rows.

    `train` has the schema's columns; `outcomes` are 0/1 of shape (rows,).
    """
    costs = Costs(settings.cost_false_negative, settings.cost_false_positive)
    fitted = _grid_search(settings, costs, grid).fit(train, outcomes, cat_features=schema.category_names)
    results = fitted.cv_results_
    trials = tuple(
        {
            **parameters,
            "cost_per_client": -float(results["mean_test_business_cost"][i]),
            "cost_std": float(results["std_test_business_cost"][i]),
            "auc": float(results["mean_test_auc"][i]),
            "auc_std": float(results["std_test_auc"][i]),
            "fit_seconds": float(results["mean_fit_time"][i]),
        }
        for i, parameters in enumerate(results["params"])
    )
    return Candidate(fitted.best_estimator_, {**FIXED, **fitted.best_params_}, costs, trials)


def _grid_search(settings: Settings, costs: Costs, grid: dict[str, list[Any]]) -> "GridSearchCV":
    from catboost import CatBoostClassifier
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    estimator = CatBoostClassifier(
        **FIXED,
        random_seed=settings.seed,
        thread_count=settings.threads,
        verbose=False,
        allow_writing_files=False,
    )
    return GridSearchCV(
        estimator,
        grid,
        scoring={"business_cost": business_cost_scorer(costs), "auc": "roc_auc"},
        refit="business_cost",
        cv=StratifiedKFold(settings.cross_validation_folds, shuffle=True, random_state=settings.seed),
        error_score="raise",
    )
