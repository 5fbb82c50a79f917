"""The catalogue of texts: both languages say the same things, and nothing that the code asks for is missing."""

import re
from pathlib import Path
from string import Formatter

import pytest

from ui.texts import LANGUAGES, Texts, catalogue

UI = Path(__file__).parents[2] / "ui"


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    english, french = catalogue("en"), catalogue("fr")
    assert english.keys() == french.keys()
    # A sentence of the API is in English; the French text may do without it.
    differ = {key for key in english if places(english[key]) - {"detail"} != places(french[key]) - {"detail"}}
    assert not differ


def test_every_text_that_a_page_asks_for_is_there() -> None:
    asked = {
        key
        for file in UI.rglob("*.py")
        for key in re.findall(r"\bt\(\s*\"([a-z_]+\.[a-z_.-]+)\"", file.read_text("utf-8"))
    }
    assert len(asked) > 20
    assert not asked - catalogue("en").keys()


def test_page_code_holds_no_sentences() -> None:
    # What looks like prose in a call of Streamlit: a literal with two words or more.
    prose = re.compile(r"st\.\w+\(\s*f?\"[A-Z][a-z]+ [a-z]+")
    guilty = [file.name for file in UI.rglob("*.py") if prose.search(file.read_text("utf-8"))]
    assert not guilty


@pytest.mark.parametrize(
    ("language", "number", "percent", "signed"),
    [("en", "1,234,567.5", "8.1%", "\N{MINUS SIGN}3.0%"), ("fr", "1 234 567,5", "8,1 %", "\N{MINUS SIGN}3,0 %")],
)
def test_numbers_are_written_as_the_language_has_it(language: str, number: str, percent: str, signed: str) -> None:
    t = Texts(next(each for each in LANGUAGES if each == language))
    assert t.number(1234567.5, 1) == number.replace(" ", "\N{NARROW NO-BREAK SPACE}")
    assert t.percent(0.081) == percent.replace(" ", "\N{NO-BREAK SPACE}")
    assert t.percent(-0.03, signed=True) == signed.replace(" ", "\N{NO-BREAK SPACE}")


def test_french_keeps_its_double_signs_on_the_line() -> None:
    assert "\N{NO-BREAK SPACE}:" in Texts("fr")("decision.distance.above", probability="9", points="1", cut_off="8")
