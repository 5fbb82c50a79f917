"""The API as processes: uvicorn with time limits on headers, several workers, one log.

Not here: what an application can see to by itself (`limits.py`, `readiness.py`).
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from credit_platform.settings import Settings
from serving import logs
from serving.access import is_loopback
from serving.metrics import FOLDER
from serving.protection import key_ring

logger = logging.getLogger(__name__)

_HEADER_SECONDS = 10
_MOST_HEADER_BYTES = 65_536
_KEEP_ALIVE_SECONDS = 30
_FAREWELL_SECONDS = 1
_MOST_CONNECTIONS = 900
"""Below the 1,024 files that a process may commonly have open."""
_WORKER_PATIENCE_SECONDS = 60
"""How long a worker may be too busy to answer its parent; loading a model keeps it busy."""


class Connection(HttpToolsProtocol):
    """One connection, with more patience than uvicorn at its end and less at its beginning.

    uvicorn waits for ever for headers: this hangs up on who takes too long over them or sends too many, and on who goes
    on sending a body that was refused. A server that stops has uvicorn hang up on who may just be sending the next
    request: this answers one more, and says in the answer that it is the last.
    """

    _deadline: asyncio.TimerHandle | None = None
    _idle_bytes = 0
    _leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_HEADER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._at_work():
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
            self._idle_bytes = 0
        elif not self.transport.is_closing():
            self._idle_bytes += len(data)
            if self._idle_bytes > _MOST_HEADER_BYTES and "method" not in (self.scope or ()):
                self.transport.close()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(_HEADER_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        self._leaving = True
        if self._at_work():
            super().shutdown()
        else:
            self.loop.call_later(_FAREWELL_SECONDS, self._part)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _part(self) -> None:
        if not self._at_work():
            self.transport.close()


def why_not(settings: Settings, host: str) -> str | None:
    """Why the API must not listen on this address; None where it may.

    Raises:
        KeyFileError: the key file can't be used.
    """
    keys = key_ring(settings)
    if is_loopback(host):
        return None
    if not settings.decisions_record:
        return f"Not listening on {host}: without a record (CREDIT_DECISIONS_RECORD) decisions are for 127.0.0.1 only."
    if keys.usable:
        return None
    return (
        f"Not listening on {host}: anyone who reaches it could read clients' data. Make a key first "
        "(credit-platform keys add NAME --scope score) or set CREDIT_API_KEY; callers send it as X-API-Key. "
        "Or listen on 127.0.0.1."
    )


def serve(settings: Settings, host: str, port: int, workers: int) -> None:
    """Runs the API until it is stopped."""
    config = uvicorn.Config(
        "serving.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=Connection,
        ws="none",
        log_config=logs.configuration(settings),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=settings.api_stop_seconds,
        timeout_worker_healthcheck=_WORKER_PATIENCE_SECONDS,
    )
    if not key_ring(settings).required:
        logger.info("no API key: only this machine is answered")
    if workers == 1:
        uvicorn.Server(config).run()
        return
    with _metrics_folder():
        Multiprocess(config, sockets=[config.bind_socket()]).run()


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """A folder where the workers keep their metrics; one that the environment names is emptied of older ones."""
    if FOLDER in os.environ:
        for left in Path(os.environ[FOLDER]).glob("*.db"):
            left.unlink()
        yield
        return
    with TemporaryDirectory(prefix="credit-platform-metrics-") as folder:
        os.environ[FOLDER] = folder
        yield
