"""How far counts in the same bins, shares and means lie apart, and whether chance explains it.

Every function takes the reference first and returns an effect size and a p-value. Nobody decides by the size alone,
which small cohorts exceed by chance, nor by the p-value alone, which large cohorts make tiny. Not here: which of it is
too much (`layers/`).
"""

from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from credit_platform.model.profile import Counts


class Distance(NamedTuple):
    """An effect size, and how likely chance alone would bring about as much."""

    size: float
    p: float

    def beyond(self, limit: float, level: float) -> bool:
        return abs(self.size) >= limit and self.p < level


NOTHING = Distance(0.0, 1.0)
_FEWEST = 5


def psi(before: NDArray[np.int64], after: NDArray[np.int64]) -> Distance:
    """Population stability index with half a count added to every bin.

    Bins in which fewer than five of either side are to be expected are taken together, for where counts are that small
    the approximation finds too much in them. PSI / (1/n + 1/m) follows a chi-squared distribution with bins - 1 degrees
    of freedom when nothing moved (Yurdakul, "Statistical properties of population stability index", 2018).
    """
    n, m = int(before.sum()), int(after.sum())
    if not n or not m:
        return NOTHING
    few = (before + after) * (min(n, m) / (n + m)) < _FEWEST
    before, after = (np.append(counts[~few], counts[few].sum()) for counts in (before, after))
    used = (before + after) > 0
    bins = int(used.sum())
    if bins < 2:
        return NOTHING
    p, q = ((counts[used] + 0.5) / (counts.sum() + 0.5 * bins) for counts in (before, after))
    size = float(((q - p) * np.log(q / p)).sum())
    return Distance(size, _chi2(size / (1 / n + 1 / m), bins - 1))


def ks(before: NDArray[np.int64], after: NDArray[np.int64]) -> Distance:
    """Largest distance of the distribution functions at the edges of the bins; the p-value is the asymptotic one, which
    errs towards 1 where values repeat.
    """
    n, m = int(before.sum()), int(after.sum())
    if not n or not m:
        return NOTHING
    size = float(np.abs(np.cumsum(before) / n - np.cumsum(after) / m).max())
    return Distance(size, min(1.0, 2 * exp(-2 * size**2 * n * m / (n + m))))


def shares(hits_before: float, n: int, hits_after: float, m: int) -> Distance:
    """Difference of two shares, with the two-proportion z test."""
    if not n or not m:
        return NOTHING
    pooled = (hits_before + hits_after) / (n + m)
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    size = hits_after / m - hits_before / n
    return Distance(size, two_sided(size / error) if error else 1.0)


def missing(before: Counts, after: Counts) -> Distance:
    """Difference of the missing shares."""
    return shares(before.missing, before.rows, after.missing, after.rows)


def unheard_of(n: int, hits: int, m: int, chances: int) -> Distance:
    """Share of `m` values that lie where none of the `n` of the reference did.

    What chance alone puts there is a negative binomial number with `chances` ways: 2 for the two ends of a range, and
    for categories one more than there were that the reference had once, for these tell how many it had not (Good, "The
    population frequencies of species and the estimation of population parameters", 1953).
    """
    from scipy.stats import nbinom

    if not hits or not m:
        return NOTHING
    return Distance(hits / m, float(nbinom.sf(hits - 1, chances, n / (n + m))) if n else 1.0)


def means(before: tuple[float, float, int], after: tuple[float, float, int]) -> Distance:
    """Relative difference of two means, each given as sum, sum of squares and number."""
    (first, first_squares, n), (second, second_squares, m) = before, after
    if n < 2 or m < 2 or first == 0:
        return NOTHING
    low, high = first / n, second / m
    error = sqrt(max(first_squares / n - low**2, 0) / n + max(second_squares / m - high**2, 0) / m)
    return Distance(high / low - 1, two_sided((high - low) / error) if error else float(high == low))


def two_sided(z: float) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(abs(z)))


def largest_share(counts: Counts) -> float:
    """The share of the fullest bin among the present values."""
    return float(counts.values.max(initial=0)) / max(counts.present, 1)


def in_words(p: float) -> str:
    """A p-value for a sentence."""
    return f"p = {p:.2g}" if p >= 1e-6 else f"p < 1e{int(log(max(p, 1e-300)) / log(10)) + 1}"


def _chi2(value: float, degrees: int) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(value, degrees))
