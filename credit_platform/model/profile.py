"""The profile of a version: how its reference clients were distributed, as counts in bins that never move again.

A cohort is counted into the same bins later, so that no client's row of the past is needed to judge it, and counts of
days, buckets and cohorts add up. Numbers lie between the reference's quantiles, with bins of their own for what lies
below and above its range and for a value that many share; categories have one each, one for the rare ones together and
one for what was never seen. Missing values are counted apart. Not here: what a difference means (`monitoring`).
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import Feature
from credit_platform.model.business_cost import Threshold
from credit_platform.model.reference import SCORE, read_reference

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "profile.json"
BINS = 10
_TINY = float(np.finfo(np.float64).tiny)
RARE = 0.005
FEW = 20
"""Share of the reference, and clients, below which a category is counted together with other rare ones: which category
is rare is chance there, and those that are by chance come more often afterwards."""
OTHER, UNSEEN = "(other)", "(never seen)"
_ENOUGH = 50
"""Values beside those that many share from which these get quantiles of their own."""


@dataclass(frozen=True)
class Counts:
    """How many values lie in each bin, and how many are missing. Counts of other rows in the same bins can be added."""

    values: NDArray[np.int64]
    missing: int

    @property
    def present(self) -> int:
        return int(self.values.sum())

    @property
    def rows(self) -> int:
        return self.present + self.missing

    @property
    def missing_share(self) -> float:
        return self.missing / max(self.rows, 1)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.values + other.values, self.missing + other.missing)


@dataclass(frozen=True)
class Bins:
    """The bins of one column. Those of a number are bounded by ascending `edges`, upper bounds belong to a bin; the
    first holds what lies below the reference's range, the last what lies above. Those of a category are its frequent
    `categories`, then the `rare` ones together, then all others; `once` is how many categories one client had.
    """

    name: str
    kind: Literal["numeric", "category"]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    once: int = 0

    @classmethod
    def fit(cls, column: "pa.ChunkedArray", feature: Feature) -> Self:
        """The bins of a reference column; a category that only the feature's training clients had counts as rare."""
        if feature.kind == "numeric":
            return cls(feature.name, "numeric", tuple(_edges(present(column).astype(float)).tolist()))
        found = _names(column)
        frequent = sorted(name for name, count in found.items() if count >= max(RARE * sum(found.values()), FEW))
        return cls(
            feature.name,
            "category",
            categories=tuple(frequent),
            rare=tuple(sorted({*found, *feature.categories} - set(frequent))),
            once=sum(count == 1 for count in found.values()),
        )

    def count(self, column: "pa.ChunkedArray") -> Counts:
        """Counts a column of a table; NaN is missing."""
        if self.kind == "category":
            places = {name: place for place, name in enumerate(self.categories)}
            places |= dict.fromkeys(self.rare, len(self.categories))
            found = np.zeros(len(self.categories) + 2, np.int64)
            for name, count in _names(column).items():
                found[places.get(name, -1)] += count
            return Counts(found, len(column) - int(found.sum()))
        values = present(column)
        if values.dtype.kind not in "fiu":
            values = values.astype(float)
        # To compare with each of a dozen edges takes an eighth of the time of looking each value up among them.
        edges = np.asarray(self.edges, values.dtype if values.dtype.kind == "f" else float)
        up_to = np.array([0, *(np.count_nonzero(values <= edge) for edge in edges), len(values)], np.int64)
        return Counts(up_to[1:] - up_to[:-1], len(column) - len(values))

    @property
    def labels(self) -> list[str]:
        """What each bin holds, in words."""
        if self.kind == "category":
            return [*self.categories, OTHER, UNSEEN]
        if not self.edges:
            return ["any value"]
        # An edge just below a value reads as the value, also where that is 0.
        shown = [f"{edge:.6g}" if abs(edge) > _TINY else "0" for edge in self.edges]
        inner = [f"{low} to {high}" if low != high else low for low, high in pairwise(shown)]
        return [f"below {shown[0]}", *inner, f"above {shown[-1]}"]


@dataclass(frozen=True)
class ScoreProfile:
    """How a group of clients scored: counts of their probabilities by bin, their sum, and how many were refused.

    `kind` and `group` name the segment, such as "product" and "Cash loans"; both are empty for all clients.
    `expected_cost` and `expected_defaults` are sums over the clients, by their own probabilities; `spread` is the sum
    of squares of these.
    """

    kind: str
    group: str
    counts: Counts
    expected_defaults: float
    spread: float
    refused: int
    expected_cost: float

    @property
    def clients(self) -> int:
        return self.counts.present

    @property
    def segment(self) -> str:
        return f"{self.kind}: {self.group}" if self.kind else ""

    @classmethod
    def of(cls, kind: str, group: str, probability: NDArray[np.float64], cut: Threshold, bins: Bins) -> Self:
        refused = probability >= cut.value
        cost = np.where(refused, (1 - probability) * cut.costs.false_positive, probability * cut.costs.false_negative)
        return cls(
            kind,
            group,
            bins.count(_chunked(probability)),
            float(probability.sum()),
            float((probability**2).sum()),
            int(refused.sum()),
            float(cost.sum()),
        )


@dataclass(frozen=True)
class Profile:
    """Bins and reference counts of every feature and of the score, and the reference scores by segment.

    `scores` has all clients first. `rows` is how many clients the reference has.
    """

    rows: int
    bins: Mapping[str, Bins]
    counts: Mapping[str, Counts]
    scores: tuple[ScoreProfile, ...] = field(default=())

    @classmethod
    def fit(
        cls,
        table: "pa.Table",
        features: Iterable[Feature],
        probability: NDArray[np.float64] | None = None,
        cut: Threshold | None = None,
        segments: Mapping[str, NDArray[Any]] | None = None,
    ) -> Self:
        """The profile of reference rows, and of their probabilities and `segments` (group names by kind) if given.

        Raises:
            KeyError: the table lacks a feature.
        """
        bins = {feature.name: Bins.fit(table.column(feature.name), feature) for feature in features}
        counts = {name: of.count(table.column(name)) for name, of in bins.items()}
        if probability is None or cut is None:
            return cls(table.num_rows, bins, counts)
        bins[SCORE] = Bins.fit(_chunked(probability), Feature(SCORE, "numeric"))
        counts[SCORE] = bins[SCORE].count(_chunked(probability))
        scores = (ScoreProfile.of("", "", probability, cut, bins[SCORE]), *by_segment(probability, cut, bins, segments))
        return cls(table.num_rows, bins, counts, scores)

    @property
    def features(self) -> list[str]:
        return [name for name in self.bins if name != SCORE]

    def write(self, folder: Path) -> Path:
        path = folder / FILE_NAME
        document = {
            "rows": self.rows,
            "bins": [asdict(bins) for bins in self.bins.values()],
            "counts": {name: _as_json(counts) for name, counts in self.counts.items()},
            "scores": [{**vars(score), "counts": _as_json(score.counts)} for score in self.scores],
        }
        path.write_text(json.dumps(document), "utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the profile stored in a version's folder.

        Raises:
            FileNotFoundError: the folder holds none.
        """
        stored = json.loads((folder / FILE_NAME).read_text("utf-8"))
        lists = ("edges", "categories", "rare")
        bins = (Bins(**{**of, **{name: tuple(of[name]) for name in lists}}) for of in stored["bins"])
        return cls(
            stored["rows"],
            {of.name: of for of in bins},
            {name: _from_json(counts) for name, counts in stored["counts"].items()},
            tuple(ScoreProfile(**{**score, "counts": _from_json(score["counts"])}) for score in stored["scores"]),
        )


def by_segment(
    probability: NDArray[np.float64],
    cut: Threshold,
    bins: Mapping[str, Bins],
    segments: Mapping[str, NDArray[Any]] | None,
) -> Iterable[ScoreProfile]:
    """The scores of each group of each kind of segment."""
    for kind, groups in (segments or {}).items():
        for group in sorted(set(groups.tolist())):
            yield ScoreProfile.of(kind, str(group), probability[groups == group], cut, bins[SCORE])


def profile_of(version_folder: Path, features: Collection[Feature], cut: Threshold) -> Profile:
    """The profile of a version; made from its reference rows where it was registered without one.

    Raises:
        FileNotFoundError: the folder holds neither.
    """
    try:
        return Profile.read(version_folder)
    except FileNotFoundError:
        rows = read_reference(version_folder)
        return Profile.fit(rows, features, rows.column(SCORE).to_numpy(), cut)


def present(column: "pa.ChunkedArray") -> NDArray[Any]:
    """The values of a column that are neither null nor NaN."""
    values: NDArray[Any] = (column.drop_null() if column.null_count else column).to_numpy()
    if values.dtype.kind != "f":
        return values
    missing = np.isnan(values)
    return values[~missing] if missing.any() else values


def _names(column: "pa.ChunkedArray") -> dict[str, int]:
    """How often a text is in a column."""
    import pyarrow as pa

    counted = column.drop_null().cast(pa.string()).value_counts()
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def quantile_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner edges of the values' tenths; fewer where values repeat."""
    return np.unique(_quantiles(values))


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """All edges: the range, quantiles, and both sides of a value that more than a bin's share of the clients have.

    Such a value would leave the others too few bins to tell how they moved, so they get quantiles of their own.
    """
    if not len(values):
        return np.array([])
    found = _quantiles(values)
    edges = [np.nextafter(values.min(), -np.inf), *found, values.max()]
    repeated = np.unique(found[1:][found[1:] == found[:-1]])
    if len(repeated):
        rest = values[~np.isin(values, repeated)]
        edges += np.nextafter(repeated, -np.inf).tolist()
        edges += _quantiles(rest).tolist() if len(rest) >= _ENOUGH else []
    return np.unique(edges)


def _quantiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(values):
        return np.array([])
    found: NDArray[np.float64] = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    return found


def _chunked(values: NDArray[np.float64]) -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([pa.array(values)])


def _as_json(counts: Counts) -> list[Any]:
    return [counts.values.tolist(), counts.missing]


def _from_json(stored: list[Any]) -> Counts:
    return Counts(np.array(stored[0], np.int64), stored[1])
