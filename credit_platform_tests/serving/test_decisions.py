"""What /predict, /explain, /model and OpenAPI answer to good requests."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.serving.conftest import SCHEMA, THRESHOLD

GOOD = {"EXT_SOURCE_2": 0.95, "AMT_CREDIT": 100_000, "OCCUPATION_TYPE": "Managers"}
BAD = {"EXT_SOURCE_2": 0.02, "AMT_CREDIT": 1_900_000.0, "OCCUPATION_TYPE": "Laborers"}


ITS_OWN = ("decision_id", "request_id")
"""What no two answers share."""


def ask(api: TestClient, path: str, features: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = api.post(path, json={"features": features, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def alike(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ITS_OWN}


def test_health_names_the_model_in_force(api: TestClient) -> None:
    assert api.get("/health").json() == {
        "status": "ok",
        "model_name": "credit_scoring_model",
        "model_version": "3",
        "threshold": THRESHOLD,
        "training_cohorts": ["2024-01", "2024-02"],
    }


def test_model_tells_what_each_feature_is_and_what_errors_cost(api: TestClient) -> None:
    model = api.get("/model").json()
    assert [f["name"] for f in model["features"]] == SCHEMA.names
    assert model["features"][0]["meaning"] == "Score of the second bureau"
    assert model["features"][5]["categories"] == ["Cash loans", "Revolving loans"]
    assert model["threshold"]["costs"] == {"false_negative": 10, "false_positive": 1}


def test_a_low_risk_is_approved_and_a_high_risk_refused(api: TestClient) -> None:
    good, bad = ask(api, "/predict", GOOD), ask(api, "/predict", BAD)
    assert good["decision"] == "approve"
    assert good["probability_of_default"] < THRESHOLD
    assert bad["decision"] == "refuse"
    assert bad["probability_of_default"] >= THRESHOLD
    assert good["threshold"] == THRESHOLD
    assert good["model_version"] == "3"


def test_the_answer_is_the_scorers_to_the_last_bit(api: TestClient, scorer: Scorer) -> None:
    assert ask(api, "/predict", BAD)["probability_of_default"] == float(scorer.probabilities([BAD])[0])


def test_features_not_sent_and_features_sent_as_null_are_missing_alike(api: TestClient) -> None:
    absent, null = ask(api, "/predict", GOOD), ask(api, "/predict", {**dict.fromkeys(SCHEMA.names), **GOOD})
    assert alike(absent) == alike(null)
    assert absent["missing_features"] == ["AMT_INCOME_TOTAL", "DAYS_BIRTH", "CREDIT_TO_INCOME", "NAME_CONTRACT_TYPE"]


def test_nothing_known_is_still_a_decision(api: TestClient) -> None:
    assert ask(api, "/predict", {})["missing_features"] == SCHEMA.names


def test_an_unknown_category_is_scored_and_reported(api: TestClient) -> None:
    answer = ask(api, "/predict", {**GOOD, "OCCUPATION_TYPE": "Astronauts \x00 ☃", "NAME_CONTRACT_TYPE": "Cash loans"})
    assert answer["unknown_categories"] == ["OCCUPATION_TYPE"]
    assert ask(api, "/predict", GOOD)["unknown_categories"] == []


def test_the_example_of_the_model_can_be_predicted(api: TestClient) -> None:
    example = api.get("/model").json()["example"]
    assert ask(api, "/predict", example)["missing_features"] == []


def test_explanations_add_up_and_come_strongest_first(api: TestClient) -> None:
    answer = ask(api, "/explain", BAD)
    parts = [c["contribution"] for c in answer["contributions"]]
    assert len(parts) == len(SCHEMA.features)
    assert [abs(p) for p in parts] == sorted((abs(p) for p in parts), reverse=True)
    assert answer["baseline"] + sum(parts) == pytest.approx(answer["margin"], abs=1e-12)
    assert 1 / (1 + math.exp(-answer["margin"])) == pytest.approx(answer["probability_of_default"], abs=1e-9)
    assert {k: answer[k] for k in ("probability_of_default", "decision")} == {
        k: ask(api, "/predict", BAD)[k] for k in ("probability_of_default", "decision")
    }
    credit = next(c for c in answer["contributions"] if c["feature"] == "AMT_CREDIT")
    assert credit["value"] == 1_900_000
    assert credit["meaning"] == "Amount of the loan applied for"


def test_top_keeps_the_strongest_and_sums_up_the_others(api: TestClient) -> None:
    everything, some = ask(api, "/explain", BAD), ask(api, "/explain", BAD, top=2)
    assert some["contributions"] == everything["contributions"][:2]
    left_out = sum(c["contribution"] for c in everything["contributions"][2:])
    assert some["others"] == pytest.approx(left_out, abs=1e-12)
    assert everything["others"] == 0


def test_decisions_asked_for_at_once_do_not_disturb_each_other(api: TestClient) -> None:
    alone = {score: ask(api, "/explain", {**BAD, "EXT_SOURCE_2": score}) for score in (0.1, 0.4, 0.7, 0.9)}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda s: (s, ask(api, "/explain", {**BAD, "EXT_SOURCE_2": s})), list(alone) * 10))
    assert all(alike(answer) == alike(alone[score]) for score, answer in together)


def test_openapi_names_the_features_with_types_and_an_example(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    reference = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schemas = document["components"]["schemas"]
    body = schemas[reference.rpartition("/")[2]]
    features = schemas["Features"]
    assert list(features["properties"]) == SCHEMA.names
    assert features["additionalProperties"] is False
    assert features["properties"]["AMT_CREDIT"]["anyOf"] == [{"type": "number"}, {"type": "null"}]
    assert "45000 to 2e+06" in features["properties"]["AMT_CREDIT"]["description"]
    assert features["properties"]["OCCUPATION_TYPE"]["examples"] == ["Drivers", "Laborers", "Managers", "(missing)"]
    ask(api, "/predict", body["examples"][0]["features"])


def test_every_reference_of_openapi_is_defined(api: TestClient) -> None:
    document = api.get("/openapi.json")
    names = {part.partition('"')[0] for part in document.text.split("#/components/schemas/")[1:]}
    assert names
    assert names <= set(document.json()["components"]["schemas"])
