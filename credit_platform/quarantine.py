"""Cohorts that are set aside: what is wrong with them, found by which asset, and who let them pass all the same.

A cohort in quarantine keeps the tables it has and gets no new ones downstream; the other cohorts go on. It leaves by
itself when a delivery passes that which found fault, or when a person lets it pass, by name, for that very delivery.
Not here: what counts as a fault (`home_credit/inspection.py`, `quality/rules.py`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from credit_platform.lake.storage import storage
from credit_platform.settings import Settings

_PLACE = "quarantine"


@dataclass(frozen=True)
class Fault:
    """What one asset found in a cohort: sentences, since when, and the digest of the content they are about."""

    reasons: tuple[str, ...]
    since: str
    content: str


@dataclass(frozen=True)
class Release:
    """Who let the faults of a content pass, when, why, and whether the cohorts to come may be like it."""

    by: str
    why: str
    at: str
    content: str
    from_now_on: bool = False


@dataclass(frozen=True)
class Record:
    """A cohort's faults by the asset that found them, and every release there was, the newest last."""

    faults: Mapping[str, Fault]
    releases: tuple[Release, ...] = ()

    @property
    def held_by(self) -> dict[str, Fault]:
        """The faults that nobody let pass."""
        passed = {release.content for release in self.releases}
        return {asset: fault for asset, fault in self.faults.items() if fault.content not in passed}

    @property
    def is_usual(self) -> bool:
        """Whether others may be measured by the cohort: nothing was found, or what was is so from now on."""
        usual = {release.content for release in self.releases if release.from_now_on}
        return all(fault.content in usual for fault in self.faults.values())


def record(settings: Settings, cohort: str) -> Record:
    """What is on record about a cohort; nothing for most."""
    content = storage(settings).read(f"{_PLACE}/{cohort}.json")
    if content is None:
        return Record({})
    document: dict[str, Any] = json.loads(content)
    faults = {
        asset: Fault(tuple(fields["reasons"]), fields["since"], fields["content"])
        for asset, fields in document["faults"].items()
    }
    return Record(faults, tuple(Release(**fields) for fields in document["releases"]))


def reasons(settings: Settings, cohort: str, besides: str = "") -> tuple[str, ...]:
    """Why a cohort is in quarantine, in sentences, what the asset `besides` found left out; empty where it is not."""
    held_by = record(settings, cohort).held_by
    return tuple(reason for asset, fault in held_by.items() if asset != besides for reason in fault.reasons)


def quarantined(settings: Settings) -> list[str]:
    """The cohorts in quarantine, in order."""
    known = (name.removesuffix(".json") for name in storage(settings).names(_PLACE))
    return [cohort for cohort in known if reasons(settings, cohort)]


def hold(settings: Settings, cohort: str, asset: str, why: Sequence[str], content: str) -> None:
    """Puts on record what an asset found wrong with a cohort's content (a digest of it)."""
    before = record(settings, cohort)
    known = before.faults.get(asset)
    since = known.since if known and known.content == content else _now()
    _write(settings, cohort, Record({**before.faults, asset: Fault(tuple(why), since, content)}, before.releases))


def lift(settings: Settings, cohort: str, asset: str) -> None:
    """Takes back what an asset found, because it finds it no more."""
    before = record(settings, cohort)
    if asset in before.faults:
        faults = {name: fault for name, fault in before.faults.items() if name != asset}
        _write(settings, cohort, Record(faults, before.releases))


def release(settings: Settings, cohort: str, by: str, why: str, from_now_on: bool = False) -> tuple[str, ...]:
    """Lets a cohort pass as it is, by a person's decision. Returns the reasons that are overruled.

    The cohorts after it are not measured by it, and held for the same fault again, unless it is so `from_now_on`.

    Raises:
        ValueError: the cohort is not in quarantine, its contract is broken, or name or reason are empty.
    """
    if not by.strip() or not why.strip():
        raise ValueError("a release needs the name of who decides and the reason")
    before = record(settings, cohort)
    faults = before.faults if from_now_on and not before.is_usual else before.held_by
    if not faults:
        raise ValueError(f"cohort {cohort} is not in quarantine")
    broken = [asset for asset in faults if asset.startswith("raw_")]
    if broken:
        raise ValueError(
            f"the delivery of {', '.join(broken)} of cohort {cohort} breaks its contract and can't be read; "
            "land a corrected one"
        )
    new = tuple(Release(by.strip(), why.strip(), _now(), fault.content, from_now_on) for fault in faults.values())
    _write(settings, cohort, Record(before.faults, (*before.releases, *new)))
    return tuple(reason for fault in faults.values() for reason in fault.reasons)


def _write(settings: Settings, cohort: str, new: Record) -> None:
    document = {
        "faults": {asset: asdict(fault) for asset, fault in new.faults.items()},
        "releases": [asdict(release) for release in new.releases],
    }
    storage(settings).write(f"{_PLACE}/{cohort}.json", json.dumps(document, indent=1).encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
