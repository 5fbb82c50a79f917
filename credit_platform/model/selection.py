"""Which features a model reads: the most important ones to a first model on all of them.

A model of two hundred features ranks as well as one of nine hundred, learns and answers in a fraction of the time, and
a decision on it can be explained. Not here: which features may be read at all (`features/`).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.settings import Settings

MOST_ROWS = 40_000
"""Train rows that the first model sees; more of them hardly change which features matter."""


def select_features(
    settings: Settings, splits: Path, schema: FeatureSchema, rows: NDArray[np.intp] | None = None
) -> FeatureSchema:
    """The schema with the `most_features` features that a first CatBoost model uses most.

    `rows` are the places in the train part that it learns from, all by default.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if len(schema.features) <= settings.most_features:
        return schema
    from credit_platform.model.native_catboost import NativeCatBoost

    outcomes = pq.read_table(splits / "y_train.parquet", columns=["TARGET"]).column(0).to_numpy()
    places = np.arange(len(outcomes)) if rows is None else rows
    if len(places) > MOST_ROWS:
        places = np.sort(np.random.default_rng(settings.seed).choice(places, MOST_ROWS, replace=False))
    # One column after the other: of all rows together only those that are learnt from are ever in memory.
    file = pq.ParquetFile(splits / "X_train.parquet")
    table = pa.table({name: file.read(columns=[name]).column(0).take(places) for name in schema.names})
    first = NativeCatBoost(
        depth=4, iterations=300, learning_rate=0.1, random_seed=settings.seed, thread_count=settings.threads
    ).fit(model_frame(table, schema), outcomes[places])
    importance = np.asarray(first.model_.get_feature_importance())
    chosen = np.argsort(-importance, kind="stable")[: settings.most_features]
    return schema.subset({schema.names[i] for i in chosen})
