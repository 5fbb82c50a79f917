"""Who may ask: the key where keys are asked for, else the local machine alone.

Not here: what keys are (`keys.py`), and how much a caller may ask for (`limits.py`).
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.keys import LOCAL, Caller, KeyRing, KeyScope
from serving.limits import Buckets, too_many
from serving.problems import ProblemError, refuse

OPEN_PATHS = frozenset({"/health", "/ready", "/v1/health", "/v1/ready"})
"""What needs no key, for whoever watches over the server."""

BROWSER_PATHS = ("/docs", "/openapi.json")
"""What a person opens in a browser, which can't send a header but asks for a password, which is the key."""

_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host"})
_FAILURES_PER_SECOND, _MOST_FAILURES = 1.0, 30


@lru_cache(256)
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


def needs(*scopes: KeyScope) -> Any:
    """A dependency for routes: the caller's key must have one of these scopes."""

    async def check(request: Request) -> None:
        caller: Caller = request.state.caller
        if caller.scopes.isdisjoint(scopes):
            raise ProblemError("forbidden", f"The key {caller.name} would need the scope {' or '.join(scopes)}.")

    return Depends(check)


class AccessControl:
    """Puts the caller into the request's state, or refuses.

    `python -m serving` refuses to start on an open address without a key. An ASGI server started by hand never tells
    the application where it listens, so each connection is looked at as well. A request that a proxy passed on, or
    that a web page had a browser send (by its own name for this machine, or across origins), is none of this machine.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, origins: Collection[str] = ()) -> None:
        self.app = app
        self.keys = keys
        self.origins = frozenset(origin.encode() for origin in origins)
        self.failures = Buckets(_FAILURES_PER_SECOND, _MOST_FAILURES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            self.keys.refresh()
            try:
                scope["state"]["caller"] = self._holder(scope) if self.keys.required else self._neighbour(scope)
            except ProblemError as problem:
                await refuse(problem, scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _holder(self, scope: Scope) -> Caller:
        in_browser = scope["method"] == "GET" and scope["path"].startswith(BROWSER_PATHS)
        caller = self.keys.caller(_presented(scope, in_browser))
        if caller is not None:
            return caller
        wait = self.failures.take(scope["client"][0] if scope.get("client") else "")
        if wait:
            raise too_many("Too many wrong keys came from your address.", wait)
        challenge = 'Basic realm="credit-platform: the password is the API key"' if in_browser else "X-API-Key"
        raise ProblemError(
            "unauthorised", "Send your key in the header X-API-Key.", headers={"WWW-Authenticate": challenge}
        )

    def _neighbour(self, scope: Scope) -> Caller:
        host, port = scope.get("server") or ("", None)
        if port is None:  # a Unix socket, guarded by the file system
            return LOCAL
        local = is_loopback(host)
        for name, value in scope["headers"]:
            if name == b"host":
                local = local and _is_local(b"//" + value)
            elif name == b"origin":
                local = local and (value in self.origins or _is_local(value))
            elif name in _FORWARDED:
                local = False
        if local:
            return LOCAL
        raise ProblemError(
            "not-exposed",
            "Make a key where the server runs (credit-platform keys add), or set CREDIT_API_KEY there; "
            "then send it as X-API-Key.",
        )


def _presented(scope: Scope, in_browser: bool) -> bytes:
    """The key a request brings; empty where it brings none."""
    given = b""
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization":
            kind, _, given = value.partition(b" ")
            kind = kind.lower()
            if kind == b"basic" and in_browser:
                try:
                    given = b64decode(given, validate=True).partition(b":")[2]
                except Base64Error:
                    given = b""
            elif kind != b"bearer":
                given = b""
    return given


@lru_cache(256)
def _is_local(url: bytes) -> bool:
    try:
        return is_loopback(urlsplit(url.decode("latin-1")).hostname or "")
    except ValueError:
        return False
