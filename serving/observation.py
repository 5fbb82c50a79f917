"""One look at every request from outside: its id, a line in the log, its time in the metrics, and a net below it.

What is told about a request is its method, route, status and time, who asked, and what endpoints put into
`request.state`: `model_version`, `decision_id`. Never its path, which can hold the number of a client, nor its body.
Not here: how lines are written (`logs.py`) and values kept (`metrics.py`).
"""

import logging
import re
import time
import traceback
from pathlib import PurePath
from typing import Any
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.limits import header
from serving.logs import REQUEST_ID
from serving.metrics import Metrics
from serving.problems import ProblemError, refuse

logger = logging.getLogger(__name__)
requests = logging.getLogger("serving.requests")

_WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_GIVEN_UP = 499
"""What stands for the status where the client left before the answer."""
_VERSION_PREFIX = "/v1"
_LINE = "%s %s %d %s ms"


class Observation:
    """A layer outside all that may refuse or fail."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        given = header(scope, b"x-request-id")
        request_id = given.decode("ascii") if _WELL_FORMED.fullmatch(given) else uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        REQUEST_ID.set(request_id)  # in the context of this request's task alone
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            status = status or _GIVEN_UP
        except Exception as error:
            _log(error)
            if not status:
                detail = "This is not your fault; the server's log says where it happened."
                await refuse(ProblemError("internal", detail), scope, receive, watched)
        finally:
            self.metrics.in_flight.dec()
            self._note(scope, state, status or _GIVEN_UP, time.perf_counter() - began)

    def _note(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route, refusal = _template(scope), state.get("refusal")
        self.metrics.answered(method, route, status, seconds)
        if refusal is not None:
            self.metrics.refused(refusal)
        if requests.isEnabledFor(logging.INFO):
            caller, milliseconds = state.get("caller"), round(seconds * 1000, 2)
            fields = {"method": method, "route": route, "status": status, "ms": milliseconds}
            if caller is not None:
                fields["caller"] = caller.name
            fields |= {name: state[name] for name in ("model_version", "decision_id", "refusal") if name in state}
            # Made here, because the logger would walk up the stack for a place that tells nothing.
            told = (method, route, status, milliseconds)
            record = requests.makeRecord(requests.name, logging.INFO, "", 0, _LINE, told, None)
            record.fields = fields
            requests.handle(record)


def _template(scope: Scope) -> str:
    """The route that was taken, with the names of its parameters in place of their values."""
    route = scope.get("route")
    template: str = getattr(route, "path", "") or "unknown"
    # A router that is included under a prefix leaves its routes without it.
    if scope["path"].startswith(f"{_VERSION_PREFIX}/") and template.startswith("/"):
        return template if template.startswith(f"{_VERSION_PREFIX}/") else _VERSION_PREFIX + template
    return template


def _log(error: Exception) -> None:
    """Logs where it happened but not the error's message, which can hold values."""
    calls = traceback.extract_tb(error.__traceback__)[-8:]
    where = " < ".join(f"{PurePath(call.filename).name}:{call.lineno}" for call in reversed(calls))
    logger.error("%s at %s", type(error).__name__, where)
