"""Decisions on clients of the mart and on raw applications, in the caller's language; what became of them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform_tests.serving.test_bad_requests import SECRET, refused
from credit_platform_tests.serving.test_decisions import BAD, GOOD, alike, ask

PATH = "/v1/applications/decision"


def test_a_client_of_the_mart_is_decided_on_by_the_features_that_the_mart_holds(api: TestClient) -> None:
    features = api.get("/v1/clients/100001").json()["features"]
    answer = api.post("/v1/clients/100001/decision").json()
    by_hand = ask(api, "/v1/predict", features)
    assert {**alike(answer), "source": None} == {**alike(by_hand), "source": None}
    assert by_hand["source"]["origin"] == "request"
    assert answer["source"]["origin"] == "mart"
    assert answer["source"]["cohort"] == "2024-03"
    assert 0 <= answer["source"]["age_days"] < 1
    assert answer["source"]["empty_tables"] == []  # a mart without counts knows of none


def test_an_unknown_client_is_not_decided_on(api: TestClient) -> None:
    refused(api.post("/v1/clients/424242/decision"), 404)
    refused(api.post("/v1/clients/0/decision"), 422)


def test_an_application_and_its_history_become_features_by_the_marts_own_sql(api: TestClient) -> None:
    application = {"SK_ID_CURR": 7, "AMT_CREDIT": 300_000, "AMT_INCOME_TOTAL": 120_000.0, "EXT_SOURCE_2": 0.3}
    answer = api.post(PATH, json={"application": application, "history": {"bureau": [{"SK_ID_BUREAU": 1}]}}).json()
    expected = {"AMT_CREDIT": 300_000, "AMT_INCOME_TOTAL": 120_000, "EXT_SOURCE_2": 0.3, "CREDIT_TO_INCOME": 2.5}
    by_hand = ask(api, "/v1/predict", expected)
    assert {**alike(answer), "source": None} == {**alike(by_hand), "source": None}
    assert answer["source"]["origin"] == "records"
    assert answer["source"]["empty_tables"] == [name for name in TABLE_NAMES[1:] if name != "bureau"]
    assert api.get(f"/v1/decisions/{answer['decision_id']}").json()["client"] == 7


def test_the_example_of_an_application_can_be_decided_on(api: TestClient) -> None:
    (example,) = api.get("/openapi.json").json()["components"]["schemas"]["ApplicationBody"]["examples"]
    assert api.post(PATH, json=example).status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "application", "is required"),
        ({"application": []}, "application", "must be a JSON object"),
        ({"application": {}, "histories": {}}, "histories", "is not a field of this request"),
        ({"application": {"AMT_CREDIT": SECRET}}, "application.AMT_CREDIT", "is not a number"),
        ({"application": {"AMT_CREDIT": True}}, "application.AMT_CREDIT", "must be a number, a text or null"),
        ({"application": {"AMT_CREDIT": [1]}}, "application.AMT_CREDIT", "must be a number, a text or null"),
        ({"application": {"AMT_CREDIT": 10**400}}, "application.AMT_CREDIT", "must be a finite number"),
        ({"application": {"CODE_GENDER": "F" * 201}}, "application.CODE_GENDER", "must be at most 200 characters long"),
        ({"application": {"SHOE_SIZE": 43}}, "application.SHOE_SIZE", "is no column of application"),
        ({"application": {}, "history": {"bureau": {}}}, "history.bureau", "must be a list"),
        (
            {"application": {}, "history": {"bureau": [{"SK_ID_BUREAU": 1}, {"DAYS_CREDIT": -1}]}},
            "history.bureau.1.SK_ID_BUREAU",
            "has no value, and rows are told apart by it",
        ),
        (
            {"application": {}, "history": {"bureau": [{"SK_ID_BUREAU": 1}, {"SK_ID_BUREAU": 1}]}},
            "history.bureau",
            "holds two rows with the same SK_ID_BUREAU",
        ),
    ],
)
def test_what_is_wrong_with_a_record_is_a_problem_of_its_field(
    api: TestClient, body: Any, field: str, words: str
) -> None:
    assert refused(api.post(PATH, json=body))["errors"] == [{"field": field, "problem": words}]


def test_every_record_that_is_wrong_is_named_at_once(api: TestClient) -> None:
    body = {"application": {"AMT_CREDIT": SECRET, "SHOE_SIZE": 43}, "history": {"pets": []}}
    assert len(refused(api.post(PATH, json=body))["errors"]) == 3


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "", "en"),
        ("?language=fr", "", "fr"),
        ("?language=fr", "en", "fr"),
        ("", "fr", "fr"),
        ("", "fr-CA, en;q=0.5", "fr"),
        ("", "de, en;q=0.3, fr;q=0.7", "fr"),
        ("", "fr;q=0, *", "en"),
        ("", "de", "en"),
        ("", "fr;q=much, \x01;;", "en"),
    ],
)
def test_reasons_are_in_the_language_asked_for(api: TestClient, query: str, accepted: str, language: str) -> None:
    answer = api.post(f"/v1/predict{query}", json={"features": BAD}, headers={"Accept-Language": accepted}).json()
    assert answer["language"] == language
    assert 1 <= len(answer["reasons"]) <= 4
    occupation = {"en": "Occupation", "fr": "Profession"}
    assert occupation[language] in str(answer["reasons"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("language=de", "query.language"),
        ("language=", "query.language"),
        ("reasons=5", "query.reasons"),
        ("reasons=-1", "query.reasons"),
        ("reasons=" + SECRET, "query.reasons"),
    ],
)
def test_a_wish_that_can_not_be_met_is_refused(api: TestClient, query: str, field: str) -> None:
    assert refused(api.post(f"/v1/predict?{query}", json={"features": {}}))["errors"][0]["field"] == field


def test_as_many_reasons_as_asked_for_are_given(api: TestClient) -> None:
    assert [len(ask(api, f"/v1/predict?reasons={n}", BAD)["reasons"]) for n in (0, 1)] == [0, 1]


def test_families_add_up_to_what_their_features_do(api: TestClient) -> None:
    answer = ask(api, "/v1/explain", BAD)
    features = sum(c["contribution"] for c in answer["contributions"])
    assert sum(f["contribution"] for f in answer["families"]) == pytest.approx(features, abs=1e-12)
    strength = [abs(f["contribution"]) for f in answer["families"]]
    assert strength == sorted(strength, reverse=True)


def outcome(**about: Any) -> dict[str, Any]:
    return {"defaulted": True, "observed_on": "2199-12-31", "source": "collections", **about}


def report(api: TestClient, *outcomes: dict[str, Any]) -> Any:
    return api.post("/v1/outcomes", json={"outcomes": list(outcomes)})


def test_outcomes_are_put_on_record_by_decision_and_by_client(api: TestClient) -> None:
    first = ask(api, "/v1/predict", BAD)["decision_id"]
    older, newer = (ask(api, "/v1/predict", GOOD, sk_id_curr=9)["decision_id"] for _ in range(2))
    receipts = report(api, outcome(decision_id=first), outcome(sk_id_curr=9, defaulted=False)).json()
    assert [receipt["decision_id"] for receipt in receipts] == [first, newer]
    assert api.get(f"/v1/decisions/{first}").json()["outcome"] == {
        "defaulted": True,
        "observed_on": "2199-12-31",
        "source": "collections",
    }
    assert api.get(f"/v1/decisions/{newer}").json()["outcome"]["defaulted"] is False
    assert api.get(f"/v1/decisions/{older}").json()["outcome"] is None


def test_an_outcome_reported_again_is_no_new_entry_and_another_one_corrects_it(api: TestClient) -> None:
    number = ask(api, "/v1/predict", BAD)["decision_id"]
    first, again = (report(api, outcome(decision_id=number)).json() for _ in range(2))
    assert first == again
    assert report(api, outcome(decision_id=number, defaulted=False)).json()[0]["sequence"] > first[0]["sequence"]
    assert api.get(f"/v1/decisions/{number}").json()["outcome"]["defaulted"] is False


def test_outcomes_of_which_one_is_about_nothing_on_record_are_refused_whole(api: TestClient) -> None:
    number = ask(api, "/v1/predict", BAD, sk_id_curr=9)["decision_id"]
    too_early = outcome(sk_id_curr=9, observed_on="1999-01-01")
    problem = refused(report(api, outcome(decision_id=number), outcome(decision_id="unknown"), too_early))
    assert [e["field"] for e in problem["errors"]] == ["outcomes.1.decision_id", "outcomes.2.sk_id_curr"]
    assert api.get(f"/v1/decisions/{number}").json()["outcome"] is None


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        (outcome(), "outcomes.0", "must name either a decision_id or an sk_id_curr"),
        (outcome(decision_id="1", sk_id_curr=1), "outcomes.0", "must name either a decision_id or an sk_id_curr"),
        (outcome(sk_id_curr="1"), "outcomes.0.sk_id_curr", "must be a whole number"),
        (outcome(sk_id_curr=1, defaulted="yes"), "outcomes.0.defaulted", "must be true or false"),
        (outcome(sk_id_curr=1, observed_on=SECRET), "outcomes.0.observed_on", "must be a date, as 2025-03-31"),
        (outcome(sk_id_curr=1, source=""), "outcomes.0.source", "must be at least 1 characters long"),
    ],
)
def test_an_outcome_that_is_none_is_refused_by_name(api: TestClient, wrong: Any, field: str, words: str) -> None:
    assert refused(report(api, wrong))["errors"] == [{"field": field, "problem": words}]


def test_outcomes_are_asked_for_between_one_and_a_thousand(api: TestClient) -> None:
    assert refused(report(api))["errors"] == [{"field": "outcomes", "problem": "must have at least 1 entries"}]
    assert refused(report(api, *[{}] * 1001))["errors"][0]["problem"] == "must have at most 1000 entries"
