"""Another loan for a client, beside the one asked for, and what it would take to be approved."""

import pytest
from streamlit.testing.v1 import AppTest

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import write_lake
from credit_platform_tests.serving.server import serve
from credit_platform_tests.ui.conftest import found_at, text
from serving.app import create_app
from ui.api import Api

REFUSED, HOPELESS, APPROVED = "100024", "100052", "100001"


def script(url: str, language: str) -> None:
    """The page by itself, as `app.py` runs it."""
    from typing import cast

    from credit_platform_tests.ui.conftest import found_at
    from ui.texts import Language, Texts
    from ui.theme import LIGHT
    from ui.views import whatif
    from ui.visit import Visit, guarded

    guarded(whatif.show, Visit(found_at(url), Texts(cast(Language, language)), LIGHT))()


def open_at(url: str, number: str, language: str = "en") -> AppTest:
    page = AppTest.from_function(script, default_timeout=20, args=(url, language)).run()
    return page.text_input(key="sk_id_curr").set_value(number).run()


def ask(page: AppTest, field: str, value: float) -> AppTest:
    next(each for each in page.number_input if each.label == field).set_value(value)
    return next(each for each in page.button if each.label == "Decide again").click().run()


@pytest.fixture
def page(bank_api: Api) -> AppTest:
    return open_at(bank_api.url, REFUSED)


def verdicts(page: AppTest) -> list[str]:
    return [m.value.split("material/")[1].split(": ")[1].rstrip("]") for m in page.markdown if "### :" in m.value]


def test_the_form_holds_what_was_asked_for(page: AppTest) -> None:
    assert "Change something above" in text(page)
    assert verdicts(page) == ["Refuse"]
    assert {each.label for each in page.number_input} == {
        "Amount of the loan",
        "Instalment of the loan",
        "Price of the goods",
        "Yearly income declared",
    }
    assert "instalments, counted without interest" in text(page)


def test_a_changed_loan_stands_beside_the_one_asked_for(page: AppTest) -> None:
    ask(page, "Amount of the loan", 200_000.0)
    assert len(verdicts(page)) == 2
    probabilities = [float(m.value.rstrip("%")) for m in page.metric if m.label == "Probability"]
    assert probabilities[1] < probabilities[0]
    assert "What the change moves" in text(page)
    next(each for each in page.button if each.label == "As asked for").click().run()
    assert verdicts(page) == ["Refuse"]


def test_a_way_to_approval_is_tried_with_one_click(page: AppTest) -> None:
    assert "Borrow less for something cheaper, as many instalments" in text(page)
    page.button(key="take_smaller").click().run()
    assert verdicts(page) == ["Refuse", "Approve"]


def test_where_the_loan_is_not_what_speaks_against_a_client_the_page_says_so(bank_api: Api) -> None:
    assert "what speaks against this client is not the loan" in text(open_at(bank_api.url, HOPELESS))


def test_who_is_approved_needs_nothing(bank_api: Api) -> None:
    assert "is approved as it is" in text(open_at(bank_api.url, APPROVED))


def test_the_page_speaks_french(bank_api: Api) -> None:
    said = text(open_at(bank_api.url, REFUSED, "fr"))
    assert "Ce qu'il faudrait pour un accord" in said
    assert "Montant du crédit" in said


def test_an_unknown_client_gets_a_sentence(bank_api: Api) -> None:
    assert "Client 424242 can't be tried with another loan" in open_at(bank_api.url, "424242").error[0].value


def test_a_client_whose_raw_tables_are_elsewhere_gets_a_sentence(settings: Settings, scorer: Scorer) -> None:
    write_lake(settings)
    with serve(create_app(settings, lambda: scorer)) as url:
        assert "its raw tables are not where the API runs" in open_at(found_at(url).url, "100001").error[0].value
