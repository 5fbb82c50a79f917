"""Whether open incidents ask for a new model now, and if not, why not. No clock, no disk, no orchestrator.

A new model helps where clients, or how they pay, have changed for good and there are outcomes from after the change to
learn from. It does harm where a feed is broken: it would learn the fault. Not here: what a challenger must show before
it decides (`model/promotion.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self

from credit_platform.alerting.incidents import Incident
from credit_platform.settings import Settings

_ASKING_LAYERS = frozenset({"score", "segments", "outcomes", "features", "multivariate"})
_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Limits:
    """How often a drift may lead to a training, and how many labelled cohorts it waits for."""

    wanted: bool = True
    least_cohorts: int = 4
    cooldown: timedelta = timedelta(days=180)
    most_per_year: int = 2

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            settings.retrain_on_drift,
            settings.retrain_least_cohorts,
            timedelta(days=settings.retrain_cooldown_days),
            settings.retrain_most_per_year,
        )


@dataclass(frozen=True)
class Situation:
    """What is known: incidents not resolved, cohorts in quarantine, labelled cohorts, trainings by drift so far."""

    incidents: Sequence[Incident]
    set_aside: Sequence[str]
    labelled: Sequence[str]
    trainings: Sequence[datetime]
    version: str


@dataclass(frozen=True)
class Decision:
    """Whether to train now. `reason` is a sentence either way; `incidents` ask for it, since the cohort `since`.

    `key` is the same for the same incidents and outcomes, so that it is asked for once.
    """

    due: bool
    reason: str
    incidents: tuple[str, ...] = ()
    since: str = ""
    key: str = ""


def decide(situation: Situation, limits: Limits, at: datetime) -> Decision:
    """Whether the incidents that are open ask for a training now."""
    asking = [incident for incident in situation.incidents if _asks(incident, situation.version)]
    if not asking:
        return Decision(False, "no open incident asks for a new model")
    since = min(incident.since for incident in asking)
    identities = tuple(sorted(incident.id for incident in asking))
    learnable = [cohort for cohort in situation.labelled if cohort >= since]
    cause = "; ".join(sorted({incident.cause or incident.kind for incident in asking}))
    why = f"{cause} since {since}: {asking[0].where}"
    hindrance = _hindrance(situation, limits, since, learnable, at)
    if hindrance:
        return Decision(False, f"{why}; not now: {hindrance}", identities, since)
    key = sha256("\x1f".join((*identities, *learnable)).encode()).hexdigest()[:16]
    return Decision(True, why, identities, since, f"retrain-{key}")


def feed_is_broken(incidents: Sequence[Incident], set_aside: Sequence[str], since: str) -> str:
    """Why nothing should be learnt from the cohorts since one; empty where the feeds are sound."""
    broken = [incident for incident in incidents if incident.cause == "broken feed" and incident.bad]
    if broken:
        return f"a feed is broken ({broken[0].where})"
    held = [cohort for cohort in set_aside if cohort >= since]
    return f"cohort {held[-1]} is in quarantine" if held else ""


def _asks(incident: Incident, version: str) -> bool:
    return (
        incident.status == "open"
        and incident.bad > 0
        and incident.kind in _ASKING_LAYERS
        and incident.cause != "broken feed"
        and incident.model_version == version
    )


def _hindrance(situation: Situation, limits: Limits, since: str, learnable: Sequence[str], at: datetime) -> str:
    broken = feed_is_broken(situation.incidents, situation.set_aside, since)
    recent = [trained for trained in situation.trainings if at - trained < _YEAR]
    newest = max(situation.trainings, default=None)
    if not limits.wanted:
        return "CREDIT_RETRAIN_ON_DRIFT is off"
    if broken:
        return broken
    if len(learnable) < limits.least_cohorts:
        return f"{len(learnable)} of {limits.least_cohorts} labelled cohorts since then"
    if newest is not None and at - newest < limits.cooldown:
        return f"trained on {newest:%Y-%m-%d}, the next by drift from {newest + limits.cooldown:%Y-%m-%d} on"
    if len(recent) >= limits.most_per_year:
        return f"{len(recent)} trainings within a year already"
    return ""
