"""Who is approved: the decisions audited by the attributes that must not decide.

The impact ratio compares approval rates, a group's with that of the most approved group; the four-fifths rule of thumb
looks for 0.8 (29 CFR 1607.4 D). It is taken on approvals, not on predicted defaults, which would turn it round. A
difference may mirror different risks: observed default rates and the share of good clients refused stand beside it.
Not here: keeping the attributes out of the model (`features/protected.py`).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.model.evaluation import segments

if TYPE_CHECKING:
    import pyarrow as pa

AUDITED = ("gender", "age", "family status", "children")
_LEAST_CLIENTS = 50


def audit(
    rows: "pa.Table",
    defaulted: NDArray[np.int64],
    probability: NDArray[np.float64],
    cutoff: float,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """A row per group: approval rate, impact ratio with its bootstrap interval, good clients refused, default rate."""
    random = np.random.default_rng(seed)
    draws = [random.integers(0, len(defaulted), len(defaulted)) for _ in range(resamples)]
    approved = probability < cutoff
    return [
        row
        for kind, groups in segments(rows).items()
        if kind in AUDITED
        for row in _groups(kind, groups, defaulted, approved, draws)
    ]


def _groups(
    kind: str,
    groups: NDArray[Any],
    defaulted: NDArray[np.int64],
    approved: NDArray[np.bool_],
    draws: list[NDArray[np.int64]],
) -> Iterator[dict[str, Any]]:
    names, own = np.unique(groups.astype(str), return_inverse=True)
    clients = np.bincount(own)
    large = np.flatnonzero(clients >= _LEAST_CLIENTS)
    if len(large) < 2:
        return
    rates = _rates(own, approved, len(names))
    best = large[np.argmax(rates[large])]
    resampled = np.array([_rates(own[rows], approved[rows], len(names)) for rows in draws])
    ratio, ratios = _ratios(rates, rates[best]), _ratios(resampled, resampled[:, [best]])
    good = defaulted == 0
    for group in large:
        inside = own == group
        low, high = np.nanquantile(ratios[:, group], [0.025, 0.975])
        yield {
            "by": kind,
            "group": str(names[group]),
            "clients": int(clients[group]),
            "approval rate": float(rates[group]),
            "impact ratio": float(ratio[group]),
            "low": float(low),
            "high": float(high),
            "good clients refused": float(1 - approved[inside & good].mean()) if (inside & good).any() else 0.0,
            "default rate": float(defaulted[inside].mean()),
        }


def _ratios(rates: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where nobody is approved: all fare alike."""
    return np.divide(rates, best, out=np.ones_like(rates), where=best > 0)


def _rates(own: NDArray[np.intp], approved: NDArray[np.bool_], groups: int) -> NDArray[np.float64]:
    clients = np.bincount(own, minlength=groups)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(own, approved, groups) / clients)
