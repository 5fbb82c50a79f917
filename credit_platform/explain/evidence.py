"""The rows behind a reason: a client's own instalments, credits or applications, those that speak against them first.

Rows that became known after the application are left out, as the mart leaves them out. Which table a family of
reasons comes from, what is shown of its rows and which of them tell stands in evidence.toml; a family that is not
listed there comes from the application, of which the columns behind its features are shown. Not here: the rows of
other clients, and why a family is a reason (`reasons.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from credit_platform.explain.formats import written
from credit_platform.explain.glossary import Language, Words, category_words, column_words, declaration
from credit_platform.explain.reason_table import ReasonTable, format_of
from credit_platform.home_credit import contracts
from credit_platform.raw.records import client_tables, rows_of
from credit_platform.settings import Settings

MOST_ROWS = 200
_APPLICATION = "application"


@dataclass(frozen=True)
class Cell:
    """A value of a row: as it was delivered, and in words."""

    value: float | str | None
    text: str


@dataclass(frozen=True)
class EvidenceRow:
    """A row of the table; `telling` where it speaks against the client."""

    telling: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Evidence:
    """Rows of one client: at most `MOST_ROWS`, telling ones first. `tells` says what telling rows have in common."""

    family: str
    table: str
    title: str
    tells: str
    columns: tuple[str, ...]
    rows: tuple[EvidenceRow, ...]
    total: int
    telling: int


def evidence(
    settings: Settings, cohort: str, client: int, family: str, table: ReasonTable, language: Language = "en"
) -> Evidence:
    """The rows of a client, in a cohort's raw tables, that a family of reasons rests on.

    Raises:
        LookupError: the reason table has no such family, or it is protected and never a reason.
        MissingTableError: the cohort's raw tables are not here.
        DamagedTableError: a file of them is gone or was cut short.
    """
    if not any(each.code == family and not each.protected for each in table.families):
        raise LookupError(f"{family} is no family of reasons")
    declared = _declared().get(family)
    if declared is None:
        return _of_application(settings, cohort, client, family, table, language)
    name, computed = declared["table"], [c for c in declared["columns"] if "sql" in c]
    needed = {"bureau": ("bureau", "bureau_balance")}.get(name, (name,))
    more = "".join(f", {column['sql']} as {column['name']}" for column in computed)
    known = contracts.table(name).known_at or "0"
    query = (
        f"select *, coalesce({declared['telling']}, false) as telling from (select *{more} from {name}) "
        f"where coalesce({known} <= 0, true)"
    )
    with client_tables(settings, cohort, client, needed) as connection:
        rows = rows_of(connection, f"{query} order by telling desc, {declared['order']}")
    return Evidence(
        family=family,
        table=name,
        title=declared["title"][language],
        tells=declared["tells"][language],
        columns=tuple(column["words"][language] for column in declared["columns"]),
        rows=tuple(
            EvidenceRow(
                row["telling"], tuple(_cell(row[c["name"]], c["format"], language) for c in declared["columns"])
            )
            for row in rows[:MOST_ROWS]
        ),
        total=len(rows),
        telling=sum(row["telling"] for row in rows),
    )


def _of_application(
    settings: Settings, cohort: str, client: int, family: str, table: ReasonTable, language: Language
) -> Evidence:
    """The application's columns behind the family's features, where they hold something and have words."""
    from credit_platform.mart.build import step_columns

    behind = {column.name: column for column in step_columns(_APPLICATION)}
    sources = {
        source.partition(".")[2]
        for feature in table.features
        if feature.family == family and feature.name in behind
        for source in behind[feature.name].sources
    }
    shown = [c for c in behind.values() if c.name in sources and format_of(c) != "hidden"]
    with client_tables(settings, cohort, client, (_APPLICATION,)) as connection:
        rows = rows_of(connection, f"select * from {_APPLICATION}")
    present = [column for column in shown if rows and rows[0].get(column.name) is not None]
    return Evidence(
        family=family,
        table=_APPLICATION,
        title=_declared()[_APPLICATION]["title"][language],
        tells="",
        columns=tuple(_capital(column_words(column)[language]) for column in present),
        rows=tuple(
            EvidenceRow(False, tuple(_cell(row[column.name], format_of(column), language) for column in present))
            for row in rows
        ),
        total=len(rows),
        telling=0,
    )


def _cell(value: Any, format: str, language: Language) -> Cell:
    if value is None:
        return Cell(None, "")
    if format == "plain":
        return Cell(value, str(value))
    words: Mapping[str, Words] = {value: category_words(value)} if isinstance(value, str) else {}
    return Cell(value, written(value, format, language, words))  # type: ignore[arg-type]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def _declared() -> dict[str, dict[str, Any]]:
    stored = declaration("evidence.toml")
    by_family = {family: entry for entry in stored["evidence"] for family in entry["families"]}
    return {**by_family, _APPLICATION: stored[_APPLICATION]}
