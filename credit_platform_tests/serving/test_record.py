"""Decisions on record: each one before its answer leaves, found again, made again to the bit, and none without it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local, write_lake
from credit_platform_tests.serving.registries import Registry
from credit_platform_tests.serving.server import until
from credit_platform_tests.serving.test_decisions import BAD, GOOD, ask
from serving.app import create_app
from serving.decisions.erasure import erase
from serving.decisions.errors import DecisionLogBusyError, DecisionLogError
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

APPLICATION = {"application": {"SK_ID_CURR": 7, "AMT_CREDIT": 450000, "EXT_SOURCE_2": 0.1}}


@pytest.fixture
def registry(version_folder: Path) -> Registry:
    return Registry(version_folder, champion="3")


@pytest.fixture
def api(settings: Settings, registry: Registry) -> Iterator[TestClient]:
    write_lake(settings)
    with local(create_app(settings, registry=registry, patience=0.01)) as client:
        yield client


def record_of(api: TestClient, answer: dict[str, Any]) -> dict[str, Any]:
    found = api.get(f"/v1/decisions/{answer['decision_id']}")
    assert found.status_code == 200, found.text
    record: dict[str, Any] = found.json()
    return record


def test_an_answer_and_its_record_say_the_same(api: TestClient) -> None:
    answer = api.post(
        "/v1/predict?language=fr",
        json={"features": BAD, "sk_id_curr": 100_002},
        headers={"X-Request-ID": "branch-7.42"},
    ).json()
    record = record_of(api, answer)
    same = ("probability_of_default", "score", "grade", "decision", "threshold", "model_version", "language", "source")
    assert {name: record[name] for name in same} == {name: answer[name] for name in same}
    assert record["inputs"] == BAD
    assert (record["client"], record["request_id"], record["kind"]) == (100_002, "branch-7.42", "predict")
    assert (record["caller"], record["model_name"], record["erased"]) == ("local", "credit_scoring_model", False)
    reasons = [{"code": r["code"], "contribution": r["contribution"]} for r in answer["reasons"]]
    assert record["reasons"] == reasons
    assert reasons
    assert datetime.fromisoformat(record["at"]) <= datetime.now(UTC)


def test_every_endpoint_that_decides_leaves_a_record_that_can_be_replayed_to_the_bit(api: TestClient) -> None:
    answers = [
        ask(api, "/v1/predict", BAD),
        ask(api, "/v1/predict", {}),
        ask(api, "/v1/predict", {**GOOD, "OCCUPATION_TYPE": "Astronauts"}),
        ask(api, "/v1/explain", BAD, top=2),
        api.post("/v1/predict?reasons=0", json={"features": BAD}).json(),
        api.post("/v1/clients/100001/decision?language=fr").json(),
        api.post("/v1/applications/decision", json=APPLICATION).json(),
    ]
    kinds = ["predict", "predict", "predict", "explain", "predict", "client", "application"]
    for answer, kind in zip(answers, kinds, strict=True):
        assert record_of(api, answer)["kind"] == kind
        replay = api.post(f"/v1/decisions/{answer['decision_id']}/replay").json()
        assert replay["identical"], replay["differences"]
        assert replay["reasons"] == answer["reasons"]
        assert replay["probability_of_default"] == answer["probability_of_default"]


def test_a_replay_is_by_the_version_that_decided_and_not_by_the_one_in_force(
    api: TestClient, registry: Registry
) -> None:
    first = ask(api, "/v1/predict", BAD)
    registry.thresholds["4"] = 0.9
    registry.aliases["champion"] = "4"
    until(lambda: api.get("/v1/health").json()["model_version"] == "4")
    second = ask(api, "/v1/predict", BAD)
    assert (first["model_version"], first["decision"]) == ("3", "refuse")
    assert second["model_version"] == "4"
    for answer in (first, second):
        replay = api.post(f"/v1/decisions/{answer['decision_id']}/replay").json()
        assert replay["identical"]
        assert (replay["model_version"], replay["decision"]) == (answer["model_version"], answer["decision"])


def test_a_version_that_is_no_longer_what_decided_is_told_apart_field_by_field(
    api: TestClient, registry: Registry
) -> None:
    answer = ask(api, "/v1/predict", BAD)
    registry.aliases["champion"] = "4"
    until(lambda: api.get("/v1/health").json()["model_version"] == "4")
    registry.thresholds["3"] = 0.999
    replay = api.post(f"/v1/decisions/{answer['decision_id']}/replay").json()
    assert not replay["identical"]
    assert {d["field"]: (d["recorded"], d["replayed"]) for d in replay["differences"]} == {
        "threshold": (0.3, 0.999),
        "decision": ("refuse", "approve"),
    }


def test_a_version_that_the_registry_has_no_more_is_said(api: TestClient, registry: Registry) -> None:
    answer = ask(api, "/v1/predict", BAD)
    registry.aliases["champion"] = "4"
    until(lambda: api.get("/v1/health").json()["model_version"] == "4")
    registry.gone.add("3")
    refused = api.post(f"/v1/decisions/{answer['decision_id']}/replay")
    assert refused.status_code == 409
    assert "Version 3" in refused.json()["detail"]


def test_the_decisions_on_a_client_come_newest_first_and_in_pages(api: TestClient) -> None:
    made = [api.post("/v1/clients/100001/decision").json()["decision_id"] for _ in range(3)]
    ask(api, "/v1/predict", BAD, sk_id_curr=100_002)
    page = api.get("/v1/clients/100001/decisions?limit=2").json()
    rest = api.get(f"/v1/clients/100001/decisions?limit=2&before={page['before']}").json()
    assert [d["decision_id"] for d in page["decisions"] + rest["decisions"]] == made[::-1]
    assert rest["before"] is None
    assert api.get("/v1/clients/424242/decisions").json() == {"decisions": [], "before": None}


def test_after_an_erasure_the_decision_is_there_but_nothing_of_the_client(api: TestClient, settings: Settings) -> None:
    answer = ask(api, "/v1/predict", BAD, sk_id_curr=100_002)
    with DecisionLog.open(settings) as log:
        erase(log, 100_002, "the data protection officer")
    record = record_of(api, answer)
    assert record["erased"]
    assert (record["client"], record["inputs"], record["reasons"], record["source"]) == (None, None, None, None)
    assert record["probability_of_default"] == answer["probability_of_default"]
    assert api.post(f"/v1/decisions/{answer['decision_id']}/replay").status_code == 410
    assert api.get("/v1/clients/100002/decisions").json()["decisions"] == []


def test_an_unknown_decision_is_a_clear_404(api: TestClient) -> None:
    for path in ("/v1/decisions/nowhere", "/v1/decisions/01a210cf-66f5-7610-bddb-297fae188279"):
        assert api.get(path).status_code == api.post(f"{path}/replay").status_code == 404
        assert api.get(path).json()["detail"] == "No decision of this id is on record."


DECIDING = [
    ("/v1/predict", {"features": BAD}),
    ("/v1/explain", {"features": BAD}),
    ("/v1/clients/100001/decision", None),
    ("/v1/applications/decision", APPLICATION),
]


@pytest.mark.parametrize(("path", "body"), DECIDING)
@pytest.mark.parametrize(("error", "wait"), [(DecisionLogError, "5"), (DecisionLogBusyError, "1")])
def test_a_decision_that_can_not_be_recorded_is_not_given(
    api: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, body: Any, error: type[Exception], wait: str
) -> None:
    async def fails(*_: object) -> None:
        raise error("no space left on s3cr3t")

    monkeypatch.setattr(DecisionLog, "record_async", fails)
    answer = api.post(path, json=body)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == wait
    assert answer.json()["type"] == "urn:credit-platform:problem:not-recorded"
    assert "probability" not in answer.text
    assert "s3cr3t" not in answer.text
    assert "credit_decision_log_failures_total 1.0" in api.get("/metrics").text


def test_without_a_log_no_decision_is_given_until_there_is_one(settings: Settings, registry: Registry) -> None:
    in_the_way = settings.data_dir / "decisions"
    in_the_way.write_text("no folder")
    with local(create_app(settings, registry=registry, patience=0.01)) as api:
        assert api.post("/v1/predict", json={"features": BAD}).status_code == 503
        assert api.get("/v1/decisions/1").status_code == 503
        assert "decision log" in api.get("/v1/ready").json()["detail"]
        assert api.get("/v1/health").status_code == 200
        in_the_way.unlink()
        until(lambda: api.get("/v1/ready").status_code == 200)
        ask(api, "/v1/predict", BAD)


def test_where_recording_is_off_decisions_are_given_without_an_id(settings: Settings, registry: Registry) -> None:
    with local(create_app(settings.model_copy(update={"decisions_record": False}), registry=registry)) as api:
        answer = ask(api, "/v1/predict", BAD)
        assert answer["decision_id"] is None
        assert api.get("/v1/ready").status_code == 200
        assert api.get("/v1/decisions/1").status_code == 503
    assert not (settings.data_dir / "decisions").exists()


def test_what_was_answered_is_on_record_when_the_server_has_stopped(settings: Settings, registry: Registry) -> None:
    with local(create_app(settings, registry=registry)) as api:
        given = [ask(api, "/v1/predict", BAD)["decision_id"] for _ in range(5)]
    with DecisionLog.open(settings, create=False) as log:
        assert [record.id for record in log.since()] == given
        assert verify(log).problem is None


def test_the_log_of_the_server_names_decisions_and_versions_but_no_values(
    api: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        answer = ask(api, "/v1/predict", {**BAD, "AMT_CREDIT": 987_654}, sk_id_curr=100_002)
    fields = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert {"model_version": "3", "decision_id": answer["decision_id"]}.items() <= fields[-1].items()
    assert not any(told in json.dumps(fields) + caplog.text for told in ("987654", "100002"))


def test_decisions_are_counted_for_prometheus(api: TestClient) -> None:
    ask(api, "/v1/predict", BAD)
    text = api.get("/v1/metrics").text
    assert 'credit_decisions_total{decision="refuse",model_version="3"} 1.0' in text
    assert 'credit_model_info{name="credit_scoring_model",version="3"} 1.0' in text
    assert "credit_decision_log_seconds_count 1.0" in text
