"""How much may be asked for: bytes, requests per second, requests at once, seconds.

Pure ASGI layers, because a request must be refused before anything reads it. All counts are of this process: with
several workers each has its own. Not here: who asks (`access.py`), and slow headers, which never reach an application
(`server.py`).
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.keys import LOCAL, Caller
from serving.problems import ProblemError, refuse

_MOST_BUCKETS = 10_000
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one request may take: bytes of body, seconds until they have come, seconds until the answer begins."""

    body_bytes: int
    body_seconds: float
    seconds: float


class Buckets:
    """A token bucket per name: `rate` tokens come in each second until it holds `most`."""

    def __init__(self, rate: float, most: float) -> None:
        self._rate = rate
        self._most = most
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> int:
        """Takes a token and answers 0, or, where there is none, in how many seconds there will be one."""
        now = time.monotonic()
        tokens, then = self._buckets.get(name, (self._most, now))
        tokens = min(self._most, tokens + (now - then) * self._rate)
        if tokens < 1:
            return math.ceil((1 - tokens) / self._rate)
        if len(self._buckets) >= _MOST_BUCKETS:
            self._forget(now)
        self._buckets[name] = (tokens - 1, now)
        return 0

    def _forget(self, now: float) -> None:
        """Drops the buckets that are full again, and, where all are in use, every one."""
        used = {n: b for n, b in self._buckets.items() if b[0] + (now - b[1]) * self._rate < self._most}
        self._buckets = used if len(used) < _MOST_BUCKETS else {}


class RateLimit:
    """Refuses the holder of a key who asks more than `rate` times a second, once a leeway of two seconds is used up."""

    def __init__(self, app: ASGIApp, rate: float) -> None:
        self.app = app
        self.buckets = Buckets(rate, max(1.0, 2 * rate))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope["state"].get("caller", LOCAL) if scope["type"] == "http" else LOCAL
        if caller is not LOCAL:
            wait = self.buckets.take(caller.name)
            if wait:
                await refuse(too_many(f"{caller.name} asks too often.", wait), scope, receive, send)
                return
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses a body that is too large: at once where its length is announced, else as soon as that is passed."""

    def __init__(self, app: ASGIApp, ordinary: Allowance, others: Mapping[str, Allowance]) -> None:
        self.app = app
        self.ordinary = ordinary
        self.others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.others.get(scope["path"], self.ordinary).body_bytes
        announced = header(scope, b"content-length")
        if announced.isdigit() and (len(announced) > _MOST_DIGITS or int(announced) > most):
            await refuse(_too_large(most), scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _too_large(most)
            return message

        await self.app(scope, counted, send)


class TimeLimit:
    """Cuts off uploads that crawl and answers for endpoints that take too long.

    Such an endpoint is left to finish, for threads can't be stopped and a decision that is being recorded must not be;
    what it answers is dropped. An answer that has begun may take as long as it takes.
    """

    def __init__(self, app: ASGIApp, ordinary: Allowance, others: Mapping[str, Allowance]) -> None:
        self.app = app
        self.ordinary = ordinary
        self.others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        timed = _Timed(scope, receive, send, self.others.get(scope["path"], self.ordinary))
        try:
            await self.app(scope, timed.receive, timed.send)
        except ClientDisconnect:
            if timed.refusing is None:
                raise
        finally:
            timed.timer.cancel()
            if timed.refusing is not None:
                await timed.refusing


class _Timed:
    """One request against the clock."""

    __slots__ = ("_receive", "_scope", "_seconds", "_send", "answering", "received", "receiving", "refusing", "timer")

    def __init__(self, scope: Scope, receive: Receive, send: Send, allowed: Allowance) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.receiving = self.received = self.answering = False
        self.refusing: asyncio.Task[None] | None = None
        first = min(allowed.body_seconds, allowed.seconds)
        self._seconds = allowed.seconds - first
        self.timer = asyncio.get_running_loop().call_later(first, self._expire)

    async def receive(self) -> Message:
        self.receiving = not self.received
        message = await self._receive()
        self.receiving = False
        self.received = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self.refusing is None:
            self.answering = True
            await self._send(message)

    def _expire(self) -> None:
        if self.answering:
            return
        if self.receiving:
            # The connection is closed, so that the rest need not be waited for.
            detail, closing = "Send the whole body at once.", {"Connection": "close"}
            self._refuse(ProblemError("upload-too-slow", detail, headers=closing))
        elif self._seconds > 0:
            self.timer = asyncio.get_running_loop().call_later(self._seconds, self._expire)
            self._seconds = 0
        else:
            self._refuse(ProblemError("too-slow", "Try again in a moment.", headers={"Retry-After": "5"}))

    def _refuse(self, problem: ProblemError) -> None:
        self.refusing = asyncio.create_task(refuse(problem, self._scope, self._receive, self._send))


class WholeBody:
    """Lets a request go on when all of its body has come, so that nobody who dawdles takes up a turn. Not so uploads,
    which are read piece by piece.
    """

    def __init__(self, app: ASGIApp, uploads: Collection[str]) -> None:
        self.app = app
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.uploads:
            await self.app(scope, receive, send)
            return
        try:
            pending: Message | None = await _whole(receive)
        except ProblemError as problem:
            await refuse(problem, scope, receive, send)
            return

        async def again() -> Message:
            nonlocal pending
            if pending is None:
                return await receive()
            message, pending = pending, None
            return message

        await self.app(scope, again, send)


class ConcurrencyLimit:
    """Lets `most` requests in at once; up to `waiting` others wait their turn, first come, first served."""

    def __init__(self, app: ASGIApp, most: int, waiting: int, exempt: Collection[str]) -> None:
        self.app = app
        self.most = most
        self.waiting = waiting
        self.exempt = exempt
        self.inside = 0
        self.queue: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.exempt:
            await self.app(scope, receive, send)
            return
        if self.inside < self.most:
            self.inside += 1
        elif len(self.queue) < self.waiting:
            await self._turn()
            if "refusal" in scope["state"]:  # it waited so long that it has its answer
                self._leave()
                return
        else:
            detail = "As many requests as may wait are waiting already."
            await refuse(ProblemError("overloaded", detail, headers={"Retry-After": "1"}), scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self._leave()

    async def _turn(self) -> None:
        """Returns when another request has left its place to this one."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # `_leave` has met it already
                    self.queue.remove(turn)
            else:
                self._leave()
            raise

    def _leave(self) -> None:
        while self.queue:
            turn = self.queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.inside -= 1


async def _whole(receive: Receive) -> Message:
    """A request's body as one message.

    Raises:
        ClientDisconnect: the client left before its end.
    """
    message = await receive()
    if message.get("more_body", False):
        parts = [message.get("body", b"")]
        while message.get("more_body", False):
            message = await receive()
            parts.append(message.get("body", b""))
        message["body"] = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message


def header(scope: Scope, name: bytes) -> bytes:
    """A header of a request; empty where there is none. Starlette's own look-up costs ten times as much."""
    for given, value in scope["headers"]:
        if given == name:
            return bytes(value)
    return b""


def too_many(detail: str, wait: int) -> ProblemError:
    """The refusal for somebody who must wait some seconds."""
    return ProblemError("too-many-requests", f"{detail} Wait {wait} s.", headers={"Retry-After": str(wait)})


def _too_large(most: int) -> ProblemError:
    # The connection is closed, so that nobody has to read the rest.
    return ProblemError("body-too-large", f"A body may have at most {most:,} bytes.", headers={"Connection": "close"})
