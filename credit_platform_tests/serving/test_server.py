"""The API as processes: several workers, taking leave, and clients that dawdle."""

import json
import signal
import socket
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
import uvicorn

from credit_platform.settings import Settings
from credit_platform_tests.serving.server import until
from credit_platform_tests.serving.small import Small, lines
from serving import server
from serving.keys import add_key
from serving.problems import ProblemError
from serving.readiness import Readiness

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def running(tmp_path: Path, *options: str, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """`python -m serving` on a free port, without a model, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {f"CREDIT_{name.upper()}": value for name, value in settings.items()}
    environment |= {"CREDIT_DATA_DIR": str(tmp_path), "CREDIT_API_PORT": str(port), "PATH": "/usr/bin"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", *options], cwd=REPOSITORY, env=environment, stdout=log, stderr=log
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        try:
            until(lambda: _answers(client), patience=60)
            yield process, client
        finally:
            process.terminate()
            process.wait(30)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 503
    except httpx.TransportError:
        return False


def _log(tmp_path: Path) -> list[dict[str, Any]]:
    return lines((tmp_path / "log").read_text())


def test_workers_answer_as_one_server_and_log_json(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as (process, client):
        for _ in range(20):
            httpx.get(f"{client.base_url}/health", trust_env=False)
        scraped = client.get("/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    count = 'credit_http_request_seconds_count{method="GET",route="/health",status="503"} '
    assert float(scraped.partition(count)[2].split()[0]) >= 21
    told = _log(tmp_path)
    assert len({line["message"] for line in told if line["message"].startswith("Started server process")}) == 2
    assert any(line["message"] == "no API key: only this machine is answered" for line in told)
    assert len(told) == len((tmp_path / "log").read_text().splitlines())


def test_a_server_that_must_stop_says_so_first_and_serves_on_meanwhile(tmp_path: Path) -> None:
    with running(tmp_path, api_drain_seconds="60") as (process, client):
        process.send_signal(signal.SIGTERM)
        until(lambda: "about to stop" in client.get("/ready").text)
        assert client.get("/clients").json()["type"].endswith("no-mart")
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert "Application shutdown complete." in [line["message"] for line in _log(tmp_path)]


def test_an_open_address_needs_a_key_that_opens_something(settings: Settings) -> None:
    assert server.why_not(settings, "127.0.0.1") is None
    assert "credit-platform keys add" in str(server.why_not(settings, "0.0.0.0"))  # noqa: S104
    add_key(settings.keys_file, "ui", ["score"])
    assert server.why_not(settings, "0.0.0.0") is None  # noqa: S104


def test_decisions_that_are_not_recorded_are_for_this_machine_only(settings: Settings) -> None:
    add_key(settings.keys_file, "ui", ["score"])
    unrecorded = settings.model_copy(update={"decisions_record": False})
    assert server.why_not(unrecorded, "127.0.0.1") is None
    assert "CREDIT_DECISIONS_RECORD" in str(server.why_not(unrecorded, "0.0.0.0"))  # noqa: S104


def test_a_process_that_stops_or_misses_something_is_not_ready() -> None:
    found = [None, "No model is in force."]
    readiness = Readiness([lambda: found[0], lambda: found[1]])
    with pytest.raises(ProblemError, match="No model is in force"):
        readiness.demand()
    found[1] = None
    readiness.demand()
    readiness.stopping = True
    with pytest.raises(ProblemError, match="about to stop"):
        readiness.demand()


@contextmanager
def listening(settings: Settings, **options: Any) -> Iterator[tuple[Small, uvicorn.Server, int]]:
    """The small application behind the API's own connections, in this process; the number is its port."""
    made = Small(settings)
    started = uvicorn.Server(uvicorn.Config(made.app, port=0, http=server.Connection, log_config=None, **options))
    thread = threading.Thread(target=started.run, daemon=True)
    thread.start()
    until(lambda: started.started)
    try:
        yield made, started, started.servers[0].sockets[0].getsockname()[1]
    finally:
        made.go_on.set()
        started.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


def test_what_is_in_flight_is_answered_before_the_server_ends(settings: Settings) -> None:
    with listening(settings) as (made, started, port), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.get, f"http://127.0.0.1:{port}/wait?name=last", trust_env=False)
        assert made.entered.acquire(timeout=10)
        started.should_exit = True
        until(lambda: not started.servers[0].is_serving())
        made.go_on.set()
        assert asked.result().json() == "last"


def test_a_request_on_an_open_connection_is_answered_though_the_server_stops(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_FAREWELL_SECONDS", 60)
    with (
        listening(settings) as (_, started, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        assert "connection" not in client.get("/health").headers
        started.should_exit = True
        until(lambda: not started.servers[0].is_serving())
        assert client.get("/health").headers["connection"] == "close"


@pytest.fixture
def impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that waits hardly at all for headers."""
    monkeypatch.setattr(server, "_HEADER_SECONDS", 0.2)
    with listening(settings, timeout_keep_alive=1) as (_, _, port):
        yield port


def _talk(port: int, *parts: bytes) -> bytes:
    """Sends parts and returns what the server says until it hangs up."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            while more := connection.recv(65_536):
                said += more
        except ConnectionError:
            pass
    return said


HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize("parts", [(), (b"GET /hea",), (HEAD + b"X-Slow: ",), (b"\r\n",)])
def test_headers_that_do_not_come_are_not_waited_for(impatient: int, parts: tuple[bytes, ...]) -> None:
    assert _talk(impatient, *parts) == b""


def test_a_second_request_that_does_not_come_is_not_waited_for_either(impatient: int) -> None:
    said = _talk(impatient, HEAD + b"\r\n", HEAD)
    assert said.count(b"HTTP/1.1 200 OK") == 1


def test_endless_headers_are_cut_off(impatient: int) -> None:
    assert _talk(impatient, HEAD, *(b"X-%d: %s\r\n" % (i, b"x" * 1000) for i in range(2000))) == b""


def test_a_request_in_pieces_is_answered(impatient: int) -> None:
    said = _talk(impatient, b"GET /hea", b"lth HTTP/1.1\r\nHost: local", b"host\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(said.rpartition(b"\r\n\r\n")[2]) == "ok"
