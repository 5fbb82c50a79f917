"""The reason table: the family of every feature, its words, its usual value, and what applicants are told.

It is resolved from reason_table.toml, the glossary and the mart's columns when a model is trained, and stored inside
the model version, so that a decision can be explained again with the words and usual values it was given.

Not here: which families speak for a client (`reasons.py`), and the contributions themselves (`scoring/`).
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray

from credit_platform.explain.formats import Format, written
from credit_platform.explain.glossary import Language, Words, category_words, column_words, declaration
from credit_platform.features.schema import FeatureSchema

if TYPE_CHECKING:
    import pyarrow as pa

    from credit_platform.mart.aggregates import MartColumn

FILE_NAME = "reason_table.json"


@dataclass(frozen=True)
class Family:
    """Features that give one reason together. `advice` is empty where an applicant cannot act on it.

    `against` and `missing` open the text of a reason, where a value spoke against the applicant and where there was
    none; a protected family gives no reason and has neither.
    """

    code: str
    title: Words
    against: Words
    missing: Words
    advice: Words
    protected: bool


@dataclass(frozen=True)
class ExplainedFeature:
    """A feature as reasons show it. `reference` is its usual value in training: the median, or the most frequent one.

    `adverse` is the side of the reference on which a value can only work against an applicant, where there is one.
    """

    name: str
    family: str
    words: Words
    format: Format
    adverse: Literal["", "high", "low"]
    reference: float | str | None


@dataclass(frozen=True)
class ReasonTable:
    """The families, the features in the order of the model's schema, and the rules and texts around them.

    A reason's contribution exceeds `minimum` log-odds and `minimum_share` of all that worked against the applicant.
    """

    version: str
    minimum: float
    minimum_share: float
    unknown: tuple[str, ...]
    details: dict[str, Words]
    families: tuple[Family, ...]
    features: tuple[ExplainedFeature, ...]
    categories: dict[str, Words]

    @classmethod
    def fit(cls, schema: FeatureSchema, rows: "pa.Table", protected: Collection[str] = ()) -> Self:
        """The table of a model that reads `schema`, with the usual values of `rows`, its training clients.

        `protected` names further columns, of the mart or as `table.COLUMN`, that must never be a reason, nor what is
        computed from them.

        Raises:
            KeyError: the rows lack a feature of the schema.
            ValueError: a feature is no column of the mart, or no family's patterns fit it.
        """
        from credit_platform.mart.build import mart_columns

        columns = {column.name: column for column in mart_columns()}
        if strange := sorted(set(schema.names) - set(columns)):
            raise ValueError(f"no column of the mart, so no reason can be given: {', '.join(strange[:5])}")
        references = reference_values(rows, schema)
        declared = _declared()
        return cls(
            version=declared["version"],
            minimum=declared["minimum"],
            minimum_share=declared["minimum_share"],
            unknown=tuple(declared["unknown"]),
            details=declared["details"],
            families=families(),
            features=tuple(
                ExplainedFeature(
                    name=name,
                    family=family_of(columns[name], protected),
                    words=column_words(columns[name]),
                    format=format_of(columns[name]),
                    adverse=_adverse_side(name),
                    reference=references[name],
                )
                for name in schema.names
            ),
            categories={category: category_words(category) for f in schema.features for category in f.categories},
        )

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """The place of each feature's family among the families, shape (features,)."""
        places = {family.code: place for place, family in enumerate(self.families)}
        return np.array([places[feature.family] for feature in self.features], np.intp)

    @cached_property
    def members(self) -> tuple[NDArray[np.intp], ...]:
        """The places of each family's features."""
        return tuple(np.flatnonzero(self.groups == family) for family in range(len(self.families)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole table."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def write(self, folder: Path) -> Path:
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), "utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the table stored in `folder`.

        Raises:
            FileNotFoundError: the folder holds no reason table.
        """
        stored = json.loads((folder / FILE_NAME).read_text("utf-8"))
        return cls(
            **stored
            | {
                "unknown": tuple(stored["unknown"]),
                "families": tuple(Family(**family) for family in stored["families"]),
                "features": tuple(ExplainedFeature(**feature) for feature in stored["features"]),
            }
        )


def label_of(feature: ExplainedFeature, language: Language) -> str:
    """What a feature is called in front of people; its name where the glossary has no words for it."""
    text = feature.words.get(language, feature.name)
    return text[:1].upper() + text[1:]


def text_of(feature: ExplainedFeature, value: float | str | None, table: ReasonTable, language: Language) -> str:
    """A value of a feature in words, for people who may see all; empty where it is missing."""
    if value is None:
        return ""
    if feature.format == "hidden":
        return value if isinstance(value, str) else written(value, "number", language, {})
    return written(value, feature.format, language, table.categories)


@cache
def families() -> tuple[Family, ...]:
    """Every family, in the order in which their patterns are tried."""
    return tuple(
        Family(
            code=fields["code"],
            title=fields["title"],
            against=fields.get("against", {}),
            missing=fields.get("missing", {}),
            advice=fields.get("advice", {}),
            protected=fields.get("protected", False),
        )
        for fields in _declared()["families"]
    )


def family_of(column: "MartColumn", protected: Collection[str] = ()) -> str:
    """The code of the one family a column of the mart belongs to.

    Raises:
        ValueError: no family's patterns fit it.
    """
    address = f"{column.step}/{column.name}"
    if not {column.name, *column.sources}.isdisjoint(protected):
        return next(family.code for family in families() if family.protected)
    for fields in _declared()["families"]:
        by_name = any(fnmatchcase(address, pattern) for pattern in fields.get("columns", ()))
        if by_name or any(fnmatchcase(s, pattern) for s in column.sources for pattern in fields.get("sources", ())):
            return cast(str, fields["code"])
    raise ValueError(f"no family of reason_table.toml fits the column {address}: add it to the patterns of one")


def format_of(column: "MartColumn") -> Format:
    """How a column's values are written; `hidden` where the table or the glossary has nothing to say to a client."""
    if not column_words(column):
        return "hidden"
    if column.type == "VARCHAR":
        return "category"
    for fields in _declared()["formats"]:
        if _fits(column.name, fields.get("names", ())) or column.unit in fields.get("units", ()):
            return cast(Format, fields["format"])
    return "hidden"


def reference_values(rows: "pa.Table", schema: FeatureSchema) -> dict[str, float | str | None]:
    """The median of each numeric feature, the most frequent value of each category; missing values are left out.

    None where a feature has no value. Of categories that are equally frequent, the first by name counts.

    Raises:
        KeyError: the rows lack a feature of the schema.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, float | str | None] = {}
    for feature in schema.features:
        present = rows.column(feature.name).drop_null()
        if feature.kind == "category":
            counts = pc.value_counts(present.cast(pa.string())).to_pylist()
            found[feature.name] = min(counts, key=lambda c: (-c["counts"], c["values"]))["values"] if counts else None
        else:
            numbers = present.cast(pa.float64()).to_numpy()
            numbers = numbers[~np.isnan(numbers)]
            found[feature.name] = float(np.median(numbers)) if len(numbers) else None
    return found


def _adverse_side(name: str) -> Literal["", "high", "low"]:
    sides = _declared()["adverse"]
    return "high" if _fits(name, sides["high"]) else "low" if _fits(name, sides["low"]) else ""


def _fits(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@cache
def _declared() -> dict[str, Any]:
    return declaration("reason_table.toml")
