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

from credit_platform.features.schema import MISSING_CATEGORY, FeatureSchema
from credit_platform.scoring.leaf_index import UNSEEN, LeafIndex
from credit_platform.scoring.leaf_shap import LeafTables

if TYPE_CHECKING:
    import pyarrow as pa

CATBOOST_FILE = "model.cbm"

Row = Mapping[str, Any]
"""A client's features by name."""


class Explained(Protocol):
    """Margins have the shape (n,), contributions (n, features + 1): features in the schema's order, then the baseline.

    `digest` is the SHA-256 of the model's file.
    """

    digest: str

    def margins(self, table: "pa.Table") -> NDArray[np.float64]: ...

    def contributions(self, table: "pa.Table") -> NDArray[np.float64]: ...

    def margins_of_rows(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """The same for a few rows as mappings; a feature that a row lacks counts as missing."""

    def of_rows(self, rows: Sequence[Row]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Margins and contributions of a few rows."""


class CatBoostModel:
    """A CatBoost model by its leaves: one look at which leaf of each tree a row reaches gives margin and reasons.

    CatBoost itself is imported for a version only that was stored without its leaf index.
    """

    def __init__(self, schema: FeatureSchema, index: LeafIndex, tables: LeafTables) -> None:
        self._schema, self._index, self._tables = schema, index, tables
        self.digest = tables.digest
        self._numbers = [f.name for f in schema.features if f.kind == "numeric"]
        self._categories = schema.category_names

    @classmethod
    def load(cls, folder: Path, schema: FeatureSchema) -> "CatBoostModel":
        """Loads the model's tables from a version's folder.

        Raises:
            FileNotFoundError: a file of the version is missing.
            ValueError: the tables are another model's.
        """
        content = (folder / CATBOOST_FILE).read_bytes()
        digest = sha256(content).hexdigest()
        tables = LeafTables.read(folder, digest)
        try:
            index = LeafIndex.read(folder, digest)
        except FileNotFoundError:
            from catboost import CatBoostClassifier

            index = LeafIndex.of(CatBoostClassifier().load_model(blob=content), known_categories(schema), digest)
        return cls(schema, index, tables)

    def margins(self, table: "pa.Table") -> NDArray[np.float64]:
        return self._tables.margins(self._leaves_of_table(table))

    def contributions(self, table: "pa.Table") -> NDArray[np.float64]:
        return self._tables.contributions(self._leaves_of_table(table))

    def margins_of_rows(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        return self._tables.margins(self._leaves_of_rows(rows))

    def of_rows(self, rows: Sequence[Row]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        leaves = self._leaves_of_rows(rows)
        return self._tables.margins(leaves), self._tables.contributions(leaves)

    def _leaves_of_rows(self, rows: Sequence[Row]) -> NDArray[np.integer]:
        hash_of = self._index.hash_of
        numbers = np.array([[*map(row.get, self._numbers)] for row in rows], float)  # None becomes NaN
        hashes = [[hash_of.get(category_value(row.get(name)), UNSEEN) for name in self._categories] for row in rows]
        return self._index.leaves(
            numbers.reshape(len(rows), len(self._numbers)),
            np.array(hashes, np.uint64).reshape(len(rows), len(self._categories)),
        )

    def _leaves_of_table(self, table: "pa.Table") -> NDArray[np.integer]:
        import pyarrow as pa

        self._schema.demand(table.column_names)
        numbers = np.empty((table.num_rows, len(self._numbers)))
        for i, name in enumerate(self._numbers):
            numbers[:, i] = table.column(name).cast(pa.float64()).to_numpy()
        hashes = np.empty((table.num_rows, len(self._categories)), np.uint64)
        for i, name in enumerate(self._categories):
            texts = table.column(name).cast(pa.string()).fill_null(MISSING_CATEGORY).combine_chunks()
            coded = texts.dictionary_encode()
            of_texts = [self._index.hash_of.get(text, UNSEEN) for text in coded.dictionary.to_pylist()]
            hashes[:, i] = np.array(of_texts, np.uint64).take(coded.indices.to_numpy())
        return self._index.leaves(numbers, hashes)


def known_categories(schema: FeatureSchema) -> set[str]:
    """All categories that a model of this schema was fitted on, whatever feature they are of."""
    return {MISSING_CATEGORY}.union(*(feature.categories for feature in schema.features))


def category_value(value: Any) -> str:
    return MISSING_CATEGORY if value is None else str(value)


def number_value(value: Any) -> float:
    return math.nan if value is None else float(value)
