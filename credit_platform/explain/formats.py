"""Values as an applicant reads them: amounts, shares, dates and durations in English and in French.

Not here: which column is written in which way (reason_table.toml).
"""

from collections.abc import Callable, Mapping
from typing import Literal

from credit_platform.explain.glossary import Language, Words

Format = Literal[
    "hidden",
    "amount",
    "category",
    "count",
    "duration",
    "flag",
    "hour",
    "moment",
    "month",
    "number",
    "percent",
    "times",
    "years",
]
"""`duration` and `moment` are of days, `month` of months, the latter two relative to the application; `percent` and
`times` of ratios. `hidden` is never written."""

_DAYS_A_MONTH = 365.25 / 12
_DAYS_SHOWN = 60
_MONTHS_SHOWN = 24
_THIN, _WIDE = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"


def written(value: float | str, format: Format, language: Language, categories: Mapping[str, Words]) -> str:
    """A value in words. `categories` translates categories; one it lacks stands as it is.

    Raises:
        KeyError: the format is `hidden`.
    """
    if isinstance(value, str):
        return categories.get(value, {}).get(language, value)
    return _WRITERS[format](value, language)


def _decimal(value: float, language: Language, decimals: int = 0) -> str:
    text = f"{round(value, decimals) + 0.0:,.{decimals}f}"
    return text if language == "en" else text.replace(",", _THIN).replace(".", ",")


def _whole_or(decimals: int, value: float, language: Language) -> str:
    return _decimal(value, language, 0 if value == int(value) else decimals)


def _number(value: float, language: Language) -> str:
    return _whole_or(2 if abs(value) >= 0.01 else 4, value, language)


def _percent(value: float, language: Language) -> str:
    share = round(100 * value, 0 if abs(value) >= 0.1 else 1)
    return _whole_or(1, share, language) + ("%" if language == "en" else f"{_WIDE}%")


def _times(value: float, language: Language) -> str:
    return _decimal(value, language, 1) + (" times" if language == "en" else f"{_WIDE}fois")


def _unit(value: float, language: Language, english: str, french: str) -> str:
    """A number and its unit, in the singular where the language has it: 1 day, 0 days, but 0 jour, 1,5 jour."""
    number = round(value, 0 if value == int(value) else 1)
    text = _whole_or(1, number, language)
    if language == "en":
        return f"{text} {english}{'' if number == 1 else 's'}"
    return f"{text}{_WIDE}{french}{'' if abs(number) < 2 or french.endswith('s') else 's'}"


def _months(months: int, language: Language) -> str:
    if abs(months) < _MONTHS_SHOWN:
        return _unit(months, language, "month", "mois")
    years, rest = divmod(abs(months), 12)
    text = _unit(years, language, "year", "an")
    if rest:
        text += (" " if language == "en" else " et ") + _unit(rest, language, "month", "mois")
    return f"-{text}" if months < 0 else text


def _duration(days: float, language: Language) -> str:
    if abs(days) < _DAYS_SHOWN:
        return _unit(round(days, 1) if abs(days) < 10 else round(days), language, "day", "jour")
    return _months(round(days / _DAYS_A_MONTH), language)


def _moment(days: float, language: Language) -> str:
    if round(days) == 0:
        return "the same day" if language == "en" else "le jour même"
    return _relative(days, _duration(abs(round(days)), language), language)


def _month(months: float, language: Language) -> str:
    if round(months) == 0:
        return "the same month" if language == "en" else "le mois même"
    return _relative(months, _months(abs(round(months)), language), language)


def _relative(value: float, distance: str, language: Language) -> str:
    if language == "en":
        return f"{distance} ago" if value < 0 else f"in {distance}"
    return f"il y a {distance}" if value < 0 else f"dans {distance}"


def _flag(value: float, language: Language) -> str:
    yes, no = ("yes", "no") if language == "en" else ("oui", "non")
    return yes if value >= 0.5 else no


_WRITERS: Mapping[Format, Callable[[float, Language], str]] = {
    "amount": _decimal,
    "count": lambda value, language: _whole_or(1, value, language),
    "duration": _duration,
    "flag": _flag,
    "hour": lambda value, language: f"{round(value)}" + (":00" if language == "en" else f"{_WIDE}h"),
    "moment": _moment,
    "month": _month,
    "number": _number,
    "percent": _percent,
    "times": _times,
    "years": lambda value, language: _unit(value, language, "year", "an"),
}
