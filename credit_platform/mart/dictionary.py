"""The data dictionary: every column of the mart in words, as the Markdown page docs/data-dictionary.md.

It is made from what the .sql and .toml files declare, and holds nothing that they do not say but how missing values
behave, which follows from the way a column is computed. Not here: the declarations themselves.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import groupby, takewhile
from textwrap import fill

from credit_platform.mart.aggregates import MISSING, UNLISTED, MartColumn
from credit_platform.mart.build import CLIENT_KEY, STEPS, mart_columns, step_columns

DELIVERED, NEVER, ROWLESS_ZERO, ROWLESS, VALUELESS, ONE_VALUE, INPUTS = (
    "as delivered",
    "never missing",
    "0 without rows",
    "NULL without rows",
    "NULL without values",
    "NULL below two values",
    "NULL by its inputs",
)
WHEN_MISSING = {
    DELIVERED: "NULL where the delivered value is missing, or is one that stands for a missing value.",
    NEVER: "Always a value.",
    ROWLESS_ZERO: "0 for a client without such rows; always a value.",
    ROWLESS: "NULL for a client without the rows it is a share of. A row whose value is missing is one of them.",
    VALUELESS: "NULL for a client without such rows, or with none that has a value. Missing values are left out.",
    ONE_VALUE: "NULL for a client with fewer than two values in such rows. Missing values are left out.",
    INPUTS: "NULL where a denominator is 0, or where an input is NULL by these rules. `coalesce` puts 0 for a missing "
    "input; `least` and `greatest` pass over it.",
}
"""What the tables of the dictionary say of missing values, and what they mean by it. "Such rows" are those that the
meaning of a column speaks of."""

_BY_AGGREGATE = {
    "carried": DELIVERED,
    "count": ROWLESS_ZERO,
    "nunique": ROWLESS_ZERO,
    "share": ROWLESS,
    "var": ONE_VALUE,
    "expression": INPUTS,
}
_NEVER = {CLIENT_KEY, "EXT_SOURCE_COUNT", "NO_PRESENT_JOB"}
_ONE_AGGREGATE = re.compile(r"-?(sum|avg|min|max)\(\w+\)( filter \(where \w+\))?")


def when_missing(column: MartColumn) -> str:
    """When a column is NULL and when 0: one of `WHEN_MISSING`."""
    if column.name in _NEVER:
        return NEVER
    if column.empty == 0:
        return ROWLESS_ZERO if STEPS[column.step].result.endswith("_by_client") else ROWLESS
    if column.aggregate == "expression":
        if _ONE_AGGREGATE.fullmatch(column.expression):
            return VALUELESS
        if column.expression.startswith("count("):
            return ROWLESS
    return _BY_AGGREGATE.get(column.aggregate, VALUELESS)


def dictionary_markdown() -> str:
    """The page, which is the same wherever and whenever it is made."""
    columns = mart_columns()
    lines = [
        "# Data dictionary of the client mart",
        "",
        "Made by `credit-platform dictionary > docs/data-dictionary.md`; edit the .sql and .toml files it speaks of.",
        "",
        f"`client_mart` has {len(columns)} columns and one row per `{CLIENT_KEY}` of the application, whatever history",
        "there is. Each part of this page is a file that adds columns:",
        "",
        *_table(("File", "What it is about", "Columns"), _contents(columns)),
        "",
        "## How to read it",
        "",
        "*Sources* are the delivered columns that a value depends on, filters included; keys that merely group or join",
        "rows are left out. *SQL* is over the rows of the .sql file, which defines every name that is not a delivered",
        "column. `X_CODE` is the place of X among the categories of its contract, counted from 1,",
        f"{UNLISTED} where the contract does not list X, {MISSING} where X is missing. *Missing* says when a value is",
        "NULL; such rows are those that the column's meaning speaks of:",
        "",
        *_table(("Missing", "Means"), WHEN_MISSING.items()),
        *(line for step in STEPS for line in ("", *_part(step, columns))),
        "",
    ]
    return "\n".join(lines)


def _contents(columns: Iterable[MartColumn]) -> Iterator[tuple[str, str, str]]:
    for step in STEPS:
        title, *_ = _comment(step)
        number = sum(column.step == step for column in columns)
        yield f"[{step}.sql](#{step}sql)", title, str(number or "for bureau.sql")


def _part(step: str, columns: Iterable[MartColumn]) -> Iterator[str]:
    yield f"## {step}.sql"
    for paragraph in _comment(step):
        yield from ("", fill(paragraph, 120))
    yield from ("", f"Files: {_link(f'{step}.sql')} and {_link(f'{step}.toml')}.")
    own = [column for column in columns if column.step == step]
    if not own:
        yield from (
            "",
            "The mart has these columns through bureau.sql, which aggregates them over the credits of a client.",
        )
    if measures := list(_measures(step)):
        yield from ("", "### What is known of a row", "", *_table(("Name", "From", "Meaning"), measures))
    for title, group in groupby(own or step_columns(step), _title):
        yield from ("", f"### {title}", "")
        yield from _table(("Column", "Type, unit", "Meaning", "Sources", "SQL", "Missing"), map(_row, group))


def _title(column: MartColumn) -> str:
    if column.over:
        return f"Over {column.over}"
    return "Taken over as delivered, or cleaned" if column.aggregate == "carried" else "More columns"


def _row(column: MartColumn) -> tuple[str, ...]:
    return (
        f"`{column.name}`",
        ", ".join(part for part in (column.type, column.unit) if part),
        column.meaning,
        ", ".join(column.sources),
        f"`{' '.join(column.expression.split())}`",
        when_missing(column),
    )


def _measures(step: str) -> Iterator[tuple[str, str, str]]:
    """The names a .sql file defines for a row."""
    for name, fields in tomllib.loads(_read(f"{step}.toml")).get("derived", {}).items():
        yield f"`{name}`", ", ".join(fields["from"]), fields["meaning"]


def _comment(step: str) -> list[str]:
    """The paragraphs of the comment that a .sql file begins with."""
    lines = takewhile(lambda line: line.startswith("--"), _read(f"{step}.sql").splitlines())
    return " ".join(line.removeprefix("--").strip() or "\n" for line in lines).split(" \n ")


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (header, ("---",) * len(header), *rows):
        yield f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|")


def _link(file: str) -> str:
    return f"[{file}](../credit_platform/mart/{file})"


def _read(file: str) -> str:
    return files(__package__).joinpath(file).read_text("utf-8")
