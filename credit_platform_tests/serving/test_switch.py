"""A new champion under load, a bad one, a challenger in the shadow, and a server that is killed at work."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local, write_lake
from credit_platform_tests.serving.registries import Registry
from credit_platform_tests.serving.server import serve, until
from credit_platform_tests.serving.test_decisions import BAD, ask
from serving.app import create_app
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

REPOSITORY = Path(__file__).parents[2]
CALLERS = 4


@pytest.fixture
def registry(version_folder: Path) -> Registry:
    """Three versions that differ by their cut-off."""
    found = Registry(version_folder, champion="3")
    found.thresholds |= {"3": 0.3, "4": 0.4, "5": 0.5}
    return found


@contextmanager
def asking(url: str) -> Iterator[list[httpx.Response]]:
    """Callers who ask without a pause while the block runs; what they were answered."""
    answers: list[httpx.Response] = []
    enough = threading.Event()

    def call() -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            while not enough.is_set():
                try:
                    answers.append(client.post("/v1/predict", json={"features": BAD}))
                except httpx.TransportError:  # the server was killed
                    return

    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call) for _ in range(CALLERS)]
        try:
            yield answers
        finally:
            enough.set()
        for done in calls:
            done.result()


def count_of(answers: list[httpx.Response], version: str) -> int:
    return sum(answer.json().get("model_version") == version for answer in list(answers))


def test_two_switches_of_the_champion_under_load_fail_no_request_and_each_answer_names_its_version(
    settings: Settings, registry: Registry
) -> None:
    with serve(create_app(settings, registry=registry, patience=0.01)) as url, asking(url) as answers:
        for version in ("3", "4", "5"):
            registry.aliases["champion"] = version
            until(lambda: count_of(answers, version) > 2 * CALLERS, 60)  # noqa: B023 - called within the turn
    assert {answer.status_code for answer in answers} == {200}
    assert {(a.json()["model_version"], a.json()["threshold"]) for a in answers} == {("3", 0.3), ("4", 0.4), ("5", 0.5)}
    with DecisionLog.open(settings, create=False) as log:
        recorded = {record.id: record.decision for record in log.since(personal=False)}
        assert verify(log).problem is None
    assert {a.json()["decision_id"]: a.json()["model_version"] for a in answers} == {
        number: decision.version for number, decision in recorded.items()
    }


def test_requests_do_not_wait_for_a_version_that_is_being_loaded(settings: Settings, registry: Registry) -> None:
    load, arrived, go_on = registry.load, threading.Event(), threading.Event()

    def slow(number: str) -> Scorer:
        if number == "4":
            arrived.set()
            assert go_on.wait(60)
        return load(number)

    registry.load = slow  # type: ignore[method-assign, assignment]
    with local(create_app(settings, registry=registry, patience=0.01)) as api:
        registry.aliases["champion"] = "4"
        assert arrived.wait(60)
        assert ask(api, "/v1/predict", BAD)["model_version"] == "3"
        go_on.set()
        until(lambda: api.get("/v1/health").json()["model_version"] == "4")


def test_a_bad_version_is_refused_once_and_the_old_one_goes_on(
    settings: Settings, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    with local(create_app(settings, registry=registry, patience=0.01)) as api:
        registry.broken.add("4")
        registry.aliases["champion"] = "4"
        until(lambda: "4" in registry.loaded)
        for _ in range(20):
            assert ask(api, "/v1/predict", BAD)["model_version"] == "3"
        registry.aliases["champion"] = "5"
        until(lambda: api.get("/v1/health").json()["model_version"] == "5")
    assert registry.loaded == ["3", "4", "5"]
    assert "can't be loaded (ValueError)" in caplog.text


def test_a_version_that_gives_no_probability_never_takes_the_seat(
    settings: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local(create_app(settings, registry=registry, patience=0.01)) as api:
        load = registry.load

        def spoiled(number: str) -> Scorer:
            scorer = load(number)
            if number == "4":
                scorer.calibration = type(scorer.calibration)(float("nan"), 1.0)
            return scorer

        registry.load = spoiled  # type: ignore[method-assign, assignment]
        registry.aliases["champion"] = "4"
        until(lambda: "4" in registry.loaded)
        registry.aliases["champion"] = "5"
        until(lambda: api.get("/v1/health").json()["model_version"] == "5")


@contextmanager
def shadowed(settings: Settings, registry: Registry) -> Iterator[TestClient]:
    changed = settings.model_copy(update={"shadow_challenger": True})
    with local(create_app(changed, registry=registry, patience=0.01)) as api:
        yield api


def shadow_of(api: TestClient, answer: dict[str, Any]) -> Any:
    return api.get(f"/v1/decisions/{answer['decision_id']}").json()["shadow"]


def test_the_challenger_scores_the_same_client_and_both_are_on_record(settings: Settings, registry: Registry) -> None:
    registry.aliases["challenger"] = "4"
    write_lake(settings)
    with shadowed(settings, registry) as api:
        for answer in (ask(api, "/v1/predict", BAD), api.post("/v1/clients/100001/decision").json()):
            probability = answer["probability_of_default"]
            assert shadow_of(api, answer) == {"version": "4", "probability_of_default": probability}
            assert answer["model_version"] == "3"
            assert "shadow" not in answer


def test_a_champion_does_not_shadow_itself(settings: Settings, registry: Registry) -> None:
    registry.aliases["challenger"] = "3"
    with shadowed(settings, registry) as api:
        assert shadow_of(api, ask(api, "/v1/predict", BAD)) is None


def test_a_challenger_that_fails_changes_no_answer(
    settings: Settings, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    load = registry.load
    with shadowed(settings, registry) as api:
        without = ask(api, "/v1/predict", BAD)

        def failing(number: str) -> Scorer:
            scorer = load(number)
            scorer.probabilities = lambda rows: 1 / 0  # type: ignore[method-assign, assignment, return-value]
            return scorer

        registry.load = failing  # type: ignore[method-assign, assignment]
        registry.aliases["challenger"] = "4"
        until(lambda: "can't score" in (ask(api, "/v1/predict", BAD) and caplog.text))
        answer = ask(api, "/v1/predict", BAD)
        assert shadow_of(api, answer) is None
        assert answer["probability_of_default"] == without["probability_of_default"]
    assert caplog.text.count("challenger 4 can't score (ZeroDivisionError)") == 1


def test_without_shadow_mode_no_challenger_is_loaded(settings: Settings, registry: Registry) -> None:
    registry.aliases["challenger"] = "4"
    with local(create_app(settings, registry=registry, patience=0.01)) as api:
        assert shadow_of(api, ask(api, "/v1/predict", BAD)) is None
    assert registry.loaded == ["3"]


def test_after_kill_9_under_load_every_answered_decision_is_on_record(settings: Settings, version_folder: Path) -> None:
    module = "credit_platform_tests.serving.served"
    server = subprocess.Popen(
        [sys.executable, "-m", module, str(settings.data_dir), str(version_folder)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        port = int(server.stdout.readline())
        with asking(f"http://127.0.0.1:{port}") as answers:
            until(lambda: len(answers) >= 100, 60)
            server.kill()
            server.wait()
    finally:
        server.kill()
        server.wait()
        if server.stdout:
            server.stdout.close()
    assert {answer.status_code for answer in answers} == {200}
    with DecisionLog.open(settings, create=False) as log:
        recorded = {record.id: record.decision.probability_of_default for record in log.since(personal=False)}
        assert verify(log).problem is None
    given = {answer.json()["decision_id"]: answer.json()["probability_of_default"] for answer in answers}
    assert given.items() <= recorded.items()
    assert len(recorded) <= len(given) + CALLERS
