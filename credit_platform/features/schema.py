"""The feature schema: which columns a model reads, in which order, and what a valid value is.

It is fitted on the training cohorts, stored inside the model version, and read by everything that scores.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FILE_NAME = "feature_schema.json"
MISSING_CATEGORY = "(missing)"
"""What a missing category is called in front of a model; CatBoost takes no missing values in categorical columns."""


@dataclass(frozen=True)
class Feature:
    """One input of the model. `low` and `high` span the training values; `categories` are those seen in training."""

    name: str
    kind: Literal["numeric", "category"]
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    missing_share: float = 0.0
    meaning: str = ""


@dataclass(frozen=True)
class FeatureSchema:
    """The model's inputs in the order it expects them, and the cohorts they were fitted on.

    `audited` are columns of the splits that must not decide, kept to audit those who are decided about.
    """

    features: tuple[Feature, ...]
    cohorts: tuple[str, ...]
    audited: tuple[Feature, ...] = ()

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def category_names(self) -> list[str]:
        return [feature.name for feature in self.features if feature.kind == "category"]

    def demand(self, names: Collection[str]) -> None:
        """Returns where every feature is among the names of a table's columns.

        Raises:
            KeyError: some are not.
        """
        if lacking := sorted(set(self.names) - set(names)):
            raise KeyError(f"the table lacks {len(lacking)} features of the model, {', '.join(lacking[:5])} among them")

    def subset(self, names: Collection[str]) -> "FeatureSchema":
        """The schema with the named features only, in its own order."""
        return replace(self, features=tuple(feature for feature in self.features if feature.name in names))

    def write(self, folder: Path) -> Path:
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the schema stored in `folder`.

        Raises:
            FileNotFoundError: the folder holds no schema.
        """
        stored = json.loads((folder / FILE_NAME).read_text("utf-8"))
        features, audited = (
            tuple(Feature(**{**f, "categories": tuple(f["categories"])}) for f in stored[kind])
            for kind in ("features", "audited")
        )
        return cls(features, tuple(stored["cohorts"]), audited)


def model_frame(table: "pa.Table", schema: FeatureSchema) -> "pd.DataFrame":
    """The schema's columns in its order, numbers as float64 (missing: NaN), categories as text (missing: a category).

    Raises:
        KeyError: the table lacks a column of the schema.
    """
    import pandas as pd
    import pyarrow as pa

    schema.demand(table.column_names)
    columns = {}
    for feature in schema.features:
        column = table.column(feature.name)
        if feature.kind == "category":
            columns[feature.name] = column.cast(pa.string()).fill_null(MISSING_CATEGORY).to_pandas()
        else:
            columns[feature.name] = column.cast(pa.float64()).to_pandas()
    return pd.DataFrame(columns)
