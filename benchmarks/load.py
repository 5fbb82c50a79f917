"""Asks a server on this machine for decisions, over and over, from a process of its own.

A closed loop: each of N connections, which stay open, sends a request as soon as it has the answer to the one before.
Requests are made before the clock runs, answers are looked at no further than their status and length, so that the
generator takes little of the cores it shares with the server; how much it took is part of what it reports. Connections
are opened one after another while those before are at work already: of several workers on one socket those that are
busy leave them to the others.

Not here: what is asked and whether the answers are right (`servers.py`).
"""

import asyncio
import gc
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from math import ceil

import uvloop

from processes import busy_seconds, cpu_seconds, family

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_LEAST_PER_CONNECTION = 2
_MOST_WINDOWS = 20
_BETWEEN_CONNECTIONS_SECONDS = 0.002


@dataclass(frozen=True)
class Task:
    """What to send where. `pid` is the server's first process. After `warm_up` seconds the window opens.

    It stays open for `seconds`, and longer where a slow server has not yet answered twice on each connection.
    """

    port: int
    path: str
    bodies: Sequence[str]
    connections: int
    seconds: float
    warm_up: float
    pid: int


@dataclass(frozen=True)
class Load:
    """What came of it within the window. Seconds throughout; p50 and p99 are of one request's latency.

    `server_cpu` is the CPU time of all the server's processes, `own_cpu` the generator's, `other_cpu` that of whatever
    else ran on the machine.
    """

    answers: int
    seconds: float
    p50: float
    p99: float
    server_cpu: float
    own_cpu: float
    other_cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def cpu_each(self) -> float:
        """CPU seconds of the server for one answer."""
        return self.server_cpu / self.answers


def measure(task: Task) -> Load:
    """Puts the load on a server, from a new process.

    Raises:
        RuntimeError: an answer was not 200, or a connection broke.
    """
    done = subprocess.run(  # noqa: S603 - this file
        [sys.executable, __file__], input=json.dumps(asdict(task)), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    return Load(**json.loads(done.stdout))


def request(task: Task, body: str) -> bytes:
    """A request as it goes over the wire."""
    content = body.encode()
    head = (
        f"POST {task.path} HTTP/1.1\r\nHost: 127.0.0.1:{task.port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ordered values that at least this share of them does not exceed (nearest rank)."""
    return ordered[ceil(share * len(ordered)) - 1]


class _Loop:
    """What the connections have in common."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.requests = requests
        self.latencies: list[float] = []
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, why: str) -> None:
        if not self.broken.done():
            self.broken.set_exception(RuntimeError(why))

    async def for_seconds(self, seconds: float) -> None:
        """Lets the connections go on, and raises what breaks one."""
        await asyncio.wait([self.broken], timeout=seconds)
        if self.broken.done():
            self.broken.result()


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, loop: _Loop) -> None:
        self.loop = loop
        self.received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(next(self.loop.requests))

    def data_received(self, data: bytes) -> None:
        received = self.received = self.received + data if self.received else data
        end = received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = _LENGTH.search(received, 0, end)
        if not received.startswith(b"HTTP/1.1 200 ") or length is None:
            self.loop.fail(f"an answer was {received[:200]!r}")
            return
        missing = end + int(length[1]) - len(received)
        if missing < 0:
            self.loop.fail("an answer was longer than it said")
        elif missing == 0:
            self.loop.latencies.append(time.perf_counter() - self.began)
            self.received = b""
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.loop.fail(f"the server closed a connection ({exc})")


async def generate(task: Task) -> Load:
    """The work of the process.

    Raises:
        RuntimeError: an answer was not 200, or a connection broke.
    """
    loop = _Loop(cycle([request(task, body) for body in task.bodies]))
    running = asyncio.get_running_loop()
    for _ in range(task.connections):
        await running.create_connection(lambda: _Connection(loop), "127.0.0.1", task.port)
        await loop.for_seconds(_BETWEEN_CONNECTIONS_SECONDS)
    await loop.for_seconds(task.warm_up)
    pids = family(task.pid)
    used, own, busy = cpu_seconds(pids), time.process_time(), busy_seconds()
    loop.latencies, began = [], time.perf_counter()
    await loop.for_seconds(task.seconds)
    windows = 1
    while len(loop.latencies) < _LEAST_PER_CONNECTION * task.connections and windows < _MOST_WINDOWS:
        await loop.for_seconds(task.seconds)
        windows += 1
    latencies, seconds = loop.latencies, time.perf_counter() - began
    used, own, busy = cpu_seconds(pids) - used, time.process_time() - own, busy_seconds() - busy
    if not latencies:
        raise RuntimeError(f"no answer within {seconds:.0f} s")
    ordered = sorted(latencies)
    return Load(
        answers=len(ordered),
        seconds=seconds,
        p50=percentile(ordered, 0.5),
        p99=percentile(ordered, 0.99),
        server_cpu=used,
        own_cpu=own,
        other_cpu=max(0.0, busy - used - own),
    )


def main() -> None:
    gc.disable()  # a pause here would be taken for the server's
    task = Task(**json.load(sys.stdin))
    sys.stdout.write(json.dumps(asdict(uvloop.run(generate(task)))))


if __name__ == "__main__":
    main()
