"""Words for the mart's columns and categories, in English and in French, put together from glossary.toml.

Not here: which family a column belongs to and the sentences around its words (`reason_table.py`), and how values are
written (`formats.py`).
"""

import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from credit_platform.home_credit import contracts
from credit_platform.mart.aggregates import MartColumn, label

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")

Words = Mapping[str, str]
"""A text by language; empty where there is none."""


def declaration(file: str) -> dict[str, Any]:
    """A .toml file of this folder; French texts get the no-break spaces that French typography asks for."""
    stored: dict[str, Any] = tomllib.loads(files(__package__).joinpath(file).read_text("utf-8"))
    return {key: _typeset(value) for key, value in stored.items()}


def column_words(column: MartColumn) -> Words:
    """What a column of the mart is called in front of an applicant; empty where the glossary has no words for it."""
    glossary = _glossary()
    if listed := _listed(glossary["columns"], column.name):
        return listed
    prefixes = [prefix for prefix in glossary["populations"] if column.name.startswith(f"{prefix}_")]
    if not prefixes or column.aggregate == "expression":
        return {}
    prefix = max(prefixes, key=len)
    population = glossary["populations"][prefix]
    if column.aggregate == "count":
        return dict(population["count"])
    rest, aggregate = column.name.removeprefix(f"{prefix}_"), column.aggregate
    if aggregate == "share":
        measure, category = _share_of(column, rest)
    else:
        measure, category = rest.removesuffix(f"_{aggregate.upper()}"), {}
        if any(fnmatchcase(measure, pattern) for pattern in glossary["moments"]):
            aggregate = {"min": "earliest", "max": "latest"}.get(aggregate, aggregate)
    if measure not in glossary["measures"]:
        return {}
    return {
        language: template.format(
            measure=glossary["measures"][measure][language],
            over=population["over"][language],
            category=category.get(language, ""),
        )
        for language, template in glossary["aggregates"][aggregate].items()
    }


def category_words(category: str) -> Words:
    """A category of the source in words, or as it is spelled where the glossary does not know it."""
    return {"en": category, "fr": category} | dict(_listed(_glossary()["categories"], category))


def _share_of(column: MartColumn, rest: str) -> tuple[str, Words]:
    """The measure of a share, and the category that is counted, found by its label among those of the contract."""
    table, measure = column.sources[0].split(".")
    counted = rest.removeprefix(f"{measure}_").removesuffix("_SHARE")
    categories = {label(category): category for category in contracts.table(table).columns[measure].categories}
    return measure, category_words(categories.get(counted, f"({counted.lower()})"))


def _listed(entries: Mapping[str, Any], name: str) -> Words:
    """The entry of `name`: by itself, or by a pattern whose stars it fills."""
    if name in entries:
        return _in_both(entries[name])
    for pattern, entry in entries.items():
        if "*" in pattern and (found := re.fullmatch(re.escape(pattern).replace(r"\*", "(.+)"), name)):
            return {language: text.format(*found.groups()) for language, text in _in_both(entry).items()}
    return {}


def _in_both(entry: str | Words) -> Words:
    """An entry of one text is French."""
    return {"fr": entry} if isinstance(entry, str) else entry


@cache
def _glossary() -> dict[str, Any]:
    return declaration("glossary.toml")


def _typeset(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _french(text) if key == "fr" else _typeset(text) for key, text in value.items()}
    return [_typeset(item) for item in value] if isinstance(value, list) else value


def _french(text: str) -> str:
    return re.sub(r" (?=[:;!?»])|(?<=[«°]) ", "\N{NO-BREAK SPACE}", text)
