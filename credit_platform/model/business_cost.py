"""The business cost of decisions, and the cut-off that makes it smallest.

A missed default costs `false_negative`, a refused good client `false_positive`; the default of 10 to 1 is the
assumption this field's public projects share. With calibrated probabilities the best cut-off is
`false_positive / (false_positive + false_negative)` (Elkan, "The foundations of cost-sensitive learning", 2001).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

FILE_NAME = "threshold.json"
Decision = Literal["approve", "review", "refuse"]


@dataclass(frozen=True)
class Costs:
    """What the two kinds of error cost, in refused good clients."""

    false_negative: float = 10.0
    false_positive: float = 1.0

    @property
    def theoretical_threshold(self) -> float:
        return self.false_positive / (self.false_positive + self.false_negative)


def cost_per_client(defaulted: ArrayLike, refused: ArrayLike, costs: Costs, weight: ArrayLike | None = None) -> float:
    """Mean cost of decisions. `defaulted` and `refused` are 0/1 arrays of shape (n,); `weight` counts each client."""
    y, r = np.asarray(defaulted, bool), np.asarray(refused, bool)
    each = costs.false_negative * (y & ~r) + costs.false_positive * (~y & r)
    return float(np.average(each, weights=None if weight is None else np.asarray(weight, float)))


@dataclass(frozen=True)
class Curve:
    """What every cut-off that makes a difference comes to; arrays of shape (k,), cut-offs ascending.

    The last cut-off, above every probability, refuses nobody.
    """

    cutoff: NDArray[np.float64]
    cost: NDArray[np.float64]
    approval_rate: NDArray[np.float64]
    bad_rate: NDArray[np.float64]
    """Share of defaults among the approved; 0 where nobody is."""


def strategy_curve(defaulted: ArrayLike, probability: ArrayLike, costs: Costs) -> Curve:
    """Cost per client, approval rate and bad rate of refusing at and above each cut-off."""
    p, y = np.asarray(probability, float), np.asarray(defaulted, bool)
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    cutoffs, first = np.unique(p, return_index=True)
    cutoffs, first = np.append(cutoffs, np.nextafter(p[-1], np.inf)), np.append(first, len(p))
    bad_below = np.concatenate([[0], np.cumsum(y)])[first]
    good_at_or_above = (~y).sum() - np.concatenate([[0], np.cumsum(~y)])[first]
    return Curve(
        cutoff=cutoffs,
        cost=(costs.false_negative * bad_below + costs.false_positive * good_at_or_above) / len(p),
        approval_rate=first / len(p),
        bad_rate=bad_below / np.maximum(first, 1),
    )


@dataclass(frozen=True)
class Threshold:
    """The cut-off in force: a client whose probability of default reaches `value` is refused.

    `low` and `high` bound it in 95 of 100 bootstrap samples. From `review_low` up to, not including, `review_high` a
    person decides: approving and refusing differ there by less than `review_margin` of a refused good client.
    """

    value: float
    cost_per_client: float
    costs: Costs
    low: float = 0.0
    high: float = 1.0
    review_margin: float = 0.0

    @property
    def review_low(self) -> float:
        return self.value * (1 - self.review_margin)

    @property
    def review_high(self) -> float:
        return self.value * (1 + self.review_margin)

    @property
    def holds_theory(self) -> bool:
        """Whether the theoretical cut-off lies within the interval."""
        return self.low <= self.costs.theoretical_threshold <= self.high

    def decide(self, probability: float) -> Decision:
        if self.review_low <= probability < self.review_high:
            return "review"
        return "refuse" if probability >= self.value else "approve"

    def write(self, folder: Path) -> Path:
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the threshold stored in `folder`.

        Raises:
            FileNotFoundError: the folder holds no threshold.
        """
        stored: dict[str, Any] = json.loads((folder / FILE_NAME).read_text("utf-8"))
        return cls(**{**stored, "costs": Costs(**stored["costs"])})


def choose_threshold(
    defaulted: ArrayLike,
    probability: ArrayLike,
    costs: Costs,
    *,
    review_margin: float = 0.0,
    resamples: int = 0,
    seed: int = 0,
) -> Threshold:
    """The cut-off of least cost on predictions the model was not fitted on, with its bootstrap interval.

    Raises:
        ValueError: the outcomes are all alike.
    """
    y, p = np.asarray(defaulted, bool), np.asarray(probability, float)
    if y.all() or not y.any():
        raise ValueError("a cut-off needs both defaults and good clients among the outcomes")
    curve = strategy_curve(y, p, costs)
    best = int(np.argmin(curve.cost))
    value, cost = float(curve.cutoff[best]), float(curve.cost[best])
    if not resamples:
        return Threshold(value, cost, costs, review_margin=review_margin)
    low, high = np.quantile(_resampled_cutoffs(y, p, costs, resamples, seed), [0.025, 0.975])
    return Threshold(value, cost, costs, min(float(low), value), max(float(high), value), review_margin)


def sensitivity(
    defaulted: ArrayLike, probability: ArrayLike, value: float, ratios: Sequence[float] = (5, 7.5, 10, 12.5, 15, 20)
) -> list[dict[str, float]]:
    """For other costs of a missed default: their best cut-off, and what keeping the present one costs instead."""
    refused = np.asarray(probability) >= value
    rows = []
    for ratio in ratios:
        costs = Costs(ratio, 1.0)
        best = choose_threshold(defaulted, probability, costs)
        kept = cost_per_client(defaulted, refused, costs)
        rows.append(
            {
                "missed default costs": ratio,
                "in theory": costs.theoretical_threshold,
                "best cut-off": best.value,
                "cost per client": best.cost_per_client,
                "cost at the present cut-off": kept,
            }
        )
    return rows


def _resampled_cutoffs(
    y: NDArray[np.bool_], p: NDArray[np.float64], costs: Costs, resamples: int, seed: int
) -> NDArray[np.float64]:
    """The cut-off of least cost in bootstrap samples; clients are counted, not copied (Efron and Tibshirani, 1993)."""
    random = np.random.default_rng(seed)
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    first = np.flatnonzero(np.append(True, np.diff(p) > 0))
    ends = np.append(p[first], np.nextafter(p[-1], np.inf))
    found = np.empty(resamples)
    for i in range(resamples):
        counts = np.bincount(random.integers(0, len(p), len(p)), minlength=len(p))
        gain = np.where(y, costs.false_negative, -costs.false_positive) * counts
        change = np.concatenate([[0.0], np.cumsum(gain)])[np.append(first, len(p))]
        found[i] = ends[np.argmin(change)]
    return found
