"""Incidents over the API: listed, taken up, silenced, closed, by those who may."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from credit_platform.alerting import heartbeat, sources, watch
from credit_platform.alerting.store import AlertStore
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.messages import INCOME, SCORE
from credit_platform_tests.serving.conftest import local
from serving.app import create_app
from serving.keys import add_key

AHEAD = (watch.now() + timedelta(days=10)).isoformat()
UNTIL = {"until": AHEAD, "why": "asked the bureau", "by": "ana"}


@pytest.fixture
def incidents(settings: Settings) -> list[str]:
    """Ids of a critical incident and a suspected one."""
    watch.observe(settings, [sources.run_from("2025-03", [INCOME, replace(SCORE, column="EXT_SOURCE_2")])])
    with AlertStore.of(settings) as store, store.reading() as read:
        return [incident.id for incident in sorted(read.incidents(), key=lambda i: i.severity)]


def test_without_any_incident_there_are_none(api: TestClient) -> None:
    found = api.get("/v1/alerts").json()
    assert found == {"alerts": [], "before": None, "useful": 0, "noise": 0, "heartbeat_at": None}
    assert api.get("/v1/alerts/nothing").status_code == 404


def test_open_incidents_are_listed_and_others_when_asked_for(
    api: TestClient, incidents: list[str], settings: Settings
) -> None:
    heartbeat.beat(settings, watch.now())
    answer = api.get("/v1/alerts").json()
    assert answer["heartbeat_at"]
    (alert,) = answer["alerts"]
    assert (alert["id"], alert["kind"], alert["severity"]) == (incidents[0], "quality", "critical")
    assert alert["sentence"] == INCOME.sentence
    assert [a["id"] for a in api.get("/v1/alerts?status=suspected").json()["alerts"]] == [incidents[1]]
    assert len(api.get("/v1/alerts?status=all").json()["alerts"]) == 2


def test_an_incident_is_taken_up_silenced_and_closed_and_its_history_says_so(
    api: TestClient, incidents: list[str]
) -> None:
    path = f"/v1/alerts/{incidents[0]}"
    taken = api.post(f"{path}/acknowledge", json=UNTIL).json()
    assert taken["acknowledged"]["by"] == "ana (key local)"
    assert api.post(f"{path}/snooze", json=UNTIL).json()["snoozed"]["why"] == "asked the bureau"
    closed = api.post(f"{path}/resolve", json={"verdict": "useful", "why": "mended"}).json()
    assert (closed["status"], closed["verdict"], closed["resolved"]["by"]) == ("resolved", "useful", "local")
    history = api.get(path).json()["history"]
    assert [event["kind"] for event in history] == ["opened", "acknowledged", "snoozed", "resolved"]
    again = api.post(f"{path}/acknowledge", json=UNTIL)
    assert again.status_code == 409
    assert again.json()["type"].endswith("already-resolved")
    assert api.get("/v1/alerts").json()["useful"] == 1


@pytest.mark.parametrize(
    ("action", "body", "detail"),
    [
        ("acknowledge", {"until": "2020-01-01T00:00:00Z", "why": "x"}, "has to lie ahead, within a year"),
        ("snooze", {"until": "2999-01-01T00:00:00Z", "why": "x"}, "has to lie ahead, within a year"),
        ("snooze", {"until": "2999-01-01T00:00:00", "why": "x"}, "must be a time with its zone"),
        ("acknowledge", {"until": AHEAD}, "why is required"),
        ("acknowledge", {"until": AHEAD, "why": "\u0000 "}, "a name and a reason are needed"),
        ("resolve", {"verdict": "maybe", "why": "x"}, "must be 'useful' or 'noise'"),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    action: str, body: dict[str, str], detail: str, api: TestClient, incidents: list[str]
) -> None:
    answer = api.post(f"/v1/alerts/{incidents[0]}/{action}", json=body)
    assert answer.status_code == 422
    assert detail.lower() in answer.json()["detail"].lower()


def test_keys_without_the_scope_are_refused(settings: Settings, scorer: Scorer, incidents: list[str]) -> None:
    keys = {scope: add_key(settings.keys_file, scope, [scope], None)[1] for scope in ("score", "review", "admin")}
    with local(create_app(settings, lambda: scorer)) as api:
        found = {scope: api.get("/v1/alerts", headers={"X-API-Key": key}).status_code for scope, key in keys.items()}
        assert found == {"score": 403, "review": 200, "admin": 200}
        path = f"/v1/alerts/{incidents[0]}/acknowledge"
        assert api.post(path, json=UNTIL, headers={"X-API-Key": keys["score"]}).status_code == 403
        done = api.post(path, json={**UNTIL, "by": None}, headers={"X-API-Key": keys["review"]})
        assert done.json()["acknowledged"]["by"] == "review"


def test_a_store_that_cannot_be_read_is_said_so(settings: Settings, scorer: Scorer, incidents: list[str]) -> None:
    (settings.monitoring_dir / "alerts.db").write_bytes(b"no database at all" * 100)
    with local(create_app(settings, lambda: scorer)) as api:
        answer = api.get("/v1/alerts")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("no-alerts")
