"""The supervisor of `up`: what is killed comes back, what never came up ends all, logs stay small."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from credit_platform import services
from credit_platform.services import Service, keep_running
from credit_platform.settings import Settings
from credit_platform_tests.serving.server import until

LISTENS = """
import os, socket, sys, subprocess, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    with open(sys.argv[2], "a") as out:
        print(os.getpid(), child.pid, file=out)
    print("x" * 1000, flush=True)
    while True:
        listening.accept()[0].close()
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(services, "_FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(services, "_LOOK_SECONDS", 0.02)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def service(port: int, pids: Path) -> Service:
    return Service("stub", port, "there", (sys.executable, "-c", LISTENS, str(port), str(pids)))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def started(pids: Path) -> list[list[int]]:
    return [list(map(int, line.split())) for line in pids.read_text().splitlines()] if pids.exists() else []


@contextmanager
def meanwhile(act: object) -> Iterator[None]:
    """Runs a function in another thread, then presses Ctrl-C here, whatever came of it."""

    def run() -> None:
        try:
            act()  # type: ignore[operator]
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(20)


def test_a_service_that_is_killed_comes_back_and_what_it_had_started_is_gone(
    settings: Settings, port: int, tmp_path: Path
) -> None:
    pids, said = tmp_path / "pids", StringIO()

    def kill_twice() -> None:
        for number in (1, 2):
            until(lambda number=number: said.getvalue().count("there") == number)  # type: ignore[misc]
            os.kill(started(pids)[-1][0], signal.SIGKILL)
        until(lambda: said.getvalue().count("there") == 3)

    with meanwhile(kill_twice):
        code = keep_running([service(port, pids)], settings, Console(file=said), {})
    assert code == 0
    assert "stub ended with code -9; it starts again in" in said.getvalue()
    assert len(started(pids)) == 3
    until(lambda: not any(alive(pid) for pair in started(pids) for pid in pair))


def test_one_that_ends_before_it_answered_ends_all(settings: Settings, port: int, tmp_path: Path) -> None:
    said = StringIO()
    other = Service("broken", 1, "nowhere", (sys.executable, "-c", "import sys; print('why'); sys.exit(3)"))
    assert keep_running([service(port, tmp_path / "pids"), other], settings, Console(file=said), {}) == 3
    assert "broken ended with code 3 before it answered" in said.getvalue()
    assert "why" in (settings.data_dir / "logs" / "broken.log").read_text()
    until(lambda: not any(alive(pid) for pair in started(tmp_path / "pids") for pid in pair))


def test_a_port_that_is_taken_is_said_and_nothing_starts(settings: Settings, tmp_path: Path) -> None:
    said = StringIO()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert keep_running([service(port, tmp_path / "pids")], settings, Console(file=said), {}) == 1
    assert f"port {port} of stub is taken" in " ".join(said.getvalue().split())
    assert not (tmp_path / "pids").exists()


def test_waits_double_until_a_service_has_run_for_a_while(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    each = services._Running(service(1, tmp_path), tmp_path / "log", {}, since=now, wait=1.0)
    assert [each.plan_restart() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    now += 1000
    assert each.plan_restart() == services._FIRST_WAIT_SECONDS


def test_logs_are_rotated_and_go_on_where_they_are(settings: Settings, port: int, tmp_path: Path) -> None:
    few = settings.model_copy(update={"log_bytes": 500, "log_files": 2})
    log, said = settings.data_dir / "logs" / "stub.log", StringIO()

    def kill_some() -> None:
        for number in range(1, 4):
            until(lambda number=number: said.getvalue().count("there") == number)  # type: ignore[misc]
            until(lambda: log.stat().st_size == 0)
            os.kill(started(tmp_path / "pids")[-1][0], signal.SIGKILL)

    with meanwhile(kill_some):
        keep_running([service(port, tmp_path / "pids")], few, Console(file=said), {})
    assert sorted(path.name for path in log.parent.iterdir()) == ["stub.log", "stub.log.1", "stub.log.2"]
    assert Path(f"{log}.1").read_text() == "x" * 1000 + "\n"
