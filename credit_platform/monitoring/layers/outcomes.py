"""Whether the clients pay as the scores promised, once outcomes are known: calibration, ranking, what decisions cost.

A calibrated version promises more than a default rate: from its probabilities follow the AUC, the Brier score and the
cost per client to be expected of these very clients (`forecast.py`). Outcomes are held against that promise, so that a
mix of clients that is harder to rank is not taken for a version that has grown worse. What differs by more than chance
and by more than a limit is a concept that moved: the same clients pay otherwise. Clients whom the version was fitted to
are left out, and where few outcomes are known, most of them early defaults, findings are shown but not told.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from credit_platform.monitoring.distances import two_sided
from credit_platform.monitoring.findings import Finding, State
from credit_platform.monitoring.forecast import forecast
from credit_platform.monitoring.observed import Observed

LEAST = 10
"""Defaulters, and good clients, without whom nothing is judged."""
MATURE = 0.5
"""Share of a cohort's clients with an outcome from which it counts as matured."""
_TESTS = 3
_WORDS = {"default_rate": "default rate", "auc": "AUC", "cost_per_client": "cost per client"}


class Realised(NamedTuple):
    """A number that outcomes gave, its standard error, and what the scores had promised."""

    value: float
    error: float
    promised: float

    @property
    def z(self) -> float:
        return (self.value - self.promised) / self.error if self.error else 0.0

    @property
    def p(self) -> float:
        return two_sided(self.z)


def realised(
    defaulted: NDArray[np.float64], probability: NDArray[np.float64], threshold: float, costs: tuple[float, float]
) -> dict[str, Realised]:
    """AUC, Gini, KS, Brier score, default rate and cost per client of known outcomes, with standard errors.

    `costs` are those of a missed default and of a refused good client. The error of the AUC is Hanley and McNeil's
    ("The meaning and use of the area under a ROC curve", 1982), that of KS the largest a binomial share has; those of
    means over clients are what the promise itself says: chance alone, if every probability is right.
    """
    p, y, n = probability, defaulted, len(defaulted)
    bad = float(y.sum())
    good = n - bad
    promise = forecast(p, threshold, costs)
    auc, ks = _ranking(y, p)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    auc_error = sqrt((auc * (1 - auc) + (bad - 1) * (q1 - auc**2) + (good - 1) * (q2 - auc**2)) / (bad * good))
    refused = p >= threshold
    each = np.where(refused, (1 - y) * costs[1], y * costs[0])
    per_default = np.where(refused, costs[1], costs[0])
    noise = p * (1 - p)
    return {
        "auc": Realised(auc, auc_error, promise.auc),
        "gini": Realised(2 * auc - 1, 2 * auc_error, 2 * promise.auc - 1),
        "ks": Realised(ks, sqrt(0.25 / bad + 0.25 / good), promise.ks),
        "brier": Realised(
            float(((y - p) ** 2).mean()), float(np.sqrt((noise * (1 - 2 * p) ** 2).sum()) / n), promise.brier
        ),
        "default_rate": Realised(bad / n, float(np.sqrt(noise.sum()) / n), promise.default_rate),
        "cost_per_client": Realised(
            float(each.mean()), float(np.sqrt((noise * per_default**2).sum()) / n), promise.cost_per_client
        ),
    }


def of_cohort(observed: Observed) -> dict[str, Realised]:
    """The numbers of the cohort's known outcomes; empty where too few of either kind are known."""
    scored = observed.scored
    if scored is None or observed.scorer is None:
        return {}
    y, p = scored.defaulted[scored.known], scored.probability[scored.known]
    if min(y.sum(), len(y) - y.sum()) < LEAST:
        return {}
    of = observed.scorer.threshold.costs
    return realised(y, p, scored.threshold, (of.false_negative, of.false_positive))


def judge(observed: Observed) -> list[Finding]:
    """One finding for each number that has a limit; none where too few outcomes of either kind are known."""
    numbers, scored = of_cohort(observed), observed.scored
    if not numbers or scored is None:
        return []
    limits, level = observed.settings, observed.settings.drift_level / _TESTS
    clients, early = int(scored.known.sum()), scored.coverage < MATURE
    among = f"among {clients:,} clients with an outcome, {scored.coverage:.0%} of the cohort" + (
        ", early ones" if early else ""
    )

    def say(name: str, size: float, limit: float, critical: float) -> Finding:
        number = numbers[name]
        bad = size >= limit and number.p < level
        state: State = "ok" if not bad else "watch" if early else "critical" if size >= critical else "warn"
        sentence = (
            f"{_WORDS[name]} {number.value:.3f} where the scores promised {number.promised:.3f} (z {number.z:+.1f}, "
            f"off by {size:.2f}, limit {limit:g}), {among}"
        )
        cause = {"cause": "concept moved"} if bad else {}
        return observed.finding(
            "outcomes", name, state, sentence, value=size, threshold=limit, clients=clients, **cause
        )

    rate, auc, cost = (numbers[name] for name in _WORDS)
    times = max(rate.value / rate.promised, rate.promised / rate.value) - 1
    return [
        say("default_rate", times, limits.drift_calibration, 2 * limits.drift_calibration),
        say("auc", auc.promised - auc.value, limits.drift_auc, 2 * limits.drift_auc),
        say("cost_per_client", cost.value / cost.promised - 1, limits.drift_risk, 2 * limits.drift_risk),
    ]


def _ranking(y: NDArray[np.float64], p: NDArray[np.float64]) -> tuple[float, float]:
    """AUC, where ties count half, and KS."""
    values, place = np.unique(p, return_inverse=True)
    bad = np.bincount(place, weights=y, minlength=len(values))
    good = np.bincount(place, weights=1 - y, minlength=len(values))
    below = np.cumsum(good) - good
    auc = float((bad * (below + good / 2)).sum() / (bad.sum() * good.sum()))
    ks = float(np.abs(np.cumsum(bad) / bad.sum() - np.cumsum(good) / good.sum()).max())
    return auc, ks
