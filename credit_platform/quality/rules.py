"""What counts as a finding in a cohort's tables, and how grave it is.

A rule looks at measures of a cohort beside those of the cohort before and says a sentence about each that is out of
bounds. Not here: how anything is measured (`measures.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["block", "warn"]


class Key(NamedTuple):
    """What a number is about; `column` is empty where it is the whole table."""

    table: str
    column: str
    measure: str


@dataclass(frozen=True)
class Result:
    """A measure held against its rule. `sentence` says what is wrong; it is empty where nothing is."""

    key: Key
    value: float
    previous: float | None
    rule: str
    severity: Severity
    sentence: str = ""

    @property
    def passed(self) -> bool:
        return not self.sentence


def judge(measured: Mapping[Key, float], previous: Mapping[Key, float]) -> Iterator[Result]:
    """Every measure with what its rule says of it, beside the cohort before (empty where there is none)."""
    for key, value in measured.items():
        before = previous.get(key)
        sentence = ""
        if key.measure == "rows" and not value and before:
            sentence = f"raw_{key.table} holds no rows; the cohort before had {before:,.0f}"
        yield Result(key, value, before, "volume", "block", sentence)
