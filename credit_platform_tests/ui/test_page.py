"""The desk without a browser: what people read, on the good path and on every bad one."""

import json
from collections.abc import Callable

import httpx
import pytest
import streamlit as st
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from credit_platform.model.registry import NoModelError
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.server import serve
from credit_platform_tests.ui.conftest import REPOSITORY, found_at, text
from serving.app import create_app
from ui.api import Api

Answers = Callable[[httpx.Request], httpx.Response]


def fake(answers: Answers) -> Api:
    return Api(httpx.Client(base_url="http://api.test", transport=httpx.MockTransport(answers)))


def choose(page: AppTest, number: str) -> AppTest:
    return page.text_input(key="sk_id_curr").set_value(number).run()


def paste(page: AppTest, features: str) -> AppTest:
    page.button_group(key="way").set_value("features").run()
    page.text_area[0].set_value(features)
    return page.button(key="FormSubmitter:features-Decide").click().run()


def sign_in(page: AppTest, key: str) -> None:
    page.text_input[0].set_value(key)
    next(button for button in page.button if button.label == "Sign in").click().run()


def test_the_sidebar_says_which_model_decides(page: AppTest) -> None:
    sidebar = "\n".join(element.value for kind in (page.sidebar.markdown, page.sidebar.caption) for element in kind)
    assert "Ready to decide" in sidebar
    assert "credit_scoring_model, version 3" in sidebar
    assert "2024-01 to 2024-02 (2 cohorts)" in sidebar
    assert "Cut-off 30.0%" in sidebar


def test_before_a_client_is_chosen_the_page_says_what_to_do(page: AppTest) -> None:
    assert "Type a client's number or pick one" in text(page)


def test_a_client_gets_a_decision_in_words_with_its_distance_to_the_cut_off(page: AppTest, scorer: Scorer) -> None:
    said = text(choose(page, "100001"))
    assert "Refuse" in said or "Approve" in said
    assert "points above the cut-off of 30.0%" in said or "points below the cut-off of 30.0%" in said
    assert 'role="img" aria-label="Probability of default' in said


def test_a_suggested_client_can_be_taken(page: AppTest) -> None:
    page.button_group(key="suggestion").set_value("100003").run()
    assert page.text_input(key="sk_id_curr").value == "100003"
    assert "The probability of default is" in text(page)


@pytest.mark.parametrize("wrapped", [False, True])
def test_pasted_features_are_scored_bare_or_as_the_body_of_predict(page: AppTest, wrapped: bool) -> None:
    features = {"EXT_SOURCE_2": 0.02, "AMT_CREDIT": 1_900_000, "OCCUPATION_TYPE": "Laborers"}
    said = text(paste(page, json.dumps({"features": features} if wrapped else features)))
    assert "Refuse" in said
    assert "above the cut-off of 30.0%" in said


def test_an_unknown_category_is_pointed_out(page: AppTest) -> None:
    assert "OCCUPATION_TYPE holds a category that the model never saw" in text(
        paste(page, '{"OCCUPATION_TYPE": "Elf"}')
    )


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("424242", "No published cohort holds client 424242."),
        ("12a", "A client number (SK_ID_CURR) has digits only"),
        ("-3", "A client number (SK_ID_CURR) has digits only"),
        ("١٢٣", "A client number (SK_ID_CURR) has digits only"),
        ("0", "A client number (SK_ID_CURR) has digits only"),
        ("9" * 30, "A client number (SK_ID_CURR) has digits only"),
        ("9" * 5000, "A client number (SK_ID_CURR) has digits only"),
    ],
)
def test_a_wrong_client_number_gets_a_sentence(page: AppTest, number: str, sentence: str) -> None:
    assert sentence in choose(page, number).error[0].value


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ("", "Paste the features first"),
        ('{"AMT_CREDIT": ', "This is not valid JSON (line 1, column"),
        ("[" * 100_000, "JSON"),
        ("[1, 2]", "The features must be one JSON object"),
        ('{"AMT_CREDITS": 1}', "features.AMT_CREDITS is not a feature of this model."),
        ('{"AMT_CREDIT": "12"}', "features.AMT_CREDIT must be a number or null."),
        (
            '{"AMT_CREDIT": "12", "X": 1}',
            "2 fields are not valid.\n\n- `AMT_CREDIT` must be a number or null\n- `X` is not a feature",
        ),
        ('{"AMT_CREDIT": NaN}', "A number of the request is not finite"),
        ('{"OCCUPATION_TYPE": "' + "x" * 60_000 + '"}', "A body may have at most 50,000 bytes."),
        ('{"OCCUPATION_TYPE": "\\ud800"}', "A text of the request holds half a character."),
    ],
)
def test_wrong_features_get_a_sentence(page: AppTest, features: str, sentence: str) -> None:
    assert sentence in paste(page, features).error[0].value


def test_an_api_that_is_down_gets_a_sentence(open_page: Callable[[Api], AppTest]) -> None:
    page = open_page(found_at("http://127.0.0.1:9"))
    choose(page, "100001")
    assert "does not answer. Start it with `python -m serving`" in page.error[0].value
    assert any("Not ready" in element.value for element in page.sidebar.markdown)


def test_no_model_yet_is_told(settings: Settings, open_page: Callable[[Api], AppTest]) -> None:
    def none() -> Scorer:
        raise NoModelError

    with serve(create_app(settings, none)) as url:
        page = choose(open_page(found_at(url)), "100001")
        assert "No model is registered as credit_scoring_model@champion yet" in page.error[0].value


def test_without_a_mart_clients_can_not_be_chosen_but_features_can(
    settings: Settings, scorer: Scorer, open_page: Callable[[Api], AppTest]
) -> None:
    with serve(create_app(settings, lambda: scorer)) as url:
        page = open_page(found_at(url))
        assert "No client mart is published yet" in page.warning[0].value
        assert "Approve" in text(paste(page, '{"EXT_SOURCE_2": 0.95, "AMT_CREDIT": 50000}'))


def test_a_person_signs_in_with_a_key_where_the_api_asks_for_one(settings: Settings, scorer: Scorer) -> None:
    secured = settings.model_copy(update={"api_key": SecretStr("open sesame")})
    with serve(create_app(secured, lambda: scorer)) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDIT_API_URL", url)
        patch.delenv("CREDIT_API_KEY", raising=False)
        st.cache_data.clear()
        st.cache_resource.clear()
        page = AppTest.from_file(str(REPOSITORY / "ui" / "app.py"), default_timeout=20).run()
        assert "The API asks for a key" in text(page)
        sign_in(page, "guessed")
        assert "The API does not know this key" in page.error[0].value
        sign_in(page, "")
        assert "Give the key first" in page.error[0].value
        sign_in(page, "open sesame")
        assert "Type a client's number" in text(page)
        leave = next(button for button in page.sidebar.button if button.label == "Sign out")
        assert "The API asks for a key" in text(leave.click().run())


def test_a_key_without_the_right_is_told_what_to_ask_for(open_page: Callable[[Api], AppTest]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        detail = "The key branch-7 would need the scope explain."
        problem = {"type": "urn:credit-platform:problem:forbidden", "detail": detail}
        return httpx.Response(403, json=problem)

    said = choose(open_page(fake(refuse)), "100001").error[0].value
    assert "Your key does not open this. Ask whoever looks after the platform" in said
    assert "the scope explain" in said


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(200, text="<h1>nginx</h1>"), "is not the API of this version"),
        (httpx.Response(200, json=[]), "is not the API of this version"),
        (httpx.Response(200, json={"status": "fine"}), "is not the API of this version"),
        (httpx.Response(502, text="Bad gateway"), "The API failed with status 502"),
        (httpx.Response(500, json=["what"]), "The API failed with status 500"),
        (httpx.Response(500, json={"detail": "It broke.", "errors": [1, 2]}), "The API failed with status 500"),
        (httpx.Response(500, json={"type": "about:blank", "detail": "It broke."}), "The API failed with status 500"),
    ],
)
def test_a_stranger_in_the_place_of_the_api_gets_a_sentence(
    open_page: Callable[[Api], AppTest], answer: httpx.Response, sentence: str
) -> None:
    assert sentence in choose(open_page(fake(lambda _: answer)), "100001").error[0].value


def test_an_api_that_is_too_slow_gets_a_sentence(open_page: Callable[[Api], AppTest]) -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    assert "takes too long to answer" in choose(open_page(fake(slow)), "100001").error[0].value


def test_an_address_that_is_none_gets_a_sentence(open_page: Callable[[Api], AppTest]) -> None:
    assert "does not answer" in choose(open_page(found_at("no address")), "100001").error[0].value


def test_problems_are_told_in_french_too(open_page: Callable[[Api], AppTest]) -> None:
    page = open_page(found_at("http://127.0.0.1:9"))
    page.button_group(key="language").set_value("Français").run()
    assert "ne répond pas" in choose(page, "100001").error[0].value
    assert "n'a que des chiffres" in choose(page, "12a").error[0].value
