"""What the probabilities themselves promise of a cohort before any outcome is known.

The probability of each client is taken for what it says, so that the expected default rate, AUC, KS, Brier score and
cost follow (confidence-based performance estimation, as NannyML calls it, with a version that is calibrated already).
It is blind to a concept that moved: where the same clients pay otherwise than they did, it goes on promising what was.
So it is a forecast to hold outcomes against, and never says that all is well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLIND = (
    "A forecast from the scores alone: it sees that clients have changed, but not that the same clients pay otherwise "
    "than before. Only outcomes tell that."
)


@dataclass(frozen=True)
class Forecast:
    """Expected numbers of a cohort, if every probability is right."""

    default_rate: float
    auc: float
    ks: float
    brier: float
    cost_per_client: float
    refusal_rate: float


def forecast(probability: NDArray[np.float64], threshold: float, costs: tuple[float, float]) -> Forecast:
    """The forecast for probabilities of shape (n,), n > 0; `costs` are those of a missed default and of a refused good
    client.
    """
    p = np.sort(probability)
    bad, good = p.sum(), (1 - p).sum()
    goods_below = np.cumsum(1 - p) - (1 - p) / 2
    refused = p >= threshold
    return Forecast(
        default_rate=float(p.mean()),
        auc=float((p * goods_below).sum() / (bad * good)) if bad and good else 0.5,
        ks=float(np.abs(np.cumsum(p) / bad - np.cumsum(1 - p) / good).max()) if bad and good else 0.0,
        brier=float((p * (1 - p)).mean()),
        cost_per_client=float(np.where(refused, (1 - p) * costs[1], p * costs[0]).mean()),
        refusal_rate=float(refused.mean()),
    )
