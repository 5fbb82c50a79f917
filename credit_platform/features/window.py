"""Which labelled cohorts a model is trained on, and which newest one it is judged on out of time.

Not here: which clients of the window go into which part (`splits.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from credit_platform.lake import cohorts_of, current
from credit_platform.settings import Settings

_DATED = re.compile(r"\d{4}-\d{2}([-.].*)?")


@dataclass(frozen=True)
class Window:
    """Cohorts in order. `out_of_time` is newer than all of them, or None where cohorts are not dated."""

    cohorts: tuple[str, ...]
    out_of_time: str | None

    @property
    def all(self) -> tuple[str, ...]:
        return self.cohorts if self.out_of_time is None else (*self.cohorts, self.out_of_time)


class WindowError(ValueError):
    """A training window that names cohorts which are not there."""


def labelled_cohorts(settings: Settings) -> list[str]:
    """The cohorts whose mart and outcomes are in the lake, in order; one whose outcomes are empty is not labelled."""
    outcomes = {cohort: current(settings, "raw_outcomes", cohort) for cohort in cohorts_of(settings, "raw_outcomes")}
    labelled = (cohort for cohort, version in outcomes.items() if version and version.rows)
    return [cohort for cohort in labelled if current(settings, "client_mart", cohort)]


def training_window(settings: Settings, labelled: Sequence[str]) -> Window:
    """The window that the settings name; by default all labelled cohorts but the newest dated one.

    Raises:
        WindowError: the settings name a cohort that is not labelled, or none at all.
    """
    named = _named(settings.training_cohorts, labelled)
    if named:
        newer = [cohort for cohort in labelled if _DATED.fullmatch(cohort) and cohort > max(named)]
        return Window(tuple(named), newer[-1] if newer else None)
    dated = [cohort for cohort in labelled if _DATED.fullmatch(cohort)]
    if len(labelled) < 2 or not dated or dated[-1] != labelled[-1]:
        return Window(tuple(labelled), None)
    return Window(tuple(labelled[:-1]), labelled[-1])


def since(labelled: Sequence[str], first: str) -> str:
    """The window from a change on, as CREDIT_TRAINING_COHORTS has it. The newest is left to judge on out of time.

    Cohorts from before the change are left out: a model that learnt them too saved half as much when it was tried.
    """
    later = [cohort for cohort in labelled if cohort >= first]
    if len(later) < 2:
        raise WindowError(
            f"{len(later)} labelled cohorts since {first}; to train on one and judge on one, two are needed"
        )
    return f"{later[0]}..{later[-2]}"


def _named(setting: str, labelled: Sequence[str]) -> list[str]:
    """The labelled cohorts that `a..b` spans, or that `a, b, c` lists."""
    if not setting.strip():
        return []
    there_are = f"labelled cohorts are: {', '.join(labelled) or 'none'}"
    if ".." in setting:
        first, _, last = (part.strip() for part in setting.partition(".."))
        spanned = [cohort for cohort in labelled if first <= cohort <= (last or cohort)]
        if not spanned:
            raise WindowError(f"CREDIT_TRAINING_COHORTS={setting} spans no labelled cohort; {there_are}")
        return spanned
    listed = sorted({part.strip() for part in setting.split(",")})
    unknown = [cohort for cohort in listed if cohort not in labelled]
    if unknown:
        raise WindowError(f"CREDIT_TRAINING_COHORTS names {', '.join(unknown)}, not labelled; {there_are}")
    return listed
