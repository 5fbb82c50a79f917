"""How far reasons can be trusted: whether they add up, whether a retrained model keeps them, what they leave unsaid.

Pure functions over arrays of contributions by family (`reasons.family_sums`); the promotion gate and the model card
publish their results.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit_platform.explain.reason_table import ReasonTable
from credit_platform.explain.reasons import MOST_REASONS, ranked


@dataclass(frozen=True)
class Agreement:
    """How two models explain the same clients.

    `same_first`: share of clients with the same strongest reason. `same_set`: with the same reasons in any order.
    `overlap`: mean share of common reasons among those that either model gives (Jaccard). Two models that give no
    reason agree. `rank_correlation`: mean over the clients of Spearman's rho between the contributions of the families
    that may be reasons; families without any contribution are left out, and so are clients for whom one of the models
    makes no difference between families. None where no client is left.
    """

    clients: int
    same_first: float
    same_set: float
    overlap: float
    rank_correlation: float | None


def agreement(
    first: NDArray[np.float64], second: NDArray[np.float64], table: ReasonTable, limit: int = MOST_REASONS
) -> Agreement:
    """Compares two models by their contributions by family for the same clients, both of shape (n, families).

    Raises:
        ValueError: the shapes differ, or there are no clients.
    """
    if first.shape != second.shape or not len(first):
        raise ValueError(f"expected the same clients twice, and at least one; got {first.shape} and {second.shape}")
    pairs = [(ranked(a, table, limit), ranked(b, table, limit)) for a, b in zip(first, second, strict=True)]
    told = [place for place, family in enumerate(table.families) if not family.protected]
    return Agreement(
        clients=len(pairs),
        same_first=float(np.mean([a[:1] == b[:1] for a, b in pairs])),
        same_set=float(np.mean([set(a) == set(b) for a, b in pairs])),
        overlap=float(np.mean([len({*a} & {*b}) / len({*a, *b}) if a or b else 1.0 for a, b in pairs])),
        rank_correlation=_rank_correlation(first[:, told], second[:, told]),
    )


def additivity_error(baseline: float, contributions: NDArray[np.float64], margins: NDArray[np.float64]) -> float:
    """The largest gap, in log-odds, between baseline plus contributions, shape (n, features), and margins, (n,)."""
    return float(np.max(np.abs(baseline + contributions.sum(axis=1) - margins), initial=0.0))


def withheld(sums: NDArray[np.float64], table: ReasonTable, limit: int = MOST_REASONS) -> float:
    """Share of clients for whom a protected family would be among the reasons if it might be; `sums` is (n, families).

    Anything but 0 says that protected attributes decide without being told.

    Raises:
        ValueError: there are no clients.
    """
    if not len(sums):
        raise ValueError("no clients, so no share of them")
    chosen = (ranked(row, table, limit, protected_too=True) for row in sums)
    return float(np.mean([any(table.families[place].protected for place in places) for places in chosen]))


def _rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    from scipy.stats import rankdata

    used = (first != 0).any(axis=0) | (second != 0).any(axis=0)
    if not used.any():
        return None
    a, b = (rankdata(sums[:, used], axis=1) for sums in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    spread = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    differ = spread > 0
    return float(np.mean((a * b).sum(axis=1)[differ] / spread[differ])) if differ.any() else None
