"""The comparison of servers: the load it puts on them, how they start and end, and the arithmetic of its tables."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import load
import servers
from load import Load, Task, generate, percentile
from processes import busy_seconds, cpu_seconds, family, memory_bytes
from running import Running, free_port, running
from servers import Measured, Server, World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="usage is read from /proc")

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Answering:
    """A server on loopback that answers each request with the next of some pieces, and remembers the bodies."""

    def __init__(self, *pieces: bytes, seconds: float = 0) -> None:
        self.pieces, self.seconds = pieces, seconds
        self.bodies: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                await asyncio.sleep(self.seconds)
                for piece in self.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def under_load(self, connections: int = 1, seconds: float = 0.05) -> Load:
        async def both() -> Load:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            return await generate(Task(port, "/predict", ["1", "22"], connections, seconds, 0, os.getpid()))

        return asyncio.run(both())


def test_each_connection_asks_again_when_it_is_answered() -> None:
    server = Answering(ANSWER)
    found = server.under_load(connections=3)
    assert server.connections == 3
    assert 0 < found.answers <= len(server.bodies)
    assert 0 < found.p50 <= found.p99 < found.seconds
    assert found.rate == found.answers / found.seconds


def test_bodies_are_sent_in_turn() -> None:
    server = Answering(ANSWER)
    server.under_load()
    assert server.bodies[:4] == [b"1", b"22", b"1", b"22"]


def test_an_answer_in_pieces_is_one_answer() -> None:
    server = Answering(ANSWER[:20], ANSWER[20:-1], ANSWER[-1:])
    assert 0 < server.under_load().answers <= len(server.bodies)


def test_a_slow_server_is_given_time_to_answer_twice_on_each_connection() -> None:
    found = Answering(ANSWER, seconds=0.03).under_load(connections=2, seconds=0.02)
    assert found.answers >= 4
    assert found.seconds > 0.05


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunked"),
        (ANSWER + b"more", "longer"),
    ],
)
def test_any_other_answer_ends_the_load(answer: bytes, why: str) -> None:
    with pytest.raises(RuntimeError, match=why):
        Answering(answer).under_load()


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([1.0], 0.99) == 1
    assert percentile(range(1, 101), 0.5) == 50
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile(range(1, 102), 0.99) == 100


@pytest.fixture
def child() -> Iterator[int]:
    """A process that waits for its end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def test_descendants_are_counted_and_those_that_are_gone_are_not(child: int) -> None:
    assert child in family(os.getpid())
    assert family(child) == [child]
    assert memory_bytes([child]) > 0
    assert 0 < cpu_seconds([os.getpid()]) <= busy_seconds()
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    assert memory_bytes([int(gone.stdout)]) == cpu_seconds([int(gone.stdout)]) == 0


@pytest.fixture
def echo() -> Iterator[Running]:
    """A server that answers a body with itself, and /lost with 404."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(404 if self.path == "/lost" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Running(os.getpid(), server.server_address[1])
        server.shutdown()


def test_the_load_comes_from_a_process_of_its_own(echo: Running) -> None:
    found = load.measure(Task(echo.port, "/predict", ["{}"], 1, 0.05, 0, echo.pid))
    assert found.answers > 0
    assert found.own_cpu > 0
    with pytest.raises(RuntimeError, match="404"):
        load.measure(Task(echo.port, "/lost", ["{}"], 1, 0.05, 0, echo.pid))


SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_server_ends_with_its_context_also_where_that_fails(tmp_path: Path) -> None:
    port = free_port()
    context = running([sys.executable, "-c", SERVER, str(port)], {}, tmp_path, port, "/", "{}", tmp_path / "log")
    server = context.__enter__()
    assert server.post("/", "{}") == b""
    assert not context.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert not cpu_seconds([server.pid])
    with pytest.raises(ConnectionRefusedError):
        server.post("/", "{}")


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no model there')"]
    with (
        pytest.raises(RuntimeError, match="no model there"),
        running(command, {}, tmp_path, free_port(), "/", "{}", tmp_path / "log"),
    ):
        pass


def server(told: Callable[[Any], float] | None, fault: Callable[[Any, Running], str]) -> Server:
    return Server("echo", "an echo", lambda port, workers: [], {}, "/", told=told, fault=fault)


def test_there_is_no_report_where_an_answer_differs(echo: Running) -> None:
    bodies = [json.dumps({"probability_of_default": p}) for p in (0.25, 0.5)]
    sound = server(lambda answer: answer["probability_of_default"], lambda answer, process: "")
    servers.check(sound, echo, bodies, [0.25, 0.5 + 1e-10])
    with pytest.raises(RuntimeError, match=r"client 1 with 0\.5, the API with 0\.50000001"):
        servers.check(sound, echo, bodies, [0.25, 0.50000001])
    with pytest.raises(RuntimeError, match="client 0 with nan"):
        servers.check(server(lambda answer: float("nan"), sound.fault), echo, bodies, [0.25, 0.5])
    with pytest.raises(RuntimeError, match="client 0 without reasons"):
        servers.check(server(sound.told, lambda answer, process: "without reasons"), echo, bodies, [0.25, 0.5])
    servers.check(server(None, sound.fault), echo, bodies, [7, 7])


def measured(rate: float, p99: float = 0.02) -> Measured:
    """A server that answered so many a second for two seconds on 1, 8 and 64 connections, a tenth fewer on one."""
    return Measured(
        {
            number: Load(round(2 * rate * share), 2, p99 / 4, p99, server_cpu=1.5, own_cpu=0.5, other_cpu=0.02)
            for number, share in ((1, 0.9), (8, 1), (64, 1))
        },
        250_000_000,
    )


def test_a_row_has_a_servers_figures_by_connections() -> None:
    lines = servers.table([server(None, lambda *_: "")], {("echo", 2): measured(1500)}, 2).splitlines()
    assert lines[0].startswith("| server | req/s at 1 | req/s at 8 | req/s at 64 | p50 ms at 1 |")
    assert lines[0].endswith("| CPU ms each at 8 | MB |")
    assert lines[2] == ("| an echo | 1,350 | 1,500 | 1,500 | 5.00 | 5.00 | 5.00 | 20.0 | 20.0 | 20.0 | 0.50 | 250 |")


def test_goals_are_ratios_and_bold_where_they_are_reached() -> None:
    results = {
        ("score", 1): measured(1200),
        ("record", 1): measured(300, p99=0.03),
        ("mlflow", 1): measured(20),
        ("floor", 1): measured(6000),
    }
    lines = servers.goals(results, [1], [8, 64]).splitlines()
    assert lines[0] == "| goal | 1 worker, 8 at once | 1 worker, 64 at once |"
    assert [line.split(" | ")[1:] for line in lines[2:]] == [
        ["**60.0**", "**60.0** |"],
        ["0.20", "0.20 |"],
        ["**15.0**", "**15.0** |"],
        ["**20.0 ms**", " |"],
        ["30.0 ms", " |"],
    ]


def test_goals_beside_a_server_that_did_not_run_are_left_out() -> None:
    assert "floor" not in servers.goals({("score", 1): measured(1200)}, [1], [8])


def test_the_loads_own_share_of_a_core_is_told() -> None:
    told = servers.shares({("score", 1): measured(1000)})
    assert told.startswith("The load generator took up to 25% of a core (score, 1 x 1), 278 µs a request")
    assert told.endswith("other processes up to 1%.")


def test_every_server_can_be_chosen_by_name(tmp_path: Path) -> None:
    world = World(tmp_path, "sqlite:///mlflow.db", tmp_path, tmp_path, tmp_path / "python")
    assert tuple(each.name for each in servers.servers(world)) == servers.NAMES
    assert all("127.0.0.1" in each.command(8000, 2) for each in servers.servers(world))


def test_only_the_signature_is_taken_from_a_version() -> None:
    assert servers.without_signature("flavors: {python_function: {}}\nsignature: {inputs: x}\n") == (
        "flavors:\n  python_function: {}\n"
    )
