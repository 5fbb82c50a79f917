"""What is told about requests: in the answer, in the log, in the metrics. And what never is."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from credit_platform.settings import Settings
from credit_platform_tests.serving.small import lines, small, value_of
from serving.keys import add_key
from serving.logs import JsonLines, TextLines
from serving.metrics import FOLDER, Metrics

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """All that was logged since the last call, as the server writes it in JSON."""
    caplog.handler.setFormatter(JsonLines())
    with caplog.at_level(logging.INFO):
        yield lambda: [line for line in lines(caplog.text) if line["logger"].startswith("serving")]


def test_a_request_is_one_line_with_its_route_and_caller(settings: Settings, logged: Any) -> None:
    _, key = add_key(settings.keys_file, "reviewer", ["review"])
    with small(settings) as (_, api):
        api.get("/people/100001?name=Ada", headers={"X-API-Key": key, "X-Request-ID": "abc-1"})
    (line,) = (line for line in logged() if line["logger"] == "serving.requests")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    assert line["ms"] > 0
    assert {name: line[name] for name in line.keys() - {"time", "ms", "message"}} == {
        "level": "info",
        "logger": "serving.requests",
        "request_id": "abc-1",
        "method": "GET",
        "route": "/people/{number}",
        "status": 200,
        "caller": "reviewer",
        "model_version": "7",
        "decision_id": "d-1",
    }


def test_no_log_line_tells_paths_queries_bodies_or_keys(settings: Settings, logged: Any) -> None:
    _, key = add_key(settings.keys_file, "ui", ["score"])
    with small(settings) as (_, api):
        headers = {"X-API-Key": key}
        api.get("/people/100001", headers=headers)
        api.get("/nowhere/100001?client=100001", headers=headers)
        api.post("/predict?client=100001", content=b"100001", headers=headers)
        api.get("/fail", headers=headers)
        api.get("/caller", headers={"X-API-Key": f"{key}100001"})
    told = json.dumps(logged())
    assert '"route": "unknown"' in told
    assert "small.py" in told
    assert "100001" not in told
    assert key.split("_")[2] not in told


def test_a_refusal_is_logged_by_its_kind(settings: Settings, logged: Any) -> None:
    add_key(settings.keys_file, "ui", ["score"])
    with small(settings) as (_, api):
        api.get("/caller")
    assert logged()[-1]["refusal"] == "unauthorised"
    assert "caller" not in logged()[-1]


@pytest.mark.parametrize("given", ["a", "0f-9.B_c", "x" * 64])
def test_a_well_formed_request_id_is_kept(settings: Settings, given: str) -> None:
    with small(settings) as (_, api):
        answer = api.get("/caller", headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "-a", "a\tb", "ä".encode()])
def test_any_other_request_id_is_replaced(settings: Settings, given: str | bytes) -> None:
    with small(settings) as (_, api):
        answer = api.get("/caller", headers={"X-Request-ID": given})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_an_error_is_logged_under_the_id_that_the_client_was_told(settings: Settings, logged: Any) -> None:
    with small(settings) as (_, api):
        request_id = api.get("/fail").headers["x-request-id"]
    (error,) = (line for line in logged() if line["level"] == "error")
    assert error["request_id"] == request_id
    assert error["message"].startswith("RuntimeError at small.py:")


def test_the_log_for_people_has_the_same_on_a_line(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(TextLines())
    with small(settings) as (_, api), caplog.at_level(logging.INFO):
        api.get("/people/100001", headers={"X-Request-ID": "abc-1"})
    assert re.search(
        r"^\d\d:\d\d:\d\d\.\d{3} INFO +GET /people/\{number\} 200 [\d.]+ ms +\[abc-1\]$", caplog.text, re.M
    )


def test_requests_and_refusals_are_counted_by_route(settings: Settings) -> None:
    _, key = add_key(settings.keys_file, "prometheus", ["metrics"])
    with small(settings) as (_, api):
        headers = {"X-API-Key": key}
        for number in (1, 2):
            api.get(f"/people/{number}", headers=headers)
        api.request("BREW", "/caller", headers=headers)
        api.get("/caller")
        scraped = json.loads(api.get("/metrics", headers=headers).text)
    count = "credit_http_request_seconds_count"
    assert value_of(scraped, f'{count}{{method="GET",route="/people/{{number}}",status="403"}}') == 2
    assert value_of(scraped, f'{count}{{method="other",route="/caller",status="405"}}') == 1
    assert value_of(scraped, 'credit_http_refused_total{reason="forbidden"}') == 2
    assert value_of(scraped, 'credit_http_refused_total{reason="unauthorised"}') == 1
    assert value_of(scraped, "credit_http_in_flight") == 1


def test_decisions_the_model_and_the_log_are_measured() -> None:
    metrics = Metrics()
    metrics.serves("credit", "7")
    metrics.decided("approve", 0.02, "7")
    metrics.decided("refuse", 0.6, "7")
    metrics.serves("credit", "8")
    metrics.recorded(0.004, 3)
    metrics.not_recorded()
    text = metrics.text().decode()
    assert value_of(text, 'credit_decisions_total{decision="approve",model_version="7"}') == 1
    assert value_of(text, 'credit_probability_of_default_bucket{le="0.02",model_version="7"}') == 1
    assert value_of(text, 'credit_probability_of_default_sum{model_version="7"}') == pytest.approx(0.62)
    assert value_of(text, 'credit_model_info{name="credit",version="7"}') == 0
    assert value_of(text, 'credit_model_info{name="credit",version="8"}') == 1
    assert value_of(text, "credit_decision_log_seconds_count") == 1
    assert value_of(text, "credit_decision_log_waiting") == 3
    assert value_of(text, "credit_decision_log_failures_total") == 1
    assert {family.name for family in text_string_to_metric_families(text)} >= {"credit_decisions", "credit_model_info"}


def test_two_applications_in_one_process_count_apart(settings: Settings) -> None:
    with small(settings) as (one, api), small(settings) as (other, _):
        api.get("/caller")
        count = 'credit_http_request_seconds_count{method="GET",route="/caller",status="200"}'
        assert value_of(one.metrics.text().decode(), count) == 1
        assert value_of(other.metrics.text().decode(), count) == 0


def test_several_workers_are_scraped_as_one_and_dead_ones_no_longer_serve(tmp_path: Path) -> None:
    worker = """
import sys
from serving.metrics import Metrics
metrics = Metrics()
metrics.serves("credit", "7")
metrics.decided("approve", 0.1, "7")
if sys.argv[1] == "leaves":
    metrics.close()
if sys.argv[1] == "scrapes":
    print(metrics.text().decode())
"""
    for how in ("leaves", "is killed", "scrapes"):
        ran = subprocess.run(
            [sys.executable, "-c", worker, how],
            cwd=REPOSITORY,
            env={FOLDER: str(tmp_path), "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert value_of(ran.stdout, 'credit_decisions_total{decision="approve",model_version="7"}') == 3
    assert value_of(ran.stdout, 'credit_model_info{name="credit",version="7"}') == 1
