"""What is put on record, and how it is written down: exactly, so that a replay gets back every bit.

A decision has two parts. `Decision` stays for ever and says how the lender decided; `Personal` is sealed and can be
erased. Whatever says something about the person, or could point to them, belongs in the second one. Not here:
sealing (`keys.py`) and chaining (`chain.py`).
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any, Literal, Self
from uuid import UUID

from pydantic_core import PydanticSerializationError, to_json

Verdict = Literal["approve", "review", "refuse"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What the challenger made of the same inputs."""

    version: str
    probability_of_default: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One adverse reason: its code, and how far it moved the log-odds of default."""

    code: str
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What stays after an erasure. `caller` is the name of the key that asked; `extra` takes any JSON."""

    kind: str
    caller: str
    model: str
    version: str
    threshold: float
    probability_of_default: float
    decision: Verdict
    score: float | None = None
    grade: str | None = None
    language: str = "en"
    shadow: Shadow | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> Self:
        values = json.loads(text)
        if values["shadow"]:
            values["shadow"] = Shadow(**values["shadow"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """What is sealed. `client` is SK_ID_CURR or the caller's own reference, `inputs` the features as they were scored,
    `source` any JSON on where they came from: their age, the cohort, which tables were empty.
    """

    client: int | str | None
    request_id: str
    inputs: Mapping[str, Any]
    reasons: tuple[Reason, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        values = json.loads(text)
        values["reasons"] = tuple(Reason(**reason) for reason in values["reasons"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Whether the client of a decision defaulted, as someone observed it."""

    decision_id: str
    defaulted: bool
    observed_on: date
    source: str

    def to_json(self) -> str:
        values = {"defaulted": self.defaulted, "observed_on": self.observed_on.isoformat(), "source": self.source}
        return written(values).decode()

    @classmethod
    def from_json(cls, decision_id: str, text: str) -> Self:
        values = json.loads(text)
        values["observed_on"] = date.fromisoformat(values["observed_on"])
        return cls(decision_id=decision_id, **values)


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry that is durable: its place in the chain, its hash, and the decision it is about if it is an outcome."""

    id: str
    sequence: int
    at: datetime
    hash: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A decision as it is on record. `personal` is None once erased, and where it was not asked for; `outcome` is the
    latest one reported.
    """

    id: str
    sequence: int
    at: datetime
    hash: str
    decision: Decision
    personal: Personal | None
    outcome: Outcome | None


def written(value: Any) -> bytes:
    """JSON that reads back as the same value to the bit, if it is made of what JSON has.

    Raises:
        ValueError: it holds NaN, infinity or something JSON lacks; the message says where.
    """
    try:
        text = to_json(value)
    except PydanticSerializationError:
        text = b""
    # The words may stand in a text, too.
    if not text or b"NaN" in text or b"Infinity" in text:
        for place, unfit in _unfit(value):
            raise ValueError(f"{place.lstrip('.')} is {unfit}: it can't be recorded exactly")
    if not text:
        raise ValueError("the entry has no JSON form")
    return text


def _unfit(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Where in a value there is something that can't be written down, and what."""
    if isinstance(value, float):
        if not isfinite(value):
            yield place, "not a finite number"
    elif isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            yield place, "not valid Unicode"
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _unfit(part, f"{place}.{name}")
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from _unfit(part, f"{place}[{i}]")
    elif is_dataclass(value):
        yield from _unfit({f.name: getattr(value, f.name) for f in fields(value)}, place)
    elif value is not None and not isinstance(value, int):
        yield place, f"a {type(value).__name__}"


def now() -> int:
    """Microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def micros(when: datetime) -> int:
    """The reverse of `moment`.

    Raises:
        ValueError: the time has no zone.
    """
    if when.tzinfo is None:
        raise ValueError("the time needs a zone, such as UTC")
    return (when - _EPOCH) // timedelta(microseconds=1)


def new_id(at: int) -> str:
    """A UUID of version 7 (RFC 9562, 5.7 with its method 3): sorts by time, here to the microsecond."""
    return str(UUID(int=_id_from(at) | secrets.randbits(62) | 1))


def first_id(at: int) -> str:
    """Comes before every id of this time or later, and after every id of an earlier one."""
    return str(UUID(int=_id_from(max(at, 0))))


def _id_from(at: int) -> int:
    milliseconds, rest = divmod(at, 1000)
    return milliseconds << 80 | 7 << 76 | (rest * 4096 // 1000) << 64 | 0b10 << 62
