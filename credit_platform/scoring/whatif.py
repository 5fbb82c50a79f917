"""What would be decided if a client asked for another loan, and the smallest changes with which it would be approved.

The changed application goes through the mart's own SQL together with the client's history, and through the scorer that
decides: nothing is approximated. What can be changed, within which bounds, and which ways are tried stands in
whatif.toml. A simulation is no decision: nothing is put on record. Not here: where a client's records come from
(`raw/records.py`).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import floor, log10
from typing import Any

from credit_platform.home_credit import contracts
from credit_platform.home_credit.contracts import Column
from credit_platform.mart.online import OnlineMart, Record
from credit_platform.scoring.scorer import Scorer

_STEPS = 12
"""Sizes of a change that are tried for each way; then as many again between the last that fails and the first that does
not, so that the change told is at most a hundredth larger than need be."""
_DIGITS = 3
_TERM = ("AMT_CREDIT", "AMT_ANNUITY")
"""What the number of instalments is counted from."""

Row = dict[str, float | str | None]
History = Mapping[str, Sequence[Record]]


@dataclass(frozen=True)
class Field:
    """Something of the application that a client could change: its value, and what it may become."""

    column: Column
    value: float | str | None
    low: float | None
    high: float | None
    choices: tuple[str, ...]


@dataclass(frozen=True)
class FieldError:
    """A change that can't be: the field, and why not."""

    field: str
    message: str


class ChangeError(ValueError):
    """Changes to an application that can't be, with every one that is wrong."""

    def __init__(self, problems: Sequence[FieldError]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.field} {problem.message}" for problem in problems))


@dataclass(frozen=True)
class Way:
    """A way to approval: the smallest change of its kind that suffices, or, where none does, the best it reaches."""

    name: str
    suffices: bool
    changes: dict[str, float]
    probability_of_default: float


@dataclass(frozen=True)
class Ways:
    """The ways that were tried, those that suffice first, the smallest change of the loan first among them."""

    approved: bool
    probability_of_default: float
    ways: tuple[Way, ...]
    tried: int


def fields(application: Record) -> tuple[Field, ...]:
    """What could be changed about an application. A field the client left empty can't be: nothing says how large."""
    found = []
    for declared in _declared()["fields"]:
        column = contracts.table("application").columns[declared["name"]]
        value = application.get(column.name)
        if value is None:
            continue
        if "bounds" in declared:
            low, high = (_quantile(column, probability) for probability in declared["bounds"])
            found.append(Field(column, float(value), min(low, value), max(high, value), ()))
        else:
            found.append(Field(column, str(value), None, None, tuple(column.categories)))
    return tuple(found)


def checked(application: Record, changes: Mapping[str, Any]) -> dict[str, float | str]:
    """The changes that change something.

    Raises:
        ChangeError: a field can't be changed, or not to this.
    """
    known = {field.column.name: field for field in fields(application)}
    problems, kept = [], {}
    for name, value in changes.items():
        field = known.get(name)
        if field is None:
            problems.append(FieldError(name, "is nothing that could be changed about this application"))
        elif field.choices and value not in field.choices:
            problems.append(FieldError(name, f"must be one of {', '.join(field.choices)}"))
        elif field.low is not None and field.high is not None and not _between(field.low, value, field.high):
            problems.append(FieldError(name, f"must be a number from {field.low:g} to {field.high:g}"))
        elif value != field.value:
            kept[name] = value
    if problems:
        raise ChangeError(problems)
    return kept


def changed_row(online: OnlineMart, application: Record, history: History, changes: Record) -> tuple[Row, Row]:
    """The client's mart row as it is, and with an application that is changed."""
    original, changed = online.variants(application, [{}, changes], history)
    return original, changed


def ways_to_approval(scorer: Scorer, online: OnlineMart, application: Record, history: History) -> Ways:
    """The smallest plausible changes of the loan with which a client would be approved, each decided by the scorer.

    About `_STEPS` sizes of every way are tried, then as many between; what is told was scored as it is told.
    """
    known = {field.column.name: field for field in fields(application)}
    ways = [way for way in _declared()["ways"] if all(name in known for name in (*way["by"], *_TERM))]
    sizes = [(way, way["most"] * step / _STEPS) for way in ways for step in range(1, _STEPS + 1)]
    scan = _Scan(scorer, online, application, history, known)
    original, tried = scan.probabilities([{}])[0], 1
    if scorer.decide(original) == "approve":
        return Ways(True, original, (), tried)
    coarse = scan.of(sizes)
    tried += len(coarse)
    finer = [
        (way, first - way["most"] / _STEPS * (1 - step / _STEPS))
        for way in ways
        if (first := _first(coarse, way, scorer)) is not None
        for step in range(1, _STEPS)
    ]
    fine = scan.of(finer)
    tried += len(fine)
    found = [way for each in ways if (way := _best(scorer, each, [*coarse, *fine])) is not None]
    return Ways(False, original, tuple(sorted(found, key=lambda way: not way.suffices)), tried)


@dataclass(frozen=True)
class _Tried:
    way: Mapping[str, Any]
    size: float
    changes: dict[str, float]
    probability: float


@dataclass(frozen=True)
class _Scan:
    """Scores changes of one application."""

    scorer: Scorer
    online: OnlineMart
    application: Record
    history: History
    known: Mapping[str, Field]

    def probabilities(self, changes: Sequence[Record]) -> list[float]:
        rows = self.online.variants(self.application, changes, self.history)
        return [float(p) for p in self.scorer.probabilities(rows)]

    def of(self, sizes: Sequence[tuple[Mapping[str, Any], float]]) -> list[_Tried]:
        """Those of the sizes that keep every field within its bounds, scored."""
        kept = [(way, size, changes) for way, size in sizes if (changes := self._changes(way, size)) is not None]
        if not kept:
            return []
        scored = self.probabilities([changes for _, _, changes in kept])
        return [_Tried(*each, probability) for each, probability in zip(kept, scored, strict=True)]

    def _changes(self, way: Mapping[str, Any], size: float) -> dict[str, float] | None:
        changes = {}
        for name, share in way["by"].items():
            field = self.known[name]
            value = _round(float(field.value or 0) * (1 + share * size))
            if not _between(field.low or 0, value, field.high or 0):
                return None
            changes[name] = value
        credit, annuity = (float(changes.get(n, self.known[n].value or 0)) for n in _TERM)
        fewest, most = _declared()["instalments"]
        return changes if annuity and fewest <= credit / annuity <= most else None


def _first(tried: Sequence[_Tried], way: Mapping[str, Any], scorer: Scorer) -> float | None:
    return min((t.size for t in tried if t.way is way and scorer.decide(t.probability) == "approve"), default=None)


def _best(scorer: Scorer, way: Mapping[str, Any], tried: Sequence[_Tried]) -> Way | None:
    own = [each for each in tried if each.way is way]
    approved = [each for each in own if scorer.decide(each.probability) == "approve"]
    if not own:
        return None
    best = min(approved, key=lambda t: t.size) if approved else min(own, key=lambda t: t.probability)
    return Way(way["name"], bool(approved), best.changes, best.probability)


def _round(value: float) -> float:
    """A number as people say it: to three digits."""
    return float(round(value, _DIGITS - 1 - floor(log10(abs(value))))) if value else 0.0


def _between(low: float, value: Any, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _quantile(column: Column, probability: float) -> float:
    return next(value for at, value in column.quantiles if at >= probability)


@cache
def _declared() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("whatif.toml").read_text("utf-8"))
