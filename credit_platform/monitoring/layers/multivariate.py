"""Whether a classifier tells the cohort's clients from those of the reference, though no single feature moved much.

It sees what no column shows by itself: features that hang together otherwise, such as after another join. It is fitted
on half of a sample of both and judged on the other half. Not here: columns one by one (`features.py`).
"""

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.lake import table_path
from credit_platform.model.reference import draw, read_reference
from credit_platform.monitoring.distances import Distance, two_sided
from credit_platform.monitoring.findings import Finding, State
from credit_platform.monitoring.observed import Observed

if TYPE_CHECKING:
    import pyarrow as pa

_TREES = 60
_NAMED = 4
_CLEARLY = 0.15
"""How far above the limit the AUC must be to be critical."""


def judge(observed: Observed) -> list[Finding]:
    """One finding: how well the classifier tells them apart, and by what."""
    import pyarrow.parquet as pq

    if observed.scorer is None or observed.folder is None:
        return []
    settings = observed.settings
    watched = FeatureSchema(tuple(observed.scorer.most_important(settings.drift_columns)), ())
    mart = pq.read_table(table_path(settings, "client_mart", observed.cohort), columns=watched.names)
    after = draw(mart, settings.drift_sample, settings.seed)
    before = draw(read_reference(observed.folder).select(watched.names), settings.drift_sample, settings.seed)
    told, by = told_apart(before, after, watched, settings.seed)
    limit = settings.drift_classifier
    moved = told.size >= limit and told.p < settings.drift_level
    state: State = "ok" if not moved else "critical" if told.size >= limit + _CLEARLY else "warn"
    sentence = (
        f"a classifier tells {after.num_rows:,} of the clients from {before.num_rows:,} of the reference with an AUC "
        f"of {told.size:.2f} (limit {limit:g})" + (f", by {', '.join(by[:_NAMED])}" if moved else "")
    )
    cause = {"cause": "population moved"} if moved else {}
    return [
        observed.finding(
            "multivariate",
            "classifier_auc",
            state,
            sentence,
            value=told.size,
            threshold=limit,
            clients=after.num_rows,
            **cause,
        )
    ]


def told_apart(before: "pa.Table", after: "pa.Table", schema: FeatureSchema, seed: int) -> tuple[Distance, list[str]]:
    """The classifier's AUC with the chance of one as high if nothing moved, and the features it went by, most first."""
    import pandas as pd
    from catboost import CatBoostClassifier
    from sklearn.metrics import roc_auc_score

    frames = [model_frame(table, schema) for table in (before, after)]
    rows = pd.concat(frames, ignore_index=True)
    new = np.repeat([0, 1], [len(frame) for frame in frames])
    fitted_on = _half(new, seed)
    if min(np.bincount(new[fitted_on], minlength=2).min(), np.bincount(new[~fitted_on], minlength=2).min()) == 0:
        return Distance(0.5, 1.0), []
    model = CatBoostClassifier(
        iterations=_TREES,
        depth=4,
        learning_rate=0.15,
        thread_count=1,
        random_seed=seed,
        cat_features=schema.category_names,
        auto_class_weights="Balanced",
        allow_writing_files=False,
        verbose=False,
    )
    model.fit(rows[fitted_on], new[fitted_on])
    auc = float(roc_auc_score(new[~fitted_on], model.predict_proba(rows[~fitted_on])[:, 1]))
    n, m = np.bincount(new[~fitted_on], minlength=2)
    error = sqrt((n + m + 1) / (12 * n * m))  # of the AUC where there is nothing to tell
    order = np.argsort(-model.get_feature_importance(), kind="stable")
    return Distance(auc, two_sided((auc - 0.5) / error)), [schema.names[i] for i in order]


def _half(new: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(len(new)) < 0.5
