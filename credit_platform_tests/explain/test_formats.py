"""Values are written the way an applicant reads them, in English and in French."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_platform.explain.formats import Format, written
from credit_platform.explain.glossary import LANGUAGES

THIN, WIDE = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "format", "english", "french"),
    [
        (1234567.4, "amount", "1,234,567", f"1{THIN}234{THIN}567"),
        (-0.2, "amount", "0", "0"),
        (3.0, "count", "3", "3"),
        (3.25, "count", "3.2", "3,2"),
        (0.125, "percent", "12%", f"12{WIDE}%"),
        (0.0125, "percent", "1.2%", f"1,2{WIDE}%"),
        (0.0, "percent", "0%", f"0{WIDE}%"),
        (12.5, "percent", "1,250%", f"1{THIN}250{WIDE}%"),
        (3.46, "times", "3.5 times", f"3,5{WIDE}fois"),
        (0.5657, "number", "0.57", "0,57"),
        (0.0021, "number", "0.0021", "0,0021"),
        (2.0, "number", "2", "2"),
        (9.0, "years", "9 years", f"9{WIDE}ans"),
        (1.0, "years", "1 year", f"1{WIDE}an"),
        (14.6, "hour", "15:00", f"15{WIDE}h"),
        (1.0, "flag", "yes", "oui"),
        (0.0, "flag", "no", "non"),
        (0.0, "duration", "0 days", f"0{WIDE}jour"),
        (1.0, "duration", "1 day", f"1{WIDE}jour"),
        (1.5, "duration", "1.5 days", f"1,5{WIDE}jour"),
        (12.4, "duration", "12 days", f"12{WIDE}jours"),
        (-12.0, "duration", "-12 days", f"-12{WIDE}jours"),
        (200.0, "duration", "7 months", f"7{WIDE}mois"),
        (1000.0, "duration", "2 years 9 months", f"2{WIDE}ans et 9{WIDE}mois"),
        (-1000.0, "duration", "-2 years 9 months", f"-2{WIDE}ans et 9{WIDE}mois"),
        (3653.0, "duration", "10 years", f"10{WIDE}ans"),
        (-3653.0, "moment", "10 years ago", f"il y a 10{WIDE}ans"),
        (90.0, "moment", "in 3 months", f"dans 3{WIDE}mois"),
        (-0.3, "moment", "the same day", "le jour même"),
        (-1.0, "month", "1 month ago", f"il y a 1{WIDE}mois"),
        (-30.0, "month", "2 years 6 months ago", f"il y a 2{WIDE}ans et 6{WIDE}mois"),
        (0.0, "month", "the same month", "le mois même"),
    ],
)
def test_a_value_is_written_in_human_units(value: float, format: Format, english: str, french: str) -> None:
    assert written(value, format, "en", {}) == english
    assert written(value, format, "fr", {}) == french


def test_a_category_is_translated_and_an_unheard_one_stands_as_it_is() -> None:
    categories = {"Drivers": {"en": "Drivers", "fr": "chauffeurs"}}
    assert written("Drivers", "category", "fr", categories) == "chauffeurs"
    assert written("Astronauts", "category", "fr", categories) == "Astronauts"


@given(
    value=st.floats(-1e12, 1e12),
    format=st.sampled_from([f for f in get_args(Format) if f not in ("hidden", "category")]),
    language=st.sampled_from(LANGUAGES),
)
def test_every_number_can_be_written_in_every_format(value: float, format: Format, language: str) -> None:
    text = written(value, format, language, {})
    assert text.strip()
    assert "-0" not in text.split()
