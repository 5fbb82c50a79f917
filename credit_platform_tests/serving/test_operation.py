"""Start-up, keys, logs and imports: how the API behaves as a process."""

import logging
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from credit_platform.model.registry import NoModelError
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local, write_drift, write_lake
from credit_platform_tests.serving.server import serve, until
from serving.access import is_loopback
from serving.app import create_app

REPOSITORY = Path(__file__).parents[2]


class Source:
    """A registry that gets its model later."""

    def __init__(self) -> None:
        self.scorer: Scorer | None = None
        self.asked = 0

    def __call__(self) -> Scorer:
        self.asked += 1
        if self.scorer is None:
            raise NoModelError("nothing under postgresql://user:pa55word@host")
        return self.scorer


def test_without_a_model_the_server_starts_and_says_what_to_do(settings: Settings) -> None:
    write_lake(settings)
    write_drift(settings)
    with local(create_app(settings, Source())) as api:
        answers = [api.get("/health"), api.get("/model"), api.post("/predict", json={"features": {}})]
        for answer in [*answers, api.post("/explain", content=b"{"), api.get("/clients/100001")]:
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "10"
            assert answer.json()["type"] == "urn:credit-platform:problem:no-model"
            assert "credit_scoring_model@champion" in answer.json()["detail"]
            assert "credit-platform run" in answer.json()["detail"]
            assert "pa55word" not in answer.text
        assert api.get("/clients").status_code == api.get("/drift").status_code == 200
        assert api.get("/openapi.json").json()["components"]["schemas"]["PredictBody"]["required"] == ["features"]


def test_a_model_that_appears_later_is_noticed(settings: Settings, scorer: Scorer) -> None:
    source = Source()
    with local(create_app(settings, source, patience=0)) as api:
        assert api.get("/health").status_code == 503
        assert "Features" not in api.get("/openapi.json").json()["components"]["schemas"]
        source.scorer = scorer
        until(lambda: api.get("/health").status_code == 200)
        assert api.get("/health").json()["model_version"] == "3"
        assert "Features" in api.get("/openapi.json").json()["components"]["schemas"]


def test_the_registry_is_not_asked_on_each_request(settings: Settings, scorer: Scorer) -> None:
    source = Source()
    with local(create_app(settings, source, patience=3600)) as api:
        for _ in range(5):
            api.get("/health")
        assert source.asked == 1
    source.scorer = scorer
    with local(create_app(settings, source, patience=0)) as api:
        for _ in range(5):
            assert api.post("/predict", json={"features": {}}).status_code == 200
        assert source.asked == 2


def test_a_new_champion_takes_over_and_each_answer_names_its_version(settings: Settings, version_folder: Path) -> None:
    number = ["3"]
    source = lambda: Scorer.load(version_folder, number[0])  # noqa: E731
    with local(create_app(settings, source, patience=0, current_version=lambda: number[0])) as api:
        assert api.post("/predict", json={"features": {}}).json()["model_version"] == "3"
        number[0] = "4"
        until(lambda: api.get("/health").json()["model_version"] == "4")
        assert api.post("/predict", json={"features": {}}).json()["model_version"] == "4"


def test_a_new_champion_that_can_not_be_loaded_leaves_the_old_one_deciding(settings: Settings, scorer: Scorer) -> None:
    scorers = [scorer]
    with local(create_app(settings, lambda: scorers.pop(), patience=0, current_version=lambda: "4")) as api:
        assert api.get("/health").json()["model_version"] == "3"
        assert api.post("/predict", json={"features": {}}).status_code == 200


def test_a_registry_that_does_not_answer_leaves_the_champion_deciding(settings: Settings, scorer: Scorer) -> None:
    def broken() -> str:
        raise ConnectionError("no registry")

    with local(create_app(settings, lambda: scorer, patience=0, current_version=broken)) as api:
        assert api.get("/health").json()["model_version"] == "3"


def test_a_model_that_can_not_be_loaded_is_reported_and_the_server_stays_up(settings: Settings, tmp_path: Path) -> None:
    with local(create_app(settings, lambda: Scorer.load(tmp_path, "1"))) as api:
        answer = api.get("/health")
        assert answer.status_code == 503
        assert "can't be loaded (FileNotFoundError)" in answer.json()["detail"]
        assert str(tmp_path) not in answer.text


def test_with_a_key_everything_but_health_asks_for_it(settings: Settings, scorer: Scorer) -> None:
    secured = settings.model_copy(update={"api_key": SecretStr("open sesame")})
    with local(create_app(secured, lambda: scorer)) as api:
        assert api.get("/health").status_code == 200
        for path in ("/model", "/drift", "/clients", "/metrics", "/nowhere"):
            answer = api.get(path)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "X-API-Key"
        assert api.get("/model", headers={"X-API-Key": "open sesam"}).status_code == 401
        assert api.get("/model", headers={b"X-API-Key": b"\xff\xfe"}).status_code == 401
        assert api.get("/model", headers={"X-API-Key": "open sesame"}).status_code == 200


def test_an_empty_key_is_no_key(settings: Settings, scorer: Scorer) -> None:
    with local(create_app(settings.model_copy(update={"api_key": SecretStr("")}), lambda: scorer)) as api:
        assert api.get("/model").status_code == 200


def test_without_a_key_only_the_local_machine_is_answered(settings: Settings, scorer: Scorer) -> None:
    app = create_app(settings, lambda: scorer)
    with local(app):
        for address in ("http://10.1.2.3:8000", "http://[2001:db8::1]:8000", "http://example.org"):
            outside = TestClient(app, base_url=address)
            assert outside.get("/health").status_code == 200
            assert outside.get("/clients").status_code == 403
            assert "CREDIT_API_KEY" in outside.post("/predict", json={"features": {}}).json()["detail"]
        assert TestClient(app, base_url="http://[::1]:8000").get("/model").status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("", False),
        ("192.168.1.4", False),
        ("localhost.example.org", False),
    ],
)
def test_only_loopback_addresses_are_local(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_an_open_address_without_a_key_refuses_to_start(tmp_path: Path) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "serving", "--host", "0.0.0.0"],  # noqa: S104 - what must be refused
        cwd=REPOSITORY,
        env={"CREDIT_DATA_DIR": str(tmp_path), "CREDIT_API_KEY": "", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert started.returncode == 2
    assert "CREDIT_API_KEY" in started.stderr
    assert "Traceback" not in started.stderr


def test_the_access_log_does_not_tell_which_client_was_asked_for(
    settings: Settings, scorer: Scorer, caplog: pytest.LogCaptureFixture
) -> None:
    write_lake(settings)
    with (
        caplog.at_level(logging.INFO),
        serve(create_app(settings, lambda: scorer)) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        assert client.get("/clients/100001").status_code == 200
        client.get("/clients?limit=7")
        client.post("/predict", json={"features": {"AMT_CREDIT": 987654}})
        client.post("/predict", json={"features": {"AMT_CREDIT": "987654"}})
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    assert any('"GET /clients/… HTTP/1.1" 200' in line for line in lines), lines
    assert not any(told in line for line in lines for told in ("100001", "987654", "limit"))


def test_serving_imports_none_of_the_heavy_libraries_of_the_pipeline(version_folder: Path, tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from fastapi.testclient import TestClient
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from serving.app import create_app
settings = Settings(_env_file=None, data_dir=Path({str(tmp_path)!r}))
source = lambda: Scorer.load(Path({str(version_folder)!r}), "1")
with TestClient(create_app(settings, source), base_url="http://127.0.0.1:8000") as api:
    assert api.post("/explain", json={{"features": {{}}}}).status_code == 200
    api.get("/clients"), api.get("/drift")
print(sorted({{m.partition(".")[0] for m in sys.modules}}
    & {{"dagster", "evidently", "streamlit", "sklearn", "shap", "mlflow", "matplotlib"}}))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "[]"
