"""Features that know the outcome too well: one that ranks defaulters by itself better than any honest one can.

The strongest honest feature of this field, an external score, reaches an AUC of 0.7. Not here: rows from after the
application, which the mart leaves out by itself.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import Feature, FeatureSchema

if TYPE_CHECKING:
    import pyarrow as pa

MOST_GOOD_CLIENTS = 20_000
"""Good clients looked at, from all cohorts, with every defaulter: an AUC takes no more to tell 0.7 from 0.85."""
_LEAST_ROWS = 30
"""A category of fewer clients says nothing by itself; all such ones are taken together."""


def single_feature_aucs(folder: Path, schema: FeatureSchema) -> dict[str, float]:
    """How well each feature alone ranks the train part's defaulters, at least 0.5, strongest first.

    A missing value counts as lower than any other. A category counts as its share of defaults.
    """
    import pyarrow.parquet as pq

    defaulted = pq.read_table(folder / "y_train.parquet", columns=["TARGET"]).column(0).to_numpy().astype(bool)
    good = np.flatnonzero(~defaulted)
    spread = np.linspace(0, len(good) - 1, min(len(good), MOST_GOOD_CLIENTS)).astype(int)
    rows = np.sort(np.concatenate([np.flatnonzero(defaulted), good[spread]]))
    found = {}
    for feature in schema.features:
        column = pq.read_table(folder / "X_train.parquet", columns=[feature.name]).column(0).take(rows)
        values = _values(feature, column, defaulted[rows])
        auc = _auc(values, defaulted[rows])
        found[feature.name] = max(auc, 1 - auc)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _values(feature: Feature, column: "pa.ChunkedArray", defaulted: NDArray[np.bool_]) -> NDArray[np.float64]:
    import pyarrow as pa

    if feature.kind == "numeric":
        return np.asarray(np.nan_to_num(column.cast(pa.float64()).to_numpy(), nan=-np.inf))
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
    clients = np.bincount(coded)
    coded = np.where(clients[coded] < _LEAST_ROWS, len(clients), coded)
    shares = np.bincount(coded, weights=defaulted) / np.maximum(np.bincount(coded), 1)
    return np.asarray(shares[coded], float)


def _auc(values: NDArray[np.float64], defaulted: NDArray[np.bool_]) -> float:
    """Mann-Whitney's U as a share of all pairs; ties count half."""
    from scipy.stats import rankdata

    bad = int(defaulted.sum())
    pairs = bad * (len(defaulted) - bad)
    return float((rankdata(values)[defaulted].sum() - bad * (bad + 1) / 2) / pairs) if pairs else 0.5
