"""What the API refuses: with problem details that name the field, never repeat a value, and never with a 5xx."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from credit_platform.mart.lookup import publish_lookup
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local
from credit_platform_tests.serving.server import serve
from credit_platform_tests.tables import put, rows_of
from serving.app import create_app

SECRET = "s3cr3t-value"


def refused(answer: Any, status: int = 422) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["status"] == status
    assert SECRET not in answer.text
    return problem


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("AMT_CREDIT", json.dumps(SECRET), "must be a number or null"),
        ("AMT_CREDIT", '"120000"', "must be a number or null"),
        ("AMT_CREDIT", "true", "must be a number or null"),
        ("AMT_CREDIT", "[1]", "must be a number or null"),
        ("AMT_CREDIT", "NaN", "must be a finite number"),
        ("AMT_CREDIT", "Infinity", "must be a finite number"),
        ("AMT_CREDIT", "-Infinity", "must be a finite number"),
        ("AMT_CREDIT", "1e999", "must be a finite number"),
        ("AMT_CREDIT", "9" * 400, "must be a finite number"),
        ("OCCUPATION_TYPE", "3", "must be a text or null"),
        ("OCCUPATION_TYPE", "false", "must be a text or null"),
        ("OCCUPATION_TYPE", "{}", "must be a text or null"),
        ("OCCUPATION_TYPE", json.dumps(SECRET * 50), "must be at most 200 characters long"),
        ("AMT_CREDITS", json.dumps(SECRET), "is not a feature of this model"),
        ("", "1", "is not a feature of this model"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(
    api: TestClient, path: str, field: str, value: str, words: str
) -> None:
    problem = refused(api.post(path, content=f'{{"features": {{"EXT_SOURCE_2": 0.5, "{field}": {value}}}}}'))
    assert problem["errors"] == [{"field": f"features.{field}", "problem": words}]
    assert field in problem["detail"]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"", "body", "is not valid JSON"),
        (b'{"features": {"AMT_CREDIT": s3cr3t-value}}', "body", "is not valid JSON"),
        (b'{"features": {"OCCUPATION_TYPE": "\\ud800"}}', "body", "is not valid JSON"),
        (b'{"features": {"OCCUPATION_TYPE": "\xff\xfe"}}', "body", "is not valid JSON"),
        (b'{"features": {"AMT_CREDIT": ' + b"9" * 5000 + b"}}", "body", "is not valid JSON"),
        (b"[" * 20_000, "body", "is not valid JSON"),
        (b'{"a":' * 8_000, "body", "is not valid JSON"),
        (b"[1, 2]", "body", "must be a JSON object"),
        (b'"s3cr3t-value"', "body", "must be a JSON object"),
        (b"null", "body", "must be a JSON object"),
        (b"{}", "features", "is required"),
        (b'{"features": ["s3cr3t-value"]}', "features", "must be a JSON object"),
        (b'{"features": null}', "features", "must be a JSON object"),
        (b'{"features": {}, "client": "s3cr3t-value"}', "client", "is not a field of this request"),
        (b'{"features": {"AMT_CREDIT": 1, "AMT_CREDIT": 2}}', "features.AMT_CREDIT", "comes more than once"),
        (b'{"features": {}, "features": {}}', "features", "comes more than once"),
        (b'{"features": ' + b'{"a":' * 30 + b"1" + b"}" * 31, "features" + ".a" * 19, "is nested too deeply"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(api: TestClient, body: bytes, field: str, words: str) -> None:
    assert refused(api.post("/predict", content=body))["errors"] == [{"field": field, "problem": words}]


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ("0", "must be at least 1"),
        ("8", "must be at most 7"),
        ("true", "must be a whole number"),
        ('"3"', "must be a whole number"),
        ("2.0", "must be a whole number"),
        ("null", "must be a whole number"),
        ("9" * 40, "must be at most 7"),
    ],
)
def test_top_must_be_a_number_of_features(api: TestClient, top: str, words: str) -> None:
    problem = refused(api.post("/explain", content=f'{{"features": {{}}, "top": {top}}}'))
    assert problem["errors"] == [{"field": "top", "problem": words}]


def test_all_wrong_fields_are_named_at_once(api: TestClient) -> None:
    problem = refused(api.post("/predict", json={"features": {"AMT_CREDIT": SECRET, "OCCUPATION_TYPE": 1}}))
    assert [e["field"] for e in problem["errors"]] == ["features.AMT_CREDIT", "features.OCCUPATION_TYPE"]


def test_thousands_of_wrong_fields_get_a_short_answer(api: TestClient) -> None:
    answer = api.post("/predict", json={"features": {f"{'F' * 200}{i}": 1 for i in range(200)}})
    assert len(refused(answer)["errors"]) == 20
    assert len(answer.content) < 5_000


@pytest.mark.parametrize("path", ["/clients?limit=0", "/clients?limit=101", "/clients?limit=s3cr3t-value"])
def test_the_number_of_clients_asked_for_is_bounded(api: TestClient, path: str) -> None:
    assert refused(api.get(path))["errors"][0]["field"] == "query.limit"


@pytest.mark.parametrize("number", ["0", "-5", "1.5", SECRET, "9" * 30, "1;drop"])
def test_a_client_number_must_be_one(api: TestClient, number: str) -> None:
    assert refused(api.get(f"/clients/{number}"))["errors"][0]["field"] == "path.sk_id_curr"


def test_openapi_tells_what_any_endpoint_may_refuse(api: TestClient) -> None:
    for path, operations in api.get("/openapi.json").json()["paths"].items():
        for operation in operations.values():
            assert {"401", "403", "408", "413", "429", "503"} <= set(operation["responses"]), path


def test_unknown_paths_and_methods_are_problems_too(api: TestClient) -> None:
    refused(api.get(f"/{SECRET}"), 404)
    wrong_method = api.get("/predict")
    refused(wrong_method, 405)
    assert wrong_method.headers["allow"] == "POST"


def test_an_announced_body_over_the_limit_is_refused(api: TestClient) -> None:
    problem = refused(api.post("/predict", content=b"x" * 50_001), 413)
    assert "50,000 bytes" in problem["detail"]


def test_a_chunked_body_over_the_limit_is_refused_before_its_end(api: TestClient) -> None:
    sent = 0

    def junk() -> Iterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 10_000
            yield b"x" * 10_000

    refused(api.post("/explain", content=junk()), 413)


def test_a_body_of_exactly_the_limit_is_read(api: TestClient) -> None:
    body = b'{"features": {}}'
    assert api.post("/predict", content=body + b" " * (50_000 - len(body))).status_code == 200


def test_ten_megabytes_of_junk_are_refused_fast_and_the_server_lives(settings: Settings, scorer: Scorer) -> None:
    junk = b"\x00{[" * 3_500_000

    def chunks() -> Iterator[bytes]:
        yield from (junk[i : i + 65_536] for i in range(0, len(junk), 65_536))

    with serve(create_app(settings, lambda: scorer)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        for content in (junk, chunks()):
            started = time.monotonic()
            with suppress(httpx.TransportError):  # when the server hangs up while the junk is still being sent
                refused(client.post("/predict", content=content), 413)
            assert time.monotonic() - started < 2
            assert client.get("/health").status_code == 200


def test_a_refused_client_that_listens_first_gets_its_answer(settings: Settings, scorer: Scorer) -> None:
    """A client that sends its headers and waits, as `Expect: 100-continue` has it, is told before it sends."""
    with serve(create_app(settings, lambda: scorer)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_what_nobody_foresaw_is_a_problem_without_particulars(
    settings: Settings, scorer: Scorer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    put(settings, "client_mart", "2024-01", *rows_of(settings, ["select 100001 as SK_ID_CURR"]))
    (file,) = publish_lookup(settings, "2024-01").version.folder().glob("*.arrow")
    file.write_bytes(SECRET.ljust(file.stat().st_size)[: file.stat().st_size].encode())
    with local(create_app(settings, lambda: scorer)) as api:
        problem = refused(api.get("/clients/100001"), 500)
    assert str(tmp_path) not in json.dumps(problem)
    assert "lookup.py" in caplog.text
    assert SECRET not in caplog.text
    assert "100001" not in caplog.text
