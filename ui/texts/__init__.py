"""Every text of the desk, in English and in French: `<language>/<file>.toml` holds the keys that begin with `<file>.`.

Numbers, shares and dates are written here too, because they are part of the language. Not here: which text is shown
when, and the words of reasons and features, which come from the API.
"""

import re
import tomllib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
NAMES: dict[Language, str] = {"en": "English", "fr": "Français"}

_THIN, _WIDE = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"


class Texts:
    """The texts of one language: `t("client.title")`, `t("choosing.suggested", cohort="2025-03")`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = catalogue(language)

    def __call__(self, key: str, **values: Any) -> str:
        """The text under a key, with its places filled.

        Raises:
            KeyError: there is no such text, or a place has no value.
        """
        return self._texts[key].format(**values)

    def get(self, key: str, default: str) -> str:
        """The text under a key that may be none, such as one that is made from an answer."""
        return self._texts.get(key, default)

    def number(self, value: float, decimals: int = 0, *, signed: bool = False) -> str:
        # Half a unit is rounded away from zero, as people and browsers do, not to the even neighbour.
        rounded = round(value * (1 + 1e-12), decimals) + 0.0
        text = f"{rounded:{'+' if signed and rounded else ''},.{decimals}f}".replace("-", "\N{MINUS SIGN}")
        return text if self.language == "en" else text.replace(",", _THIN).replace(".", ",")

    def percent(self, share: float, decimals: int = 1, *, signed: bool = False) -> str:
        return self.number(100 * share, decimals, signed=signed) + ("%" if self.language == "en" else f"{_WIDE}%")

    def moment(self, at: datetime) -> str:
        return at.strftime("%d %b %Y, %H:%M" if self.language == "en" else "%d/%m/%Y à %H:%M")


@cache
def catalogue(language: Language) -> dict[str, str]:
    """All texts of a language by key."""
    texts: dict[str, str] = {}
    for file in files(__package__).joinpath(language).iterdir():
        if file.name.endswith(".toml"):
            texts |= _flat(tomllib.loads(file.read_text("utf-8")), file.name.removesuffix(".toml"))
    return {key: _typeset(text) for key, text in texts.items()} if language == "fr" else texts


def _flat(table: dict[str, Any], prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        key = f"{prefix}.{name}"
        found |= _flat(value, key) if isinstance(value, dict) else {key: value}
    return found


def _typeset(text: str) -> str:
    """French puts a no-break space before double signs and inside quotation marks."""
    return re.sub(r" (?=[:;!?»%](?:\s|$|\*))|(?<=«) ", _WIDE, text)
