"""Holds a cohort's measures against the rules: beside the cohort before, and beside the public data.

Not here: what the rules are (`rules.toml`), or how anything is measured (`measures.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from credit_platform.home_credit.contracts import Column, table
from credit_platform.quality.estimates import Key, Measure, counted
from credit_platform.quality.rules import Rule, Severity

_OTHER_UNITS: Mapping[str, Mapping[float, str]] = {
    "currency": {1_000: "thousands", 1_000_000: "millions"},
    "days": {7: "weeks", 30.44: "months", 365.25: "years"},
    "ratio": {0.01: "percent"},
    "score": {0.01: "percent"},
}
"""By a column's unit: others it might come in by mistake, and how many of it make one."""


@dataclass(frozen=True)
class Result:
    """A measure held against a rule: the gravest that finds fault, or else the one that came nearest to it.

    `limit` is how far the measure may go, `severity` what crossing it means. `sentence` says what is wrong, and is
    empty where nothing is. A measure that no rule looks at has neither; it is kept for the cohorts to come.
    """

    key: Key
    measure: Measure
    previous: float | None
    rule: str = ""
    family: str = ""
    severity: Severity | Literal[""] = ""
    limit: float | None = None
    sentence: str = ""
    ids: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.sentence


def judge(
    measured: Mapping[Key, Measure], before: str | None, previous: Mapping[Key, Measure], rules: Sequence[Rule]
) -> Iterator[Result]:
    """Every measure with what the rules say of it, beside those of the cohort `before`."""
    for key, measure in measured.items():
        known = previous.get(key)
        results = [
            result
            for rule in rules
            if rule.measure == key.measure.partition(":")[0]
            for result in _held_against(rule, key, measure, known, before)
        ]
        at_fault = (result for result in results if not result.passed)
        plain = Result(key, measure, known.value if known else None)
        nearest = min(results, key=lambda result: abs((result.limit or 0.0) - result.measure.value), default=plain)
        yield next(at_fault, nearest)


def _held_against(
    rule: Rule, key: Key, measure: Measure, previous: Measure | None, before: str | None
) -> Iterator[Result]:
    """The result of one rule; none where there is nothing to compare with.

    What differs from the public data is told once: another lender's clients may differ for good.
    """
    public = _public(key) if rule.against in ("public", "either") else None
    reference = {"previous": previous, "public": public, "either": previous or public, "nothing": None}[rule.against]
    limit = _limit(rule, measure.value, reference)
    if limit is None:
        return
    severity = rule.severity_in(key.table, key.column)
    known = previous.value if previous else None
    result = Result(key, measure, known, rule.name, rule.family, severity, limit)
    is_known = rule.against == "public" and previous is not None and _is_at_fault(rule, previous, reference)
    if is_known or not _is_beyond(measure, reference, limit):
        yield result
        return
    of = "the public data" if reference is public else before
    yield replace(result, sentence=_sentence(rule, key, measure, reference, of, limit))


def _limit(rule: Rule, value: float, reference: Measure | None) -> float | None:
    """How far a value may go on the side on which it lies; None where the rule has nothing to say."""
    if rule.compare == "above":
        usual = rule.limit if rule.usual is None else rule.usual
        return rule.limit if reference is None or reference.value <= usual else None
    if reference is None:
        return None
    rises = value >= reference.value
    if rule.towards == "up":
        rises = True
    elif rule.towards == "down":
        rises = False
    if rule.compare == "change":
        return reference.value + rule.limit if rises else reference.value - rule.limit
    if not reference.value:
        return None
    return reference.value * rule.limit if rises else reference.value / rule.limit


def _is_at_fault(rule: Rule, measure: Measure, reference: Measure | None) -> bool:
    limit = _limit(rule, measure.value, reference)
    return limit is not None and _is_beyond(measure, reference, limit)


def _is_beyond(measure: Measure, reference: Measure | None, limit: float) -> bool:
    if reference is None:
        return measure.low > limit
    beyond = measure.value > limit if limit >= reference.value else measure.value < limit
    return beyond and measure.is_apart_from(reference)


def _public(key: Key) -> Measure | None:
    """What the contract says of a measure of a column, from the public data."""
    if not key.column:
        return None
    column = table(key.table).columns[key.column]
    kind, _, value = key.measure.partition(": ")
    found = None
    if kind == "missing":
        found = column.missing_share
    elif kind == "sentinel" and column.type == "VARCHAR":
        found = column.categories.get(value)
    elif kind == "sentinel" and len(column.sentinels) == 1:
        found = column.sentinel_share or None
    elif kind == "typical size":
        found = _public_size(column)
    return None if found is None else counted(found)


def _public_size(column: Column) -> float | None:
    """The median of a column that is hardly ever zero; of the others the contract does not tell it."""
    inner = [value for probability, value in column.quantiles if 0.05 <= probability <= 0.95]
    if not inner or not (min(inner) > 0 or max(inner) < 0):
        return None
    return next(abs(value) for probability, value in column.quantiles if probability >= 0.5)


def _sentence(rule: Rule, key: Key, measure: Measure, reference: Measure | None, of: str | None, limit: float) -> str:
    parent = table(key.table).parent
    said = rule.says.format(
        where=f"{key.column} of {key.table}" if key.column else key.table,
        parents="the applications" if parent == "application" else f"the rows of {parent}",
        value=_shown(measure.value, rule),
        names=", ".join(measure.names) or "too many to be named",
        times=_times(measure.value, reference.value) if reference else "",
        unit=_other_unit(key, measure.value, reference.value) if reference else "",
    )
    beside = f"{of}: {_shown(reference.value, rule)}; " if reference else ""
    return f"{said} ({beside}limit {_shown(limit, rule)})."


def _times(value: float, reference: float) -> str:
    if not value or not reference:
        return ""
    return f"{_number(value / reference)} times" if value > reference else f"1/{_number(reference / value)} of"


def _other_unit(key: Key, value: float, reference: float) -> str:
    """The unit in which a column seems to come, where the factor tells."""
    unit = table(key.table).columns[key.column].unit if key.column else ""
    others = _OTHER_UNITS.get(unit, {}).items() if value else ()
    return next((f", as if in {name}" for factor, name in others if abs(reference / value / factor - 1) < 0.25), "")


def _shown(value: float, rule: Rule) -> str:
    if rule.unit == "share":
        return f"{value:.1%}" if value == 0 or value >= 0.001 else f"{100 * value:.1g}%"
    if rule.unit == "months":
        return f"{value:.1f} months"
    return _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
