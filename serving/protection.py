"""What stands between the network and the endpoints: who may ask, how much may be sent, what may be logged.

ASGI middleware, because a body must be refused before anything reads it. Not here: what a body may contain
(`bodies.py`).
"""

import logging
import traceback
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from pathlib import PurePath

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problems import ProblemError

logger = logging.getLogger(__name__)

OPEN_PATH = "/health"
"""The one path that needs no key, for whoever watches over the server."""


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only. Names other than `localhost` don't count."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


class AccessControl:
    """Asks for the key where there is one; without one, answers only those who came over the loopback interface.

    `python -m serving` refuses to start on an open address without a key. An ASGI server started by hand never tells
    the application where it listens, so each connection is looked at as well.
    """

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self.app = app
        self.api_key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != OPEN_PATH:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal.response()(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ProblemError | None:
        if self.api_key:
            given = Headers(scope=scope).get("x-api-key", "").encode("latin-1")
            if compare_digest(given, self.api_key):
                return None
            detail = "Send the server's key in the header X-API-Key."
            return ProblemError("unauthorised", detail, headers={"WWW-Authenticate": "X-API-Key"})
        host, port = scope.get("server") or ("", None)
        if port is None or is_loopback(host):  # no port: a Unix socket, guarded by the file system
            return None
        return ProblemError("not-exposed", "Set CREDIT_API_KEY where the server starts, and send it as X-API-Key.")


class BodyLimit:
    """Refuses a body larger than `most` bytes: at once where its length is announced, else as soon as it is passed."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self.most:
            await self._refusal().response()(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most:
                raise self._refusal()
            return message

        await self.app(scope, counted, send)

    def _refusal(self) -> ProblemError:
        # The connection is closed, so that nobody has to read the rest.
        detail = f"A body may have at most {self.most:,} bytes."
        return ProblemError("body-too-large", detail, headers={"Connection": "close"})


class Failsafe:
    """Turns what nobody caught into a 500, and logs where it happened but not its message, which can hold values."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            calls = traceback.extract_tb(error.__traceback__)[-8:]
            where = " < ".join(f"{PurePath(call.filename).name}:{call.lineno}" for call in reversed(calls))
            logger.error("%s at %s", type(error).__name__, where)
            if not started:
                problem = ProblemError("internal", "This is not your fault; the server's log says where it happened.")
                await problem.response()(scope, receive, send)


class AnonymousPaths(logging.Filter):
    """Cuts the logged path of a request after its first part: what follows can be the number of a client."""

    def filter(self, record: logging.LogRecord) -> bool:
        # uvicorn.access logs (client, method, path with query, HTTP version, status).
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, path, version, status = record.args
            first, *rest = str(path).partition("?")[0].lstrip("/").split("/")
            record.args = (client, method, f"/{first}/…" if rest else f"/{first}", version, status)
        return True
