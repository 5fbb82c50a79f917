"""The families of models that compete for the challenger's place, as scikit-learn estimators over the same frame.

Each takes a frame as `features.schema.model_frame` makes it, numbers with gaps and categories as text, and returns
probabilities. Not here: the scorecard, an independent yardstick and no candidate (`scorecard.py`), and how a fitted
model is stored and run (`scoring/`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from credit_platform.settings import Settings

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

CATBOOST = "catboost"


@dataclass(frozen=True)
class Family:
    """A family: how its estimator is made from the settings, and the values of its grid by parameter.

    `rounds` tells after how many rounds of boosting a fitted estimator stopped, and `held` gives the parameters for so
    many rounds and no early stopping; 0 and none where a family has no rounds.
    """

    name: str
    estimator: Callable[[Settings], "BaseEstimator"]
    grid: Mapping[str, tuple[Any, ...]]
    rounds: Callable[[Any], int] = lambda _: 0
    held: Callable[[int], Mapping[str, Any]] = lambda _: {}


def _catboost(settings: Settings) -> "BaseEstimator":
    from credit_platform.model.native_catboost import NativeCatBoost

    return NativeCatBoost(random_seed=settings.seed, thread_count=settings.threads)


def _hist_gradient_boosting(settings: Settings) -> "BaseEstimator":
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    # As numbers, because shap explains no native categories.
    coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, max_categories=60)
    columns = make_column_transformer(
        (coded, make_column_selector(dtype_exclude="number")),
        ("passthrough", make_column_selector(dtype_include="number")),
        verbose_feature_names_out=False,
    )
    boosting = HistGradientBoostingClassifier(
        early_stopping=True,
        validation_fraction=0.1,
        max_iter=300,
        learning_rate=0.08,
        max_features=0.3,
        random_state=settings.seed,
    )
    return make_pipeline(columns, boosting)


def _logistic_regression(settings: Settings) -> "BaseEstimator":
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from credit_platform.features.preprocessor import preprocessor

    return make_pipeline(preprocessor(), LogisticRegression(max_iter=500, random_state=settings.seed))


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            CATBOOST,
            _catboost,
            {"depth": (4, 6), "l2_leaf_reg": (3.0, 20.0)},
            rounds=lambda fitted: int(fitted.model_.tree_count_),
            held=lambda rounds: {"iterations": rounds, "patience": 0},
        ),
        Family(
            "hist_gradient_boosting",
            _hist_gradient_boosting,
            {"histgradientboostingclassifier__max_leaf_nodes": (4, 12)},
            rounds=lambda fitted: int(fitted[-1].n_iter_),
            held=lambda rounds: {
                "histgradientboostingclassifier__max_iter": rounds,
                "histgradientboostingclassifier__early_stopping": False,
            },
        ),
        Family("logistic_regression", _logistic_regression, {"logisticregression__C": (0.0003, 0.003)}),
    )
}
