"""Starts a server on a free port of this machine, waits until all of it has started, and ends it.

Not here: which servers there are (`servers.py`), and what they used (`processes.py`).
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from processes import born, cpu_seconds, family

_HOST = "127.0.0.1"
_START_SECONDS = 120
_STOP_SECONDS = 10
_CALM_SECONDS = 1.0
_CALM_CPU = 0.05
_LOG_SHOWN = 2_000


@dataclass(frozen=True)
class Running:
    """A server that answers: its first process, and where it listens on loopback."""

    pid: int
    port: int

    def post(self, path: str, body: str, timeout: float = 60) -> bytes:
        """The answer to a JSON body.

        Raises:
            RuntimeError: it is not 200.
        """
        return self._ask("POST", path, body, timeout)

    def get(self, path: str, timeout: float = 60) -> bytes:
        """The answer to a GET request.

        Raises:
            RuntimeError: it is not 200.
        """
        return self._ask("GET", path, None, timeout)

    def _ask(self, method: str, path: str, body: str | None, timeout: float) -> bytes:
        connection = HTTPConnection(_HOST, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}: {content[:500]!r}")
        return content


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, port: int, path: str, body: str, log: Path
) -> Iterator[Running]:
    """Runs a server in a folder for as long as the context lasts; what it writes goes to a file.

    It counts as started once it has answered a body on a path and its processes, further workers included, have
    become calm.

    Raises:
        RuntimeError: it ended or did not start in time; the end of its log is in the message.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - commands are from servers.py
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    server = Running(process.pid, port)
    try:
        _await_start(server, process, path, body, log)
        yield server
    finally:
        _end(process)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _await_start(server: Running, process: subprocess.Popen[bytes], path: str, body: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    problem: Exception | None = None
    answered = False
    while time.monotonic() < deadline and process.poll() is None:
        if not answered:
            try:
                server.post(path, body, timeout=max(1, deadline - time.monotonic()))
                answered = True
            except (OSError, HTTPException, RuntimeError) as error:
                problem = error
                time.sleep(0.2)
        elif _is_calm(server):
            return
    end = log.read_text("utf-8", "replace")[-_LOG_SHOWN:]
    raise RuntimeError(f"the server did not start: {problem or 'it does not become calm'}\n{end}")


def _is_calm(server: Running) -> bool:
    before = cpu_seconds(family(server.pid))
    time.sleep(_CALM_SECONDS)
    return cpu_seconds(family(server.pid)) - before < _CALM_CPU


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks the server's processes to end, and ends those that have not after some seconds."""
    descendants = {pid: born(pid) for pid in family(process.pid)}  # some leave its process group
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    for pid, at in descendants.items():
        if born(pid) == at:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()
