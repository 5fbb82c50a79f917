"""The page without a browser: what people read, on the good path and on every bad one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import streamlit as st
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from credit_platform.model.registry import NoModelError
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import write_drift, write_lake
from credit_platform_tests.serving.server import serve
from serving.app import create_app
from ui import api as credit_api
from ui.api import Api, connect

PAGE = Path(__file__).parents[2] / "ui" / "app.py"

Answers = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[[Api], AppTest]:
    """Opens the page on a given API."""

    def run(api: Api) -> AppTest:
        st.cache_data.clear()
        st.cache_resource.clear()
        monkeypatch.setattr(credit_api, "connect", lambda: api)
        return AppTest.from_file(str(PAGE), default_timeout=20).run()

    return run


@pytest.fixture
def page(settings: Settings, scorer: Scorer, open_page: Callable[[Api], AppTest]) -> Iterator[AppTest]:
    """The page on a real API with a model, a mart and drift reports."""
    write_lake(settings)
    write_drift(settings)
    with serve(create_app(settings, lambda: scorer)) as url:
        yield open_page(connect(settings.model_copy(update={"api_url": url})))


def fake(answers: Answers) -> Api:
    return Api(httpx.Client(base_url="http://api.test", transport=httpx.MockTransport(answers)))


def text(page: AppTest) -> str:
    """Everything the page says in words."""
    assert not page.exception, page.exception
    kinds = (page.title, page.subheader, page.markdown, page.caption, page.error, page.warning, page.info, page.html)
    return "\n".join(str(getattr(element, "value", "") or element.proto.body) for kind in kinds for element in kind)


def choose(page: AppTest, number: str) -> AppTest:
    return page.text_input(key="sk_id_curr").set_value(number).run()


def paste(page: AppTest, features: str) -> AppTest:
    page.radio[0].set_value("Features as JSON").run()
    page.text_area[0].set_value(features)
    return page.button(key="FormSubmitter:features-Score").click().run()


def open_drift(page: AppTest) -> AppTest:
    page.session_state["tab"] = "Drift"
    return page.run()


def test_the_sidebar_says_which_model_decides(page: AppTest) -> None:
    sidebar = "\n".join(element.value for element in page.sidebar.markdown)
    assert "Ready to decide" in sidebar
    assert "credit_scoring_model, version 3" in sidebar
    assert "2024-01 to 2024-02 (2 cohorts)" in sidebar
    assert page.sidebar.metric[0].value == "30.0 %"


def test_before_a_client_is_chosen_the_page_says_what_to_do(page: AppTest) -> None:
    assert "Type a client's number or choose one" in text(page)


def test_a_client_gets_a_decision_in_words_with_its_distance_to_the_cut_off(page: AppTest, scorer: Scorer) -> None:
    said = text(choose(page, "100001"))
    assert "Client 100001" in said
    assert "2024-03" in said
    assert "Refuse" in said or "Approve" in said
    assert "points above the cut-off of 30.0 %" in said or "points below the cut-off of 30.0 %" in said
    assert 'role="img" aria-label="Probability of default' in said


def test_a_suggested_client_can_be_taken(page: AppTest) -> None:
    page.button_group(key="suggestion").set_value("100003").run()
    assert "Client 100003" in text(page)


def test_the_reasons_are_charted_and_listed_with_their_meaning(page: AppTest) -> None:
    choose(page, "100004")
    assert len(page.get("vega_lite_chart")) + len(page.get("arrow_vega_lite_chart")) == 1
    table = page.dataframe[0].value
    assert len(table) == 7
    assert "Score of the second bureau" in set(table["meaning"])
    assert set(table.loc[table["feature"] == "EXT_SOURCE_2", "value"]) == {"missing"}
    assert "2 of 7 features were known" in text(page)
    page.slider[0].set_value(3).run()
    assert "Client 100004" in text(page)


@pytest.mark.parametrize("wrapped", [False, True])
def test_pasted_features_are_scored_bare_or_as_the_body_of_predict(page: AppTest, wrapped: bool) -> None:
    features = {"EXT_SOURCE_2": 0.02, "AMT_CREDIT": 1_900_000, "OCCUPATION_TYPE": "Laborers"}
    said = text(paste(page, json.dumps({"features": features} if wrapped else features)))
    assert "Refuse" in said
    assert "above the cut-off of 30.0 %" in said
    assert "3 of 7 features were known" in said


def test_an_unknown_category_is_pointed_out(page: AppTest) -> None:
    assert "OCCUPATION_TYPE holds a category that the model never saw" in text(
        paste(page, '{"OCCUPATION_TYPE": "Elf"}')
    )


def test_the_drift_tab_shows_the_newest_verdict_and_lets_others_be_chosen(page: AppTest) -> None:
    said = text(open_drift(page))
    assert "Drifted" in said
    assert "Cohort 2024-03 no longer looks like the training data" in said
    assert [m.value for m in page.metric if m.label == "Columns drifted"] == ["25.0 %"]
    assert "Evidently on 2024-03" in page.get("iframe")[0].proto.srcdoc
    said = text(page.selectbox(key="drift_cohort").set_value("2024-02").run())
    assert "Stable" in said
    assert "Evidently on 2024-02" in page.get("iframe")[0].proto.srcdoc


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("424242", "No published cohort holds a client with this SK_ID_CURR."),
        ("12a", "A client number (SK_ID_CURR) has digits only"),
        ("-3", "A client number (SK_ID_CURR) has digits only"),
        ("١٢٣", "A client number (SK_ID_CURR) has digits only"),
        ("0", "path.sk_id_curr must be at least 1."),
        ("9" * 30, "path.sk_id_curr"),
        ("9" * 5000, "path.sk_id_curr"),
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
            "2 fields are not valid. AMT_CREDIT must be a number or null; X is not a feature",
        ),
        ('{"AMT_CREDIT": NaN}', "A number of the request is not finite"),
        ('{"OCCUPATION_TYPE": "' + "x" * 60_000 + '"}', "A body may have at most 50,000 bytes."),
        ('{"OCCUPATION_TYPE": "\\ud800"}', "A text of the request holds half a character."),
    ],
)
def test_wrong_features_get_a_sentence(page: AppTest, features: str, sentence: str) -> None:
    assert sentence in paste(page, features).error[0].value


def test_an_api_that_is_down_gets_a_sentence_on_both_tabs(
    settings: Settings, open_page: Callable[[Api], AppTest]
) -> None:
    down = connect(settings.model_copy(update={"api_url": "http://127.0.0.1:9"}))
    page = open_page(down)
    assert "does not answer. Start it with `python -m serving`" in page.error[0].value
    assert any("Not ready" in element.value for element in page.sidebar.markdown)
    assert "does not answer" in open_drift(page).error[0].value


def test_no_model_yet_is_told_while_drift_is_still_shown(
    settings: Settings, open_page: Callable[[Api], AppTest]
) -> None:
    def none() -> Scorer:
        raise NoModelError

    write_drift(settings)
    with serve(create_app(settings, none)) as url:
        page = open_page(connect(settings.model_copy(update={"api_url": url})))
        assert "No model is registered as credit_scoring_model@champion yet" in page.error[0].value
        assert "no longer looks like the training data" in text(open_drift(page))


def test_without_a_mart_clients_can_not_be_chosen_but_features_can(
    settings: Settings, scorer: Scorer, open_page: Callable[[Api], AppTest]
) -> None:
    with serve(create_app(settings, lambda: scorer)) as url:
        page = open_page(connect(settings.model_copy(update={"api_url": url})))
        assert "No client mart is published yet" in page.warning[0].value
        assert "Approve" in text(paste(page, '{"EXT_SOURCE_2": 0.95, "AMT_CREDIT": 50000}'))
        assert "No cohort has been compared with the training data yet" in text(open_drift(page))


def test_the_page_sends_the_key_and_says_when_it_lacks_one(
    settings: Settings, scorer: Scorer, open_page: Callable[[Api], AppTest]
) -> None:
    secured = settings.model_copy(update={"api_key": SecretStr("open sesame")})
    write_drift(settings)
    with serve(create_app(secured, lambda: scorer)) as url:
        with_key = open_page(connect(secured.model_copy(update={"api_url": url})))
        assert "no longer looks like" in text(open_drift(with_key))
        without = open_page(connect(settings.model_copy(update={"api_url": url})))
        assert "The API asks for a key" in open_drift(without).error[0].value


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(200, text="<h1>nginx</h1>"), "is not the API of this platform"),
        (httpx.Response(200, json=[]), "is not the API of this platform"),
        (httpx.Response(200, json={"status": "fine"}), "is not the API of this platform"),
        (httpx.Response(502, text="Bad gateway"), "The API failed with status 502"),
        (httpx.Response(500, json=["what"]), "The API failed with status 500"),
        (httpx.Response(500, json={"detail": "It broke.", "errors": [1, 2]}), "The API failed with status 500"),
    ],
)
def test_a_stranger_in_the_place_of_the_api_gets_a_sentence(
    open_page: Callable[[Api], AppTest], answer: httpx.Response, sentence: str
) -> None:
    assert sentence in open_page(fake(lambda _: answer)).error[0].value


def test_an_api_that_is_too_slow_gets_a_sentence(open_page: Callable[[Api], AppTest]) -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    assert "takes too long to answer" in open_page(fake(slow)).error[0].value


def test_an_address_that_is_none_gets_a_sentence(open_page: Callable[[Api], AppTest], settings: Settings) -> None:
    page = open_page(connect(settings.model_copy(update={"api_url": "no address"})))
    assert "does not answer" in page.error[0].value
