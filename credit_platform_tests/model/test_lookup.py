"""The registry read without MLflow: what MLflow itself says, from its own database and from a server; else MLflow."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from credit_platform.model import lookup, registry
from credit_platform.model.registry import NoModelError
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.worlds import register, write_version


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_version(tmp_path_factory.mktemp("version"))


def test_an_alias_and_its_files_are_found_as_mlflow_finds_them(tracked: Settings, folder: Path) -> None:
    first = register(tracked, folder, "champion")
    second = register(tracked, folder, "challenger")
    client = registry.client(tracked)
    known = client.get_registered_model(tracked.model_name).aliases
    found = lookup.aliases(tracked.tracking_uri, tracked.model_name)
    assert found == {alias: str(number) for alias, number in known.items()} == {"champion": first, "challenger": second}
    version = registry.version(tracked, second)
    assert version.run_id == client.get_model_version(tracked.model_name, second).run_id
    assert Scorer.load(version.folder, second).digest == Scorer.load(folder, "").digest
    client.delete_model_version(tracked.model_name, second)
    assert registry.number_under(tracked, "challenger") is None
    for gone in (second, "77", "no number"):
        with pytest.raises(NoModelError):
            registry.version(tracked, gone)


class Server(BaseHTTPRequestHandler):
    """An MLflow server with one model of one version."""

    asked: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        self.asked.append({"path": path, "authorization": self.headers.get("Authorization", "")})
        alias = [{"alias": "champion", "version": "3"}]
        known = {
            "registered-models/get": ({"name": "known"}, {"registered_model": {"name": "known", "aliases": alias}}),
            "model-versions/get": (
                {"name": "known", "version": "3"},
                {"model_version": {"run_id": "r", "source": "models:/m-1"}},
            ),
        }
        wanted, answer = known[path.removeprefix("/api/2.0/mlflow/")]
        if query == {"name": "moved"}:
            self.send_response(302)
            self.send_header("Location", self.path.replace("moved", "known"))
            self.end_headers()
        elif query == wanted:
            self._say(200, answer)
        else:
            self._say(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"})

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "USERNAME", "PASSWORD", "URI", "INSECURE_TLS"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


def test_a_server_is_asked_over_its_rest_api_with_the_credentials_that_mlflow_would_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving() as uri:
        assert lookup.aliases(uri, "known") == {"champion": "3"}
        assert lookup.aliases(uri, "unknown") is None
        assert lookup.registered(uri, "known", "3") == lookup.Registered("r", "models:/m-1")
        assert lookup.registered(uri, "known", "4") is None
        assert Server.asked[-1]["authorization"] == ""
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
        lookup.aliases(uri, "known")
        assert Server.asked[-1]["authorization"] == "Bearer token"
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "user")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pass")
        lookup.aliases(uri, "known")
        assert Server.asked[-1]["authorization"] == "Basic dXNlcjpwYXNz"


def test_what_only_mlflow_knows_how_to_reach_is_left_to_mlflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving() as uri:
        for address, model in ((uri, "moved"), (uri.replace("//", "//user:pass@"), "known")):
            with pytest.raises(lookup.UnreadableError):
                lookup.aliases(address, model)
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        with pytest.raises(lookup.UnreadableError):
            lookup.aliases(uri, "known")
    monkeypatch.delenv("MLFLOW_TRACKING_INSECURE_TLS")
    for address in (uri, f"sqlite:///{tmp_path / 'empty.db'}", "databricks"):
        with pytest.raises(lookup.UnreadableError):
            lookup.aliases(address, "known")


def test_a_version_that_was_fetched_before_is_served_without_mlflow(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    with serving() as uri:
        changed = {"data_dir": tmp_path, "mlflow_tracking_uri": uri, "model_name": "known"}
        there = settings.model_copy(update=changed)
        here = there.mlflow_dir / "versions" / "known" / "3" / "artifacts" / registry.SCORER
        shutil.copytree(folder, here)
        assert registry.fetch(there) == registry.Version("3", "r", here)
