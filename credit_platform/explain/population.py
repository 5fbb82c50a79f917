"""How clients are spread: every feature of a model, and its probabilities, over all clients and over those alike.

Counted once when a model is trained, on clients that it was judged on and has not seen, and kept as shares: no row of
anybody travels with it, groups of fewer than `LEAST_CLIENTS` are not told of, and a bin of fewer than `LEAST_IN_BIN`
counts as empty. Alike are clients who agree in the `SEGMENTS` that the model reads; where too few do, the last of these
is left aside, then the one before.

Not here: which features are worth a comparison, and the client who is compared (`comparison.py`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import Feature
from credit_platform.lake import current
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "population"
FILE_NAME = "population.json"
SEGMENTS = ("NAME_CONTRACT_TYPE", "NAME_INCOME_TYPE", "AMT_INCOME_TOTAL")
LEAST_CLIENTS = 100
LEAST_IN_BIN = 5
_BINS = 24
_TAILS = (2.5, 97.5)
_FEW_VALUES = 12
_STEP = 0.05
_QUANTILES = np.linspace(0, 100, round(1 / _STEP) + 1)
_THIRDS = (100 / 3, 200 / 3)

Value = float | str


@dataclass(frozen=True)
class Spread:
    """How a group spreads over a feature: the share in each bin or category, and the share without a value.

    `quantiles` are those from 0 to 1 by 0.05, of the clients that have a value; empty for categories.
    """

    shares: tuple[float, ...]
    missing: float
    quantiles: tuple[float, ...]

    def below(self, value: float) -> float | None:
        """About which share of the group's values lies below one; None where nobody has a value."""
        if not self.quantiles:
            return None
        first, after = (int(np.searchsorted(self.quantiles, value, side)) for side in ("left", "right"))
        ranks = np.arange(len(self.quantiles)) * _STEP
        # Where many have just this value, those count that have less.
        return float(ranks[first] if after > first else np.interp(value, self.quantiles, ranks))


@dataclass(frozen=True)
class Group:
    """Clients who agree in `key`, by segment: a category, or the number of the third of incomes, 0 the lowest."""

    key: dict[str, Value]
    clients: int
    default_rate: float
    approval_rate: float
    probability: Spread
    features: dict[str, Spread]


@dataclass(frozen=True)
class Population:
    """All clients and every group of those alike. `bins` are edges of numbers or names of categories, by feature."""

    version: str
    cohorts: tuple[str, ...]
    thirds: tuple[float, ...]
    probability_edges: tuple[float, ...]
    bins: dict[str, tuple[Value, ...]]
    groups: tuple[Group, ...]

    @classmethod
    def count(cls, scorer: Scorer, rows: "pa.Table", defaulted: NDArray[np.int_]) -> Self:
        """The population of clients with known outcomes, as one version sees them.

        `rows` hold the schema's columns and `cohort`; `defaulted` has shape (rows.num_rows,).

        Raises:
            KeyError: the rows lack a feature of the schema.
        """
        columns = {feature.name: _values(rows, feature) for feature in scorer.schema.features}
        bins = {name: _bins(values) for name, values in columns.items()}
        probabilities = scorer.table_probabilities(rows)
        refused = np.array([scorer.decide(p) == "refuse" for p in probabilities.tolist()])
        edges = tuple(np.linspace(0, max(float(np.percentile(probabilities, 99)), 1e-6), _BINS + 1).tolist())
        thirds = _thirds(columns.get(SEGMENTS[-1]))
        groups = []
        for key, chosen in _members(columns, thirds, len(probabilities)):
            groups.append(
                Group(
                    key=key,
                    clients=int(chosen.sum()),
                    default_rate=float(defaulted[chosen].mean()),
                    approval_rate=float(1 - refused[chosen].mean()),
                    probability=_spread(probabilities[chosen], edges),
                    features={name: _spread(values[chosen], bins[name]) for name, values in columns.items()},
                )
            )
        cohorts = tuple(sorted(set(rows.column("cohort").to_pylist())))
        return cls(scorer.version, cohorts, thirds, edges, bins, tuple(groups))

    @property
    def everybody(self) -> Group:
        return self.groups[0]

    def alike(self, row: Mapping[str, Any]) -> Group:
        """The closest group of a client; everybody where no closer one is large enough."""
        key = {}
        for segment in SEGMENTS:
            if segment not in self.bins:
                continue
            value = row.get(segment)
            if value is None:
                break
            key[segment] = value if isinstance(value, str) else float(np.searchsorted(self.thirds, value, "right"))
        by_key = {tuple(group.key.items()): group for group in self.groups}
        wanted = list(key.items())
        while wanted and tuple(wanted) not in by_key:
            wanted.pop()
        return by_key[tuple(wanted)]

    def write(self, folder: Path) -> Path:
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self)), "utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the population stored in `folder`.

        Raises:
            FileNotFoundError: there is none.
        """
        stored = json.loads((folder / FILE_NAME).read_text("utf-8"))
        groups = tuple(
            Group(
                **group
                | {
                    "probability": _stored_spread(group["probability"]),
                    "features": {name: _stored_spread(spread) for name, spread in group["features"].items()},
                }
            )
            for group in stored["groups"]
        )
        return cls(
            version=stored["version"],
            cohorts=tuple(stored["cohorts"]),
            thirds=tuple(stored["thirds"]),
            probability_edges=tuple(stored["probability_edges"]),
            bins={name: tuple(bins) for name, bins in stored["bins"].items()},
            groups=groups,
        )


def population(settings: Settings) -> Population | None:
    """The population in force, None where none was counted yet."""
    version = current(settings, TABLE)
    return None if version is None else _read(version.folder())


@lru_cache(2)
def _read(folder: Path) -> Population:
    """Read once: a version's files never change, and its id is part of the path."""
    return Population.read(folder)


def _stored_spread(stored: Mapping[str, Any]) -> Spread:
    return Spread(tuple(stored["shares"]), stored["missing"], tuple(stored["quantiles"]))


def _values(rows: "pa.Table", feature: Feature) -> NDArray[Any]:
    """A feature's values: floats with NaN, or texts with None."""
    import pyarrow as pa

    column = rows.column(feature.name)
    if feature.kind == "category":
        return np.array(column.cast(pa.string()).to_pylist(), object)
    return np.asarray(column.cast(pa.float64()).to_numpy(), float)


def _thirds(incomes: NDArray[Any] | None) -> tuple[float, ...]:
    known = np.array([]) if incomes is None else incomes[~np.isnan(incomes)]
    return tuple(np.percentile(known, _THIRDS).tolist()) if len(known) else ()


def _members(
    columns: Mapping[str, NDArray[Any]], thirds: Sequence[float], clients: int
) -> Iterator[tuple[dict[str, Value], NDArray[np.bool_]]]:
    """Everybody, then the groups that agree in the first segment, in the first two, and in all, where large enough."""
    codes = {
        name: columns[name] if columns[name].dtype == object else _third(columns[name], thirds)
        for name in SEGMENTS
        if name in columns
    }
    level: list[tuple[dict[str, Value], NDArray[np.bool_]]] = [({}, np.ones(clients, bool))]
    yield from level
    for name in SEGMENTS:
        if name not in codes:
            continue
        level = [
            ({**key, name: value}, chosen & (codes[name] == value))
            for key, chosen in level
            for value in sorted({value for value in codes[name][chosen].tolist() if value is not None})
        ]
        level = [(key, chosen) for key, chosen in level if chosen.sum() >= LEAST_CLIENTS]
        yield from level


def _third(incomes: NDArray[np.float64], thirds: Sequence[float]) -> NDArray[Any]:
    found = np.searchsorted(thirds, incomes, "right").astype(float).astype(object)
    found[np.isnan(incomes)] = None
    return found


def _bins(values: NDArray[Any]) -> tuple[Value, ...]:
    """Names of categories, most frequent first, or edges of bins of one width; the outermost take what lies beyond."""
    if values.dtype == object:
        names, counts = np.unique([v for v in values if v is not None], return_counts=True)
        return tuple(str(name) for name in names[np.argsort(-counts, kind="stable")])
    known = values[~np.isnan(values)]
    if not len(known):
        return (0.0, 1.0)
    distinct = np.unique(known)
    if len(distinct) <= _FEW_VALUES:
        middles = (distinct[1:] + distinct[:-1]) / 2
        return (float(distinct[0]) - 0.5, *middles.tolist(), float(distinct[-1]) + 0.5)
    low, high = np.percentile(known, _TAILS)
    if low == high:
        low, high = float(known.min()), float(known.max())
    return tuple(np.linspace(low, high, _BINS + 1).tolist())


def _spread(values: NDArray[Any], bins: Sequence[Value]) -> Spread:
    if values.dtype == object:
        known = np.array([v for v in values if v is not None], object)
        counts = np.array([int((known == name).sum()) for name in bins])
        quantiles: tuple[float, ...] = ()
    else:
        known = values[~np.isnan(values)]
        edges = np.array(bins, float)
        counts = np.histogram(np.clip(known, edges[0], edges[-1]), edges)[0]
        quantiles = tuple(np.percentile(known, _QUANTILES).tolist()) if len(known) >= LEAST_CLIENTS else ()
    counts = np.where(counts < LEAST_IN_BIN, 0, counts)
    shares = counts / max(len(known), 1)
    return Spread(tuple(np.round(shares, 4).tolist()), 1 - len(known) / len(values), quantiles)
