"""The declared rules of the quality report, read from `rules.toml` beside this module.

Not here: holding measures against them (`judgement.py`).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal

from credit_platform.settings import Settings

Severity = Literal["block", "warn"]


@dataclass(frozen=True)
class Rule:
    """What is a fault in a measure, how grave, and the sentence that says so. `rules.toml` explains the fields."""

    name: str
    family: str
    measure: str
    compare: Literal["above", "change", "factor"]
    against: Literal["previous", "public", "either", "nothing"]
    severity: Severity
    limit: float
    says: str
    towards: Literal["up", "down", "either"] = "either"
    usual: float | None = None
    unit: Literal["share", "number", "count", "months"] = "share"

    def severity_in(self, table: str, column: str) -> Severity:
        """How grave a fault is in a table, or in one of its columns: an unimportant column's does not block."""
        return "warn" if column and column not in important(table) else self.severity


def rules(settings: Settings) -> tuple[Rule, ...]:
    """The rules, with the limits that the settings override.

    Raises:
        ValueError: the settings name a rule that there is not.
    """
    declared = _declared()
    unknown = sorted(set(settings.quality_limits) - {rule.name for rule in declared})
    if unknown:
        known = ", ".join(rule.name for rule in declared)
        raise ValueError(f"CREDIT_QUALITY_LIMITS names no rule with {', '.join(unknown)}; the rules are: {known}")
    return tuple(replace(rule, limit=settings.quality_limits.get(rule.name, rule.limit)) for rule in declared)


def families() -> dict[str, bool]:
    """The families of rules in their order, and whether one of each may block."""
    return {
        family: any(rule.severity == "block" for rule in _declared() if rule.family == family)
        for family in dict.fromkeys(rule.family for rule in _declared())
    }


def important(table: str) -> frozenset[str]:
    """The columns of a table without which a client can't be judged."""
    return frozenset(_document()["important"].get(table, ()))


def clock(table: str) -> str | None:
    """The column that tells when a row of a table became known, relative to the application."""
    found: str | None = _document()["clock"].get(table)
    return found


def digest() -> str:
    """SHA-256 of what decides a report besides the tables: the rules, and how they are applied."""
    package = files(__package__)
    names = ("rules.toml", "measures.py", "estimates.py", "judgement.py", "offenders.py")
    return sha256(b"".join(package.joinpath(name).read_bytes() for name in names)).hexdigest()


@cache
def _declared() -> tuple[Rule, ...]:
    return tuple(Rule(name=name, **fields) for name, fields in _document()["rules"].items())


@cache
def _document() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("rules.toml").read_text("utf-8"))
