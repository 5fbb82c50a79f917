"""The smallest application behind the API's own protection, for what has nothing to do with scoring."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local
from serving import problems
from serving.access import needs
from serving.metrics import Metrics
from serving.protection import key_ring, protect


class Small:
    """An application whose endpoints take as long as the test wants."""

    def __init__(self, settings: Settings) -> None:
        self.app = FastAPI(docs_url=None, redoc_url=None)
        self.metrics = Metrics()
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.finished: list[str] = []
        problems.install(self.app)

        @self.app.get("/caller")
        async def caller(request: Request) -> dict[str, str]:
            return {"caller": request.state.caller.name, "request_id": request.state.request_id}

        @self.app.get("/people/{number}", dependencies=[needs("review")])
        async def person(request: Request, number: int) -> None:
            request.state.model_version, request.state.decision_id = "7", "d-1"

        @self.app.post("/predict", dependencies=[needs("score")])
        async def predict(request: Request) -> int:
            return len(await request.body())

        @self.app.post("/predict/batch")
        async def batch(request: Request) -> int:
            return len(await request.body())

        @self.app.get("/wait")
        async def wait(name: str = "") -> str:
            self.entered.release()
            while not self.go_on.is_set():
                await asyncio.sleep(0.005)
            self.finished.append(name)
            return name

        @self.app.get("/fail")
        async def fail() -> None:
            raise RuntimeError("the number of the client is 100001")

        @self.app.get("/health")
        async def health() -> str:
            return "ok"

        @self.app.get("/metrics", dependencies=[needs("metrics")])
        async def scrape() -> str:
            return self.metrics.text().decode()

        protect(self.app, settings, key_ring(settings), self.metrics)


@contextmanager
def small(settings: Settings) -> Iterator[tuple[Small, TestClient]]:
    """The application, and a client on this machine."""
    made = Small(settings)
    with local(made.app) as client:
        yield made, client


def lines(logged: str) -> list[dict[str, Any]]:
    """The objects of a log in JSON."""
    return [json.loads(line) for line in logged.splitlines() if line.startswith("{")]


def value_of(metrics: str, name: str) -> float:
    """The value of a metric, labels included in its name, in Prometheus' text; 0 where it is not there."""
    return next((float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(f"{name} ")), 0.0)
