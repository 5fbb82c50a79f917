"""Who is let in: by key and scope where keys are asked for, else from this machine alone."""

import re
from base64 import b64encode

import pytest
from fastapi.testclient import TestClient

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local
from credit_platform_tests.serving.small import small
from serving.access import OPEN_PATHS
from serving.app import create_app
from serving.keys import KeyScope, add_key


def basic(key: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'anybody:{key}'.encode()).decode()}"}


@pytest.mark.parametrize(
    ("scope", "opened"), [("score", "/predict"), ("review", "/people/1"), ("metrics", "/metrics"), ("admin", None)]
)
def test_a_key_opens_the_endpoints_of_its_scopes_and_no_other(
    settings: Settings, scope: KeyScope, opened: str | None
) -> None:
    _, key = add_key(settings.keys_file, "somebody", [scope])
    with small(settings) as (_, api):
        for method, path in (("POST", "/predict"), ("GET", "/people/1"), ("GET", "/metrics")):
            answer = api.request(method, path, headers={"X-API-Key": key})
            assert answer.status_code == (200 if path == opened else 403), path
            if path != opened:
                assert answer.json()["type"] == "urn:credit-platform:problem:forbidden"
                assert "somebody would need the scope" in answer.json()["detail"]


def test_every_endpoint_asks_for_a_scope_but_those_that_ask_for_no_key(settings: Settings, scorer: Scorer) -> None:
    """A key with a scope that opens none of them but the metrics gets nowhere else."""
    _, key = add_key(settings.keys_file, "prometheus", ["metrics"])
    with local(create_app(settings, lambda: scorer)) as api:
        paths = api.get("/openapi.json", headers={"X-API-Key": key}).json()["paths"]
        for path, operations in paths.items():
            if path in OPEN_PATHS or path.endswith("/metrics"):
                continue
            for method in operations:
                answer = api.request(method, re.sub(r"{\w+}", "1", path), headers={"X-API-Key": key})
                assert answer.status_code == 403, (method, path)
    assert len(paths) > len(OPEN_PATHS)


def test_a_key_may_come_as_a_bearer_token(settings: Settings) -> None:
    _, key = add_key(settings.keys_file, "prometheus", ["metrics"])
    with small(settings) as (_, api):
        assert api.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        for header in (f"Bearer {key}x", f"Token {key}", key, "Bearer", "Basic !"):
            assert api.get("/metrics", headers={"Authorization": header}).status_code == 401


def test_a_browser_is_asked_for_a_password_where_a_person_reads_and_nowhere_else(settings: Settings) -> None:
    _, key = add_key(settings.keys_file, "analyst", ["score"])
    with small(settings) as (_, api):
        for path in ("/docs", "/openapi.json"):
            asked = api.get(path)
            assert asked.status_code == 401
            assert asked.headers["www-authenticate"].startswith("Basic ")
        assert api.get("/openapi.json", headers=basic(key)).status_code == 200
        assert api.get("/openapi.json", headers=basic("guess")).status_code == 401
        assert api.post("/predict", headers=basic(key)).status_code == 401
        assert api.get("/caller").headers["www-authenticate"] == "X-API-Key"


def test_guessing_keys_is_slowed_down_and_holders_of_keys_are_not(settings: Settings) -> None:
    _, key = add_key(settings.keys_file, "ui", ["score"])
    with small(settings) as (_, api):
        statuses = [api.get("/caller", headers={"X-API-Key": f"guess {i}"}).status_code for i in range(40)]
        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert api.get("/caller", headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
    ],
)
def test_without_keys_web_pages_and_proxies_are_not_of_this_machine(
    settings: Settings, headers: dict[str, str]
) -> None:
    with small(settings) as (_, api):
        answer = api.get("/caller", headers=headers)
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:credit-platform:problem:not-exposed"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_without_keys_this_machine_may_use_any_of_its_own_names(settings: Settings, host: str) -> None:
    with small(settings) as (_, api):
        origin = f"http://{host}"
        assert api.get("/caller", headers={"Host": host, "Origin": origin}).status_code == 200


def test_a_unix_socket_is_guarded_by_the_file_system(settings: Settings) -> None:
    with small(settings) as (made, _):

        async def over_a_socket(scope, receive, send):  # type: ignore[no-untyped-def]
            await made.app({**scope, "server": ("/run/api.sock", None)}, receive, send)

        assert TestClient(over_a_socket, base_url="http://any").get("/caller").status_code == 200


def test_other_origins_may_ask_only_where_the_settings_name_them(settings: Settings) -> None:
    asked = {"Origin": "https://ui.example", "Access-Control-Request-Method": "POST"}
    _, key = add_key(settings.keys_file, "ui", ["score"])
    with small(settings) as (_, api):
        assert "access-control-allow-origin" not in api.options("/predict", headers=asked).headers
        granted = api.post("/predict", headers={"Origin": "https://ui.example", "X-API-Key": key})
        assert "access-control-allow-origin" not in granted.headers
    with small(settings.model_copy(update={"api_origins": ("https://ui.example",)})) as (_, api):
        allowed = api.options("/predict", headers={**asked, "Access-Control-Request-Headers": "X-API-Key"})
        assert allowed.headers["access-control-allow-origin"] == "https://ui.example"
        elsewhere = api.options("/predict", headers={**asked, "Origin": "https://evil.example"})
        assert elsewhere.status_code == 400
        answer = api.post("/predict", headers={"Origin": "https://ui.example", "X-API-Key": key})
        assert answer.headers["access-control-allow-origin"] == "https://ui.example"
        assert api.post("/predict", headers={"Origin": "https://ui.example"}).status_code == 401


def test_every_answer_tells_browsers_to_keep_off(settings: Settings) -> None:
    with small(settings) as (_, api):
        for answer in (
            api.get("/caller"),
            api.get("/nowhere"),
            api.get("/fail"),
            api.get("/caller", headers={"Host": "x"}),
        ):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
