"""Numbers measured in a cohort, with what chance leaves open: a few hundred clients say less than many thousand.

Rows of one client resemble each other, so that it is clients who count, not rows: `units` is the number of clients, or
other parents, that a number comes from. Bounds are three standard errors away on either side.
"""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

_ERRORS = 3.0


class Key(NamedTuple):
    """What is measured, and of what; `column` is empty where it is the whole table."""

    table: str
    column: str
    measure: str


@dataclass(frozen=True)
class Measure:
    """A number between its bounds; both are the number itself where it is counted and not estimated.

    `names` are those of categories, sentinels or cohorts that it is about.
    """

    value: float
    low: float
    high: float
    names: tuple[str, ...] = ()

    def is_apart_from(self, other: "Measure") -> bool:
        """Whether chance does not explain the difference."""
        return self.low > other.high or self.high < other.low


def counted(value: float, names: tuple[str, ...] = ()) -> Measure:
    return Measure(value, value, value, names)


def share(count: float, of: float, units: float, names: tuple[str, ...] = ()) -> Measure:
    """A share, between the bounds of Wilson's interval (Wilson, JASA 22, 1927)."""
    found, n, z = count / of, min(of, units), _ERRORS
    centre = (found + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * sqrt(found * (1 - found) / n + z**2 / (4 * n**2))
    return Measure(found, min(found, centre - reach), max(found, centre + reach), names)


def mean(total: float, squares: float, units: float) -> Measure:
    """A mean of `units` values from their sum and the sum of their squares."""
    found = total / units
    reach = _ERRORS * sqrt(max(squares / units - found**2, 0) / units)
    return Measure(found, found - reach, found + reach)


def ranks(probability: float, units: float) -> list[float]:
    """The probabilities of a quantile and of its bounds, which are order statistics and hold for any distribution."""
    reach = _ERRORS * sqrt(probability * (1 - probability) / units)
    return [max(probability - reach, 0.0), probability, min(probability + reach, 1.0)]
