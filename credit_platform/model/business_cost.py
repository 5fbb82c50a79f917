"""The business cost of decisions, and the cut-off that makes it smallest.

A missed default costs `false_negative`, a refused good client `false_positive`; the default of 10 to 1 is the
assumption this field's public projects share. With calibrated probabilities the best cut-off is
`false_positive / (false_positive + false_negative)` (Elkan, "The foundations of cost-sensitive learning", 2001).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

FILE_NAME = "threshold.json"


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


def cost_curve(
    defaulted: ArrayLike, probability: ArrayLike, costs: Costs
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every cut-off that makes a difference, and the cost per client of refusing at and above it.

    Returns two arrays of shape (k,), cut-offs ascending; the last cut-off, above every probability, refuses nobody.
    """
    p, y = np.asarray(probability, float), np.asarray(defaulted, bool)
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    cutoffs, first = np.unique(p, return_index=True)
    cutoffs, first = np.append(cutoffs, np.nextafter(p[-1], np.inf)), np.append(first, len(p))
    bad_below = np.concatenate([[0], np.cumsum(y)])[first]
    good_at_or_above = (~y).sum() - np.concatenate([[0], np.cumsum(~y)])[first]
    return cutoffs, (costs.false_negative * bad_below + costs.false_positive * good_at_or_above) / len(p)


@dataclass(frozen=True)
class Threshold:
    """The cut-off in force: a client whose probability of default reaches `value` is refused."""

    value: float
    cost_per_client: float
    costs: Costs

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
        return cls(stored["value"], stored["cost_per_client"], Costs(**stored["costs"]))


def choose_threshold(defaulted: ArrayLike, probability: ArrayLike, costs: Costs) -> Threshold:
    """The cut-off of least cost on predictions the model was not fitted on.

    Raises:
        ValueError: the outcomes are all alike.
    """
    y = np.asarray(defaulted, bool)
    if y.all() or not y.any():
        raise ValueError("a cut-off needs both defaults and good clients among the outcomes")
    cutoffs, curve = cost_curve(y, probability, costs)
    best = int(np.argmin(curve))
    return Threshold(float(cutoffs[best]), float(curve[best]), costs)
