"""How sure a number is: bootstrap intervals of metrics, and of the differences between models judged on the same rows.

Rows are drawn with replacement, all statistics of all models from the same draws, and an interval lies between two
percentiles of them, moved by as much as half the draws miss the value (Efron's BC: "Better Bootstrap Confidence
Intervals", JASA 82, 1987). A drawn row is a weight, so that a model's rows are sorted once and a resample costs a few
passes over them.

The number of defaults is left to chance like everything else. Resampling defaulters and good clients apart would hold
the default rate fixed: intervals of 95 % then hold 0 % of the time for the default rate, 55 % for the Brier score and
82 % for the cost per client (600 simulated samples of 300 clients), against 93 % and more. Differences use the draws
they have anyway rather than DeLong's variance (Biometrics 44, 1988), which exists for the AUC alone and agrees there.

Rows count as independent of each other. Not here: which difference is too large (`promotion.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from credit_platform.model.business_cost import Costs
from credit_platform.model.calibration import probability_of

CONFIDENCE = 0.95
RESAMPLES = 1000
_NORMAL = NormalDist()
_CELLS = 2**18
"""Weights held at a time: 2 MB for each array of them, whatever the number of rows and of resamples."""


@dataclass(frozen=True)
class Interval:
    """A value and the interval it lies in with some confidence. Formats as all three: `f"{interval:.3f}"`."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        spec = spec or ".4g"
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"

    def __str__(self) -> str:
        return format(self)


@dataclass(frozen=True)
class Draws:
    """A statistic of the rows themselves and of each resample, shape (resamples,).

    Two of the same `bootstrap` can be subtracted: they come from the same resamples.
    """

    value: float
    resampled: NDArray[np.float64]

    def __sub__(self, other: Self) -> "Draws":
        return Draws(self.value - other.value, self.resampled - other.resampled)

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """The bias-corrected percentile interval; ties count half."""
        least = 0.5 / len(self.resampled)
        below = np.mean(self.resampled < self.value) / 2 + np.mean(self.resampled <= self.value) / 2
        bias = _NORMAL.inv_cdf(float(np.clip(below, least, 1 - least)))
        reach = _NORMAL.inv_cdf((1 + confidence) / 2)
        low, high = np.quantile(self.resampled, [_NORMAL.cdf(2 * bias - reach), _NORMAL.cdf(2 * bias + reach)])
        return Interval(self.value, float(low), float(high))


class Resamples:
    """Resamples of one model's rows, which are sorted by probability, highest first; `weight` has shape (draws, n).

    `defaulted` and `probability` have shape (n,) and that order; `order` has led to it.
    """

    def __init__(self, rows: "_Rows", weight: NDArray[np.float64]) -> None:
        self.defaulted, self.probability, self.order = rows.defaulted, rows.probability, rows.order
        self.weight = weight
        self._rows = rows

    @cached_property
    def total(self) -> NDArray[np.float64]:
        """Weight of each resample, shape (draws,)."""
        return np.asarray(self.weight.sum(axis=1))

    @cached_property
    def caught(self) -> NDArray[np.float64]:
        """Defaulters at or above each distinct probability, from 0 to all of them, shape (draws, distinct + 1)."""
        return self._cumulated(self.weight * self.defaulted)

    @cached_property
    def lost(self) -> NDArray[np.float64]:
        """Good clients at or above each distinct probability, from 0 to all of them, shape (draws, distinct + 1)."""
        return self._cumulated(self.weight * ~self.defaulted)

    def mean(self, values: NDArray) -> NDArray[np.float64]:
        """Weighted mean of values of shape (n,), in the rows' sorted order."""
        return np.asarray(self.weight @ np.asarray(values, float) / self.total)

    @cached_property
    def recalibrated(self) -> NDArray[np.float64]:
        """Intercept and slope of the outcomes' logistic regression on the log-odds, shape (draws, 2)."""
        return self._rows.recalibration.refitted(self.weight)

    @cached_property
    def shifted(self) -> NDArray[np.float64]:
        """The intercept alone, the slope held at 1, shape (draws, 1)."""
        return self._rows.shift.refitted(self.weight)

    def _cumulated(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.zeros((len(weight), weight.shape[1] + 1))
        np.cumsum(weight, axis=1, out=sums[:, 1:])
        return sums if self._rows.ends is None else sums[:, self._rows.ends]


Statistic = Callable[[Resamples], NDArray[np.float64]]
"""One number for each resample; NaN where it is not defined, such as a ranking without both outcomes."""


def auc(drawn: Resamples) -> NDArray[np.float64]:
    """How often a defaulter scores above a good client, ties half: the area under the ROC curve.

    Mann & Whitney's statistic as the trapezoids under the curve (Hanley & McNeil, Radiology 143, 1982).
    """
    caught, lost = drawn.caught, drawn.lost
    area = np.einsum("dk,dk->d", np.diff(lost), caught[:, 1:] + caught[:, :-1]) / 2
    return np.asarray(area / (caught[:, -1] * lost[:, -1]))


def gini(drawn: Resamples) -> NDArray[np.float64]:
    """2 AUC - 1."""
    return 2 * auc(drawn) - 1


def ks(drawn: Resamples) -> NDArray[np.float64]:
    """Largest distance by which defaulters are ahead of good clients in the score (Kolmogorov & Smirnov).

    A maximum grows by chance. The interval allows for that in part: one of 95 % holds in 87 of 100 samples of 300
    clients, in 91 of 2,000 clients.
    """
    ahead = drawn.caught / drawn.caught[:, -1:]
    ahead -= drawn.lost / drawn.lost[:, -1:]
    return np.asarray(ahead.max(axis=1))


def pr_auc(drawn: Resamples) -> NDArray[np.float64]:
    """Average precision: precision at each distinct probability, weighted by the recall gained there."""
    caught = drawn.caught
    reached = caught[:, 1:] + drawn.lost[:, 1:]
    precision = np.divide(caught[:, 1:], reached, out=np.zeros_like(reached), where=reached > 0)
    return np.asarray(np.einsum("dk,dk->d", np.diff(caught), precision) / caught[:, -1])


def brier(drawn: Resamples) -> NDArray[np.float64]:
    """Mean squared error of the probabilities (Brier, Monthly Weather Review 78, 1950)."""
    return drawn.mean((drawn.probability - drawn.defaulted) ** 2)


def log_loss(drawn: Resamples) -> NDArray[np.float64]:
    """Mean negative log-likelihood of the outcomes, probabilities kept off 0 and 1 by one rounding error."""
    likelihood = np.where(drawn.defaulted, drawn.probability, 1 - drawn.probability)
    return drawn.mean(-np.log(np.maximum(likelihood, np.finfo(float).eps)))


def mean_probability(drawn: Resamples) -> NDArray[np.float64]:
    """Mean predicted probability of default."""
    return drawn.mean(drawn.probability)


def default_rate(drawn: Resamples) -> NDArray[np.float64]:
    """Observed share of defaults."""
    return drawn.mean(drawn.defaulted)


def calibration_slope(drawn: Resamples) -> NDArray[np.float64]:
    """Slope of the outcomes on the log-odds; 1 is perfect, below 1 is too sharp (Cox, Biometrika 45, 1958)."""
    return drawn.recalibrated[:, 1]


def calibration_intercept(drawn: Resamples) -> NDArray[np.float64]:
    """Shift of the log-odds that makes predicted and observed rates agree; 0 is perfect, above 0 too optimistic."""
    return drawn.shifted[:, 0]


def mean(values: ArrayLike) -> Statistic:
    """The mean of values of shape (n,), in the order of the rows as they were given."""
    array = np.asarray(values, float)
    return lambda drawn: drawn.mean(array[drawn.order])


def cost(costs: Costs, cutoff: float) -> Statistic:
    """Cost per client of refusing from a cut-off on; at infinity everyone is approved, at minus infinity refused."""

    def statistic(drawn: Resamples) -> NDArray[np.float64]:
        refused = drawn.probability >= cutoff
        missed, turned_away = drawn.defaulted & ~refused, ~drawn.defaulted & refused
        return drawn.mean(costs.false_negative * missed + costs.false_positive * turned_away)

    return statistic


def refusal_rate(cutoff: float) -> Statistic:
    """Share of clients refused from a cut-off on."""
    return lambda drawn: drawn.mean(drawn.probability >= cutoff)


class Measured(NamedTuple):
    """A model by its probabilities of default, shape (n,), and what is to be measured of them."""

    probability: ArrayLike
    statistics: Mapping[str, Statistic]


def bootstrap(
    defaulted: ArrayLike,
    models: Mapping[str, Measured],
    *,
    weight: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, dict[str, Draws]]:
    """Draws each model's statistics from the same resamples of the rows.

    `defaulted` are 0/1 of shape (n,), `weight` counts each row. A resample without defaulters, or without good clients,
    is drawn again where the rows have both.

    Raises:
        ValueError: there are no rows, the shapes differ, or a probability is none.
    """
    y = np.asarray(defaulted, bool)
    base = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    rows = {name: _Rows(y, np.asarray(model.probability, float), base) for name, model in models.items()}
    drawn: dict[str, dict[str, list[NDArray[np.float64]]]] = {
        name: {statistic: [] for statistic in model.statistics} for name, model in models.items()
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        for counts in _multiplicities(y, resamples, seed):
            counts *= base
            for name, model in models.items():
                drawn_rows = Resamples(rows[name], counts[:, rows[name].order])
                for statistic, function in model.statistics.items():
                    drawn[name][statistic].append(function(drawn_rows))
    joined = {name: {s: np.concatenate(parts) for s, parts in of.items()} for name, of in drawn.items()}
    return {
        name: {statistic: Draws(float(all_[0]), all_[1:]) for statistic, all_ in of.items()}
        for name, of in joined.items()
    }


def intervals(
    defaulted: ArrayLike,
    probability: ArrayLike,
    statistics: Mapping[str, Statistic],
    *,
    weight: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """One model's statistics with their intervals, by the names given. Arguments and errors as in `bootstrap`."""
    models = {"": Measured(probability, statistics)}
    drawn = bootstrap(defaulted, models, weight=weight, resamples=resamples, seed=seed)[""]
    return {name: draws.interval(confidence) for name, draws in drawn.items()}


def differences(
    defaulted: ArrayLike,
    new: Measured,
    old: Measured,
    *,
    weight: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """The paired differences new minus old, for the statistics that both name. Errors as in `bootstrap`."""
    models = {"new": new, "old": old}
    drawn = bootstrap(defaulted, models, weight=weight, resamples=resamples, seed=seed)
    return {name: (drawn["new"][name] - drawn["old"][name]).interval(confidence) for name in new.statistics}


def share(hits: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """A share with its score interval, which holds for few trials too (Wilson, JASA 22, 1927)."""
    z2 = _NORMAL.inv_cdf((1 + confidence) / 2) ** 2
    rate = hits / of
    middle = (hits + z2 / 2) / (of + z2)
    half = (z2 * (rate * (1 - rate) / of + z2 / (4 * of**2))) ** 0.5 / (1 + z2 / of)
    return Interval(rate, max(0.0, middle - half), min(1.0, middle + half))


class _Rows:
    """One model's rows, sorted by probability, highest first, and what needs to be known of them only once."""

    def __init__(
        self, defaulted: NDArray[np.bool_], probability: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> None:
        shapes = {defaulted.shape, probability.shape, weight.shape}
        if len(shapes) > 1 or defaulted.ndim != 1 or not len(defaulted):
            raise ValueError(f"expected outcomes, probabilities and weights of one shape (n,), n > 0; got {shapes}")
        if not ((probability >= 0) & (probability <= 1)).all():
            raise ValueError("expected probabilities between 0 and 1; some are not")
        self.order = np.argsort(-probability, kind="stable")
        self.defaulted, self.probability = defaulted[self.order], probability[self.order]
        ties_end = np.concatenate([[True], np.diff(self.probability) != 0, [True]])
        self.ends = None if ties_end.all() else np.flatnonzero(ties_end)
        self._weight = weight[self.order]

    @cached_property
    def _log_odds(self) -> NDArray[np.float64]:
        tiny = np.finfo(float).eps
        p = np.clip(self.probability, tiny, 1 - tiny)
        return np.log(p / (1 - p))

    @cached_property
    def recalibration(self) -> "_Logistic":
        design = np.column_stack([np.ones_like(self.probability), self._log_odds])
        return _Logistic(design, np.zeros(1), self.defaulted, self._weight, np.array([0.0, 1.0]))

    @cached_property
    def shift(self) -> "_Logistic":
        design = np.ones((len(self.probability), 1))
        return _Logistic(design, self._log_odds, self.defaulted, self._weight, np.zeros(1))


class _Logistic:
    """A logistic regression of 0/1 outcomes, fitted by Newton's method, that is cheap to fit again to other weights.

    `design` has shape (n, k); where it tells the outcomes apart, the coefficients are far out but finite.
    """

    def __init__(
        self,
        design: NDArray[np.float64],
        offset: NDArray[np.float64],
        defaulted: NDArray[np.bool_],
        weight: NDArray[np.float64],
        start: NDArray[np.float64],
    ) -> None:
        self._coefficients, step = start, np.full_like(start, np.inf)
        products = (design[:, :, np.newaxis] * design[:, np.newaxis]).reshape(len(design), -1)

        def loss(coefficients: NDArray[np.float64]) -> float:
            margin = design @ coefficients + offset
            return float(weight @ (np.logaddexp(0, margin) - defaulted * margin))

        for _ in range(50):
            fitted = probability_of(design @ self._coefficients + offset)
            self._score = (defaulted - fitted)[:, np.newaxis] * design
            self._information = (fitted * (1 - fitted))[:, np.newaxis] * products
            if np.abs(step).max() < 1e-10:
                break
            step = self._step(weight[np.newaxis])[0]
            # A full step can overshoot where margins lie close together; a shorter one in its direction never does.
            while np.abs(step).max() >= 1e-10 and loss(self._coefficients + step) > loss(self._coefficients):
                step = step / 2
            self._coefficients = self._coefficients + step

    def refitted(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """The coefficients for other weights of shape (draws, n), shape (draws, k).

        One Newton step from the fit to all rows, which differs from the fit to a resample by O(1/n) (Moulton & Zeger,
        "Bootstrapping generalized linear models", Computational Statistics & Data Analysis 11, 1991).
        """
        return np.asarray(self._coefficients + self._step(weight))

    def _step(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        width = len(self._coefficients)
        inverse = np.linalg.pinv((weight @ self._information).reshape(-1, width, width), hermitian=True)
        return np.asarray((inverse @ (weight @ self._score)[:, :, np.newaxis])[:, :, 0])


def _multiplicities(defaulted: NDArray[np.bool_], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each row is drawn, shape (draws, n), some resamples at a time; the very first draw is the rows."""
    random, n = np.random.default_rng(seed), len(defaulted)
    yield np.ones((1, n))
    size = max(1, _CELLS // n)
    has_both = defaulted.any() and not defaulted.all()
    for first in range(0, resamples, size):
        counts = _drawn(random, min(size, resamples - first), n)
        while has_both and len(lacking := np.flatnonzero(_lacks_outcome(counts, defaulted))):
            counts[lacking] = _drawn(random, len(lacking), n)
        yield counts


def _drawn(random: np.random.Generator, draws: int, n: int) -> NDArray[np.float64]:
    rows = random.integers(n, size=(draws, n), dtype=np.uint32) + np.arange(draws)[:, np.newaxis] * n
    return np.bincount(rows.ravel(), minlength=draws * n).reshape(draws, n).astype(float)


def _lacks_outcome(counts: NDArray[np.float64], defaulted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    defaults = counts @ defaulted
    return np.asarray((defaults == 0) | (defaults == len(defaulted)))
