"""The fitted part of a version: from rows to margins, and to contributions that add up to them exactly.

Margins are the model's own log-odds of default, before calibration. Not here: what a margin means (`scorer.py`), and
models of other families than CatBoost (`estimators.py`).
"""

import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import MISSING_CATEGORY, FeatureSchema, model_frame
from credit_platform.scoring.leaf_shap import LeafTables

if TYPE_CHECKING:
    import pyarrow as pa
    from catboost import CatBoostClassifier, Pool

CATBOOST_FILE = "model.cbm"


class Explained(Protocol):
    """Margins have the shape (n,), contributions (n, features + 1): features in the schema's order, then the baseline.

    `digest` is the SHA-256 of the model's file.
    """

    digest: str

    def margins(self, table: "pa.Table") -> NDArray[np.float64]: ...

    def contributions(self, table: "pa.Table") -> NDArray[np.float64]: ...

    def of_rows(self, rows: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both, for a few rows as mappings; a feature that a row lacks counts as missing."""


class CatBoostModel:
    """A CatBoost model by its leaves: one look at which leaf of each tree a row reaches gives margin and reasons."""

    def __init__(self, model: "CatBoostClassifier", schema: FeatureSchema, tables: LeafTables) -> None:
        self._model, self._schema, self._tables = model, schema, tables
        self.digest = tables.digest
        self._kinds = [(f.name, f.kind == "category") for f in schema.features]
        self._categories = [i for i, (_, category) in enumerate(self._kinds) if category]

    @classmethod
    def load(cls, folder: Path, schema: FeatureSchema) -> "CatBoostModel":
        """Loads the model and its tables from a version's folder.

        Raises:
            FileNotFoundError: a file of the version is missing.
            ValueError: the tables are another model's.
        """
        from catboost import CatBoostClassifier

        content = (folder / CATBOOST_FILE).read_bytes()
        model = CatBoostClassifier()
        model.load_model(blob=content)
        return cls(model, schema, LeafTables.read(folder, sha256(content).hexdigest()))

    def margins(self, table: "pa.Table") -> NDArray[np.float64]:
        return self._tables.margins(self._leaves(self._pool_of_table(table)))

    def contributions(self, table: "pa.Table") -> NDArray[np.float64]:
        return self._tables.contributions(self._leaves(self._pool_of_table(table)))

    def of_rows(self, rows: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        leaves = self._leaves(self._pool_of_rows(rows))
        return self._tables.margins(leaves), self._tables.contributions(leaves)

    def _leaves(self, pool: "Pool") -> NDArray[np.int64]:
        threads = 1 if pool.num_row() < 1000 else -1  # a second thread costs a single row more than it saves
        return np.asarray(self._model.calc_leaf_indexes(pool, thread_count=threads))

    def _pool_of_rows(self, rows: Sequence[Mapping[str, Any]]) -> "Pool":
        from catboost import Pool

        data = [[category_value(row.get(n)) if c else number_value(row.get(n)) for n, c in self._kinds] for row in rows]
        return Pool(data, cat_features=self._categories, thread_count=1)

    def _pool_of_table(self, table: "pa.Table") -> "Pool":
        from catboost import Pool

        return Pool(model_frame(table, self._schema), cat_features=self._schema.category_names)


def category_value(value: Any) -> str:
    return MISSING_CATEGORY if value is None else str(value)


def number_value(value: Any) -> float:
    return math.nan if value is None else float(value)
