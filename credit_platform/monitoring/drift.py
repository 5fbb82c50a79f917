"""How far a cohort's features have moved from those the champion was trained on, on full data.

The population stability index is taken over reference deciles, so that a heavy tail can't hide a shift, and counts
only where it is both large and significant: PSI / (1/n + 1/m) follows a chi-squared distribution with bins - 1 degrees
of freedom when nothing moved (Yurdakul, "Statistical properties of population stability index", 2018), with the level
divided by the number of columns. Missing shares and unseen categories are judged apart from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import Feature
from credit_platform.model.reference import SCORE

if TYPE_CHECKING:
    import pyarrow as pa

BINS = 10
LEVEL = 0.05
RARE = 0.005
MISSING_MOVED = 0.05
UNSEEN = 0.01
BROKEN = 10.0
"""How many times over its limit one feature must move to make a cohort drifted by itself: 50 points more missing."""


@dataclass(frozen=True)
class ColumnDrift:
    """One column against its reference. `reasons` says what moved; it is empty where nothing did.

    `strength` is how many times the furthest moved of values, missing share and unseen categories exceeds its limit.
    """

    column: str
    psi: float
    missing_reference: float
    missing_current: float
    unseen_share: float
    reasons: tuple[str, ...]
    strength: float = 0.0

    @property
    def drifted(self) -> bool:
        return bool(self.reasons)


@dataclass(frozen=True)
class Verdict:
    """A cohort's drift: its columns, most moved first, and whether the cohort counts as drifted."""

    cohort: str
    model_version: str
    columns: tuple[ColumnDrift, ...]
    score_psi: float
    drift_share: float
    share_limit: float
    drifted: bool

    @property
    def sentence(self) -> str:
        """The verdict in words; it names columns, never clients."""
        moved = [column.column for column in self.columns if column.drifted]
        named = ", ".join(moved[:5]) + (f" and {len(moved) - 5} more" if len(moved) > 5 else "")
        return (
            f"cohort {self.cohort} {'has drifted' if self.drifted else 'is stable'}: {self.drift_share:.0%} of "
            f"{len(self.columns)} watched features moved (limit {self.share_limit:.0%}), score PSI {self.score_psi:.2f}"
            + (f"; {named}" if named else "")
        )

    def as_json(self) -> dict[str, Any]:
        moved = [column for column in self.columns if column.drifted]
        return {
            "sentence": self.sentence,
            "cohort": self.cohort,
            "model_version": self.model_version,
            "drifted": self.drifted,
            "drift_share": self.drift_share,
            "threshold": self.share_limit,
            "score_psi": self.score_psi,
            "drifted_columns": [column.column for column in moved],
            "reasons": {column.column: list(column.reasons) for column in moved},
            "columns": {column.column: column.psi for column in self.columns},
        }


def judge(
    cohort: str,
    model_version: str,
    reference: "pa.Table",
    current: "pa.Table",
    features: Sequence[Feature],
    psi_limit: float,
    share_limit: float,
) -> Verdict:
    """Judges the features, and the score if both tables hold `probability_of_default`.

    A cohort has drifted when the share of drifted features reaches `share_limit`, when its scores have drifted, or when
    a single feature has moved so far that its feed must be broken.
    """
    tests = len(features) + 1
    columns = sorted(
        (compare(reference.column(f.name), current.column(f.name), f, psi_limit, tests) for f in features),
        key=lambda column: (-column.drifted, -column.strength),
    )
    score = compare(reference.column(SCORE), current.column(SCORE), Feature(SCORE, "numeric"), psi_limit, tests)
    broken = any(column.drifted and column.strength >= BROKEN for column in columns)
    share = sum(column.drifted for column in columns) / len(columns) if columns else 0.0
    return Verdict(
        cohort,
        model_version,
        tuple(columns),
        score.psi,
        share,
        share_limit,
        share >= share_limit or score.drifted or broken,
    )


def compare(
    reference: "pa.ChunkedArray", current: "pa.ChunkedArray", feature: Feature, psi_limit: float, tests: int
) -> ColumnDrift:
    """Compares one column of two tables; `tests` is the number of columns judged together."""
    before, after = _present(reference), _present(current)
    missing = (1 - len(before) / max(len(reference), 1), 1 - len(after) / max(len(current), 1))
    unseen = 0.0
    if feature.kind == "category":
        counts, unseen = _category_counts(before, after)
    else:
        counts = _decile_counts(before.astype(float), after.astype(float))
    psi, significant = _psi(*counts, tests)
    reasons = []
    if psi >= psi_limit and significant:
        reasons.append(f"values moved (PSI {psi:.2f})")
    if abs(missing[1] - missing[0]) >= MISSING_MOVED and _shares_differ(
        missing[0], missing[1], len(reference), len(current), tests
    ):
        reasons.append(f"missing share {missing[0]:.0%} -> {missing[1]:.0%}")
    if unseen >= UNSEEN:
        reasons.append(f"{unseen:.1%} in unseen categories")
    strength = max(psi / psi_limit, abs(missing[1] - missing[0]) / MISSING_MOVED, unseen / UNSEEN)
    return ColumnDrift(feature.name, psi, missing[0], missing[1], unseen, tuple(reasons), strength)


def quantile_edges(reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner edges of the reference's deciles; fewer where values repeat."""
    return np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))


def _present(column: "pa.ChunkedArray") -> NDArray[Any]:
    values: NDArray[Any] = column.drop_null().to_numpy()
    return values[~np.isnan(values)] if values.dtype.kind == "f" else values


def _decile_counts(
    before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts per bin: the reference's deciles, with what lies below and above its range in bins of their own."""
    if not len(before):
        return np.zeros(1, int), np.zeros(1, int)
    low, high = before.min(), before.max()
    edges = np.unique(np.concatenate([[np.nextafter(low, -np.inf)], quantile_edges(before), [high]]))
    return tuple(  # type: ignore[return-value]
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) for values in (before, after)
    )


def _category_counts(
    before: NDArray[Any], after: NDArray[Any]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], float]:
    """Counts per known category, rare ones together, and the share of the current values never seen before."""
    names, counts = np.unique(before.astype(str), return_counts=True)
    frequent = names[counts >= RARE * max(len(before), 1)]

    def count(values: NDArray[Any]) -> NDArray[np.int64]:
        known = values[np.isin(values, names)]
        return np.array([*(np.sum(known == name) for name in frequent), np.sum(~np.isin(known, frequent))], int)

    after = after.astype(str)
    unseen = float(np.mean(~np.isin(after, names))) if len(after) else 0.0
    return (count(before.astype(str)), count(after)), unseen


def _psi(before: NDArray[np.int64], after: NDArray[np.int64], tests: int) -> tuple[float, bool]:
    """PSI with half a count added to every bin, and whether it is more than chance explains."""
    from scipy.stats import chi2

    n, m = before.sum(), after.sum()
    used = (before + after) > 0
    bins = int(used.sum())
    if bins < 2 or not n or not m:
        return 0.0, False
    p, q = ((counts[used] + 0.5) / (counts.sum() + 0.5 * bins) for counts in (before, after))
    psi = float(((q - p) * np.log(q / p)).sum())
    return psi, bool(chi2.sf(psi / (1 / n + 1 / m), bins - 1) < LEVEL / tests)


def _shares_differ(before: float, after: float, n: int, m: int, tests: int) -> bool:
    """Two-proportion z test."""
    from scipy.stats import norm

    pooled = (before * n + after * m) / max(n + m, 1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / max(n, 1) + 1 / max(m, 1)))
    return bool(error > 0 and 2 * norm.sf(abs(after - before) / error) < LEVEL / tests)
