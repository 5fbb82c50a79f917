"""Calibration: from a model's log-odds to probabilities of default that come true.

Platt's scaling in log-odds space, slope and intercept (Platt, "Probabilistic outputs for support vector machines",
1999), fitted on predictions that no model was fitted on. It keeps the ranking, and with it every SHAP value but for one
factor, so that reasons add up to the calibrated score; isotonic regression would do neither. Not here: plots of it
(`evaluation.py`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

FILE_NAME = "calibration.json"
_SURE = 1e-9
"""Probabilities are kept this far from 0 and 1, where log-odds are infinite."""


@dataclass(frozen=True)
class Calibration:
    """Calibrated log-odds are `intercept + slope * margin`; 0 and 1 leave them as they are."""

    intercept: float = 0.0
    slope: float = 1.0

    def margins(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.intercept + self.slope * margins

    def write(self, folder: Path) -> Path:
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the calibration stored in `folder`.

        Raises:
            FileNotFoundError: the folder holds no calibration.
        """
        return cls(**json.loads((folder / FILE_NAME).read_text("utf-8")))


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The margin of a probability."""
    clipped = np.clip(probability, _SURE, 1 - _SURE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def probability_of(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of a margin: the logistic function, without overflow."""
    small = np.exp(-np.abs(margins))
    return np.where(margins >= 0, 1 / (1 + small), small / (1 + small))


def fit_calibration(defaulted: NDArray[np.int64], margins: NDArray[np.float64]) -> Calibration:
    """The maximum-likelihood slope and intercept on margins of clients that no model was fitted on, shape (n,).

    The same two numbers judge a calibration: on a perfect one they are 1 and 0 (Cox, "Two further applications of a
    model for binary regression", 1958). Newton's method, its steps halved until the likelihood gains: from afar, or
    where the margins tell the outcomes apart, whole steps lead away.

    The slope is never negative: margins that rank the wrong way round say nothing, and everyone gets the mean.
    """
    beta = np.array([0.0, 1.0])
    design = np.column_stack([np.ones_like(margins), margins])

    def loss(beta: NDArray[np.float64]) -> float:
        calibrated = design @ beta
        return float(np.logaddexp(0, calibrated).sum() - defaulted @ calibrated)

    for _ in range(50):
        p = probability_of(design @ beta)
        gradient = design.T @ (defaulted - p)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while np.abs(step).max() > 1e-10 and loss(beta + step) > loss(beta):
            step = step / 2
        beta = beta + step
        if np.abs(step).max() <= 1e-10:
            break
    if beta[1] < 0:
        return Calibration(float(log_odds(defaulted.mean())), 0.0)
    return Calibration(float(beta[0]), float(beta[1]))
