"""CatBoost with native categories and missing values as an estimator that scikit-learn can clone.

CatBoost's own cannot be cloned with `cat_features`; this one finds them by their type. It imports scikit-learn and
CatBoost, so it is imported where it is needed, never when the graph is loaded.
"""

from typing import TYPE_CHECKING, Self

import numpy as np
from catboost import CatBoostClassifier, Pool
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    import pandas as pd


class NativeCatBoost(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Trees are added until the loss on a tenth of the rows it was given has not fallen for `patience` trees.

    With a patience of 0 there are `iterations` trees, fitted on all rows.
    """

    def __init__(
        self,
        depth: int = 6,
        l2_leaf_reg: float = 3.0,
        iterations: int = 600,
        learning_rate: float = 0.06,
        rsm: float = 0.3,
        border_count: int = 64,
        random_seed: int = 0,
        thread_count: int = 1,
        patience: int = 60,
    ) -> None:
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.rsm = rsm
        self.border_count = border_count
        self.random_seed = random_seed
        self.thread_count = thread_count
        self.patience = patience

    def fit(self, x: "pd.DataFrame", y: NDArray[np.int64], sample_weight: NDArray[np.float64] | None = None) -> Self:
        """Fits on a frame of shape (n, features) and 0/1 outcomes of shape (n,)."""
        outcomes = np.asarray(y)
        weight = np.ones(len(outcomes)) if sample_weight is None else np.asarray(sample_weight)
        categories = list(x.select_dtypes(exclude="number").columns)
        parts = [np.arange(len(outcomes))]
        if self.patience:
            parts = train_test_split(parts[0], test_size=0.1, stratify=outcomes, random_state=self.random_seed)
        pools = [Pool(x.iloc[rows], outcomes[rows], cat_features=categories, weight=weight[rows]) for rows in parts]
        own = self.get_params()
        patience = own.pop("patience")
        self.model_ = CatBoostClassifier(**own, verbose=False, allow_writing_files=False)
        self.model_.fit(pools[0], eval_set=pools[1:] or None, early_stopping_rounds=patience or None)
        self.classes_ = np.asarray(self.model_.classes_)
        return self

    def predict_proba(self, x: "pd.DataFrame") -> NDArray[np.float64]:
        """Probabilities of both outcomes, shape (n, 2)."""
        return np.asarray(self.model_.predict_proba(x), float)
