"""Points and grades: how a probability of default is told to people.

Points: 600 at odds of 50 good to 1 bad, and 20 more for every doubling of the odds (Siddiqi, "Credit Risk Scorecards",
2006, chapter 6). Grades: bands of the probability of default, A the best, whose observed default rates rise from one to
the next. Not here: decisions (`business_cost.py`).
"""

import json
import math
from bisect import bisect_right
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

FILE_NAME = "scale.json"
BANDS = (0.01, 0.02, 0.035, 0.06, 0.1, 0.16, 0.26)
"""Upper ends of the first grades' bands: each probability about two thirds above the one before."""
_LEAST_SHARE = 0.01
_LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Grade:
    """A band of probabilities of default, `low` included, `high` not, and what was observed in it out of fold."""

    name: str
    low: float
    high: float
    clients: int
    default_rate: float


@dataclass(frozen=True)
class Scale:
    """Points for a probability of default, and the grades."""

    points: float
    odds: float
    points_to_double: float
    grades: tuple[Grade, ...]

    def score(self, probability: float) -> int:
        """Points, rounded; the higher the better."""
        p = min(max(probability, 1e-9), 1 - 1e-9)
        return round(self.points + self.points_to_double * math.log2((1 - p) / p / self.odds))

    def grade(self, probability: float) -> str:
        return self.grades[bisect_right([grade.low for grade in self.grades[1:]], probability)].name

    def write(self, folder: Path) -> Path:
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the scale stored in `folder`.

        Raises:
            FileNotFoundError: the folder holds no scale.
        """
        stored = json.loads((folder / FILE_NAME).read_text("utf-8"))
        return cls(**{**stored, "grades": tuple(Grade(**grade) for grade in stored["grades"])})


def fit_grades(defaulted: NDArray[np.int64], probability: NDArray[np.float64]) -> tuple[Grade, ...]:
    """Bands of calibrated out-of-fold probabilities, shape (n,); neighbours are merged until rates rise strictly.

    A band also needs a hundredth of the clients. The merging is that of isotonic regression (pool adjacent violators).
    """
    edges = [0.0, *BANDS, 1.0]
    bands: list[tuple[float, float, int, int]] = []
    for low, high in pairwise(edges):
        inside = (probability >= low) & ((probability < high) | (high == 1.0))
        bands.append((low, high, int(inside.sum()), int(defaulted[inside].sum())))
    while len(bands) > 1:
        weak = next((i for i in range(len(bands)) if _is_weak(bands, i, len(probability))), None)
        if weak is None:
            break
        i = max(weak, 1)
        (low, _, n, bad), (_, high, more, worse) = bands[i - 1 : i + 1]
        bands[i - 1 : i + 1] = [(low, high, n + more, bad + worse)]
    return tuple(Grade(_LETTERS[i], low, high, n, bad / n if n else 0.0) for i, (low, high, n, bad) in enumerate(bands))


def _is_weak(bands: list[tuple[float, float, int, int]], i: int, clients: int) -> bool:
    """Whether a band holds too few clients, or fewer defaults than the one before."""
    *_, n, bad = bands[i]
    if n < max(1, _LEAST_SHARE * clients):
        return True
    if i == 0:
        return False
    *_, before, bad_before = bands[i - 1]
    return bad / n <= bad_before / before
