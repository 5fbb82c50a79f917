"""Whether this process should be sent requests, and how it takes its leave.

`/health` says what decides here; whoever restarts processes may ask it, or just connect. `/ready` says whether to send
requests: a process whose model is missing, whose log can't be written or which is about to stop is alive but not
ready. Not here: finishing what is in flight, which the ASGI server does.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from serving.problems import ProblemError

logger = logging.getLogger(__name__)

Check = Callable[[], str | None]
"""Says in a sentence what is missing; None where nothing is."""


class Readiness:
    """What must be well for requests to be sent here."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self.stopping = False

    def demand(self) -> None:
        """Returns where all is well.

        Raises:
            ProblemError: it isn't; the detail says why.
        """
        found = ("The server is about to stop.",) if self.stopping else (check() for check in self._checks)
        missing = [sentence for sentence in found if sentence is not None]
        if missing:
            raise ProblemError("not-ready", " ".join(missing), headers={"Retry-After": "5"})


@contextmanager
def leave_slowly(readiness: Readiness, seconds: float) -> Iterator[None]:
    """While this block runs, a signal to stop first makes `/ready` say so, and stops the server after `seconds`.

    Meanwhile requests are served as ever, so that a load balancer has the time to notice and none is refused. A second
    signal stops at once. Without effect outside the main thread, where there are no signals.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    servers: dict[int, Any] = {}

    def stop(number: int, frame: FrameType | None) -> None:
        stop_server = servers[number]
        if readiness.stopping:
            stop_server(number, frame)
            return
        readiness.stopping = True
        logger.info("stopping in %g s; /ready says so", seconds)
        loop.call_soon_threadsafe(loop.call_later, seconds, stop_server, number, None)

    for asked in (signal.SIGTERM, signal.SIGINT):
        servers[asked] = signal.getsignal(asked)
        if callable(servers[asked]):
            signal.signal(asked, stop)
    try:
        yield
    finally:
        for number, handler in servers.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)
