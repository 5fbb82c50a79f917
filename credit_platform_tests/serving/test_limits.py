"""How much may be asked for, and what is answered to more."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from credit_platform.settings import Settings
from credit_platform_tests.serving.server import serve, until
from credit_platform_tests.serving.small import Small, small, value_of
from serving import limits
from serving.keys import add_key
from serving.limits import Buckets, ConcurrencyLimit


def kind(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("urn:credit-platform:problem:")


@contextmanager
def served(settings: Settings, **changes: Any) -> Iterator[tuple[Small, httpx.Client]]:
    """The small application behind a real server, and a client of it."""
    made = Small(settings.model_copy(update=changes))
    with serve(made.app) as url, httpx.Client(base_url=url, trust_env=False, timeout=10) as client:
        try:
            yield made, client
        finally:
            made.go_on.set()


def in_flight(made: Small) -> float:
    return value_of(made.metrics.text().decode(), "credit_http_in_flight")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is; a test moves it on."""
    now = [0.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    return now


def test_a_bucket_gives_what_it_holds_and_then_what_comes_in(clock: list[float]) -> None:
    buckets = Buckets(rate=2, most=3)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert buckets.take("b") == 0
    clock[0] += 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 1]
    clock[0] += 3600
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 1]


def test_a_slow_bucket_says_how_long_to_wait(clock: list[float]) -> None:
    buckets = Buckets(rate=0.1, most=1)
    assert [buckets.take("a"), buckets.take("a")] == [0, 10]


def test_any_number_of_names_takes_bounded_memory(clock: list[float]) -> None:
    buckets = Buckets(rate=1, most=1)
    for i in range(25_000):
        buckets.take(str(i))
    assert len(buckets._buckets) <= 10_000


def test_the_holder_of_a_key_who_asks_too_often_is_told_when_to_come_again(settings: Settings) -> None:
    (_, busy), (_, other) = (add_key(settings.keys_file, name, ["score"]) for name in ("busy", "other"))
    with small(settings.model_copy(update={"api_requests_per_second": 0.5})) as (_, api):
        assert api.get("/caller", headers={"X-API-Key": busy}).status_code == 200
        refused = api.get("/caller", headers={"X-API-Key": busy})
        assert (refused.status_code, kind(refused)) == (429, "too-many-requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        assert api.get("/caller", headers={"X-API-Key": other}).status_code == 200
        assert api.get("/health").status_code == 200


def test_this_machine_without_keys_may_ask_as_often_as_it_likes(settings: Settings) -> None:
    with small(settings.model_copy(update={"api_requests_per_second": 0.5})) as (_, api):
        assert {api.get("/caller").status_code for _ in range(10)} == {200}


def test_an_upload_of_a_batch_may_be_larger_than_other_bodies(settings: Settings) -> None:
    with small(settings.model_copy(update={"api_max_upload_bytes": 60_000})) as (_, api):
        assert api.post("/predict/batch", content=b"x" * 60_000).json() == 60_000
        assert kind(api.post("/predict/batch", content=b"x" * 60_001)) == "body-too-large"
        assert kind(api.post("/predict", content=b"x" * 60_000)) == "body-too-large"


@pytest.mark.parametrize("length", ["9" * 30, "50001"])
def test_an_announced_length_beyond_the_limit_is_not_waited_for(settings: Settings, length: str) -> None:
    with small(settings) as (_, api):
        assert kind(api.post("/predict", content=b"x", headers={"Content-Length": length})) == "body-too-large"


def test_more_than_may_be_at_work_wait_and_more_than_may_wait_are_refused(settings: Settings) -> None:
    with served(settings, api_concurrency=2, api_waiting=1) as (made, api), ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(api.get, "/wait?name=working") for _ in range(2)]
        for _ in asked:
            assert made.entered.acquire(timeout=5)
        asked.append(pool.submit(api.get, "/wait?name=waiting"))
        until(lambda: in_flight(made) == 3)
        assert not made.entered.acquire(blocking=False), "the third one waits for a turn"
        refused = api.get("/caller")
        assert (refused.status_code, kind(refused), refused.headers["retry-after"]) == (503, "overloaded", "1")
        assert api.get("/health").status_code == api.get("/metrics").status_code == 200
        made.go_on.set()
        assert [answer.result().status_code for answer in asked] == [200, 200, 200]
        assert made.finished[0] == "working", "a turn came free before it was taken"
        assert api.get("/caller").status_code == 200


def test_an_endpoint_that_takes_too_long_is_answered_for_and_left_to_finish(settings: Settings) -> None:
    with served(settings, api_timeout_seconds=0.05, api_body_seconds=0.02) as (made, api):
        refused = api.get("/wait?name=late")
        assert (refused.status_code, kind(refused)) == (503, "too-slow")
        assert "retry-after" in refused.headers
        assert made.finished == []
        made.go_on.set()
        until(lambda: made.finished == ["late"])


def test_who_waited_too_long_for_a_turn_is_not_worked_for_any_more(settings: Settings) -> None:
    with served(settings, api_timeout_seconds=0.1, api_concurrency=1) as (made, api), ThreadPoolExecutor(1) as pool:
        working = pool.submit(api.get, "/wait?name=working")
        assert made.entered.acquire(timeout=5)
        assert kind(api.get("/wait?name=waiting")) == "too-slow"
        assert kind(working.result()) == "too-slow"
        made.go_on.set()
        until(lambda: in_flight(made) == 0)
        assert made.finished == ["working"]


def _talk(url: str, *parts: bytes) -> bytes:
    """Sends parts to a server and returns all that it says until it hangs up."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_body_that_does_not_come_is_not_waited_for(settings: Settings) -> None:
    made = Small(settings.model_copy(update={"api_body_seconds": 0.1}))
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
    with serve(made.app) as url:
        said = _talk(url, head, b"01234")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"upload-too-slow" in said
    assert b"connection: close" in said.lower()


def test_nobody_whose_body_is_still_coming_takes_up_a_turn(settings: Settings) -> None:
    made = Small(settings.model_copy(update={"api_concurrency": 1, "api_waiting": 0}))
    with serve(made.app) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n01234")
            until(lambda: in_flight(made) == 1)
            assert httpx.get(f"{url}/caller", trust_env=False).status_code == 200
            connection.sendall(b"56789")
            assert connection.recv(4096).endswith(b"\r\n\r\n10")


def test_a_client_that_leaves_is_no_failure_of_the_server(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    made = Small(settings)
    with serve(made.app) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n01234")
            until(lambda: in_flight(made) == 1)
        until(lambda: in_flight(made) == 0)
    assert 'status="499"' in made.metrics.text().decode()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_turn_given_to_a_request_that_was_cancelled_goes_to_the_next() -> None:
    async def scenario() -> list[str]:
        done: list[str] = []
        release = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await release.wait()
            done.append(scope["path"])

        limit = ConcurrencyLimit(app, most=1, waiting=5, exempt=())

        def ask(path: str) -> asyncio.Task[None]:
            return asyncio.create_task(limit({"type": "http", "path": path, "state": {}}, None, None))  # type: ignore[arg-type]

        tasks = [ask(path) for path in ("first", "given up", "last")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limit.inside == 0
        assert not limit.queue
        # And where the turn had been given just before.
        release.clear()
        tasks = [ask("first"), ask("given up"), ask("last")]
        await asyncio.sleep(0)
        limit.queue[0].set_result(None)
        tasks[1].cancel()
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return done

    assert asyncio.run(scenario()) == ["first", "last", "first", "last"]
