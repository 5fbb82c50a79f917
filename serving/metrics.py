"""What Prometheus scrapes: requests, refusals, decisions, the model in force, the decision log.

In one process the values lie in memory. Where PROMETHEUS_MULTIPROC_DIR names a folder, as `python -m serving` sees to
when it starts several workers, each process writes its values to files there, and whichever is scraped answers for
all. Nothing here knows a client. Not here: who may scrape (`access.py`).
"""

import os
from collections.abc import Callable
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PROBABILITIES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "credit_http_request_seconds",
            "Time from a request's headers to the end of its answer.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._refused = Counter(
            "credit_http_refused", "Requests that were refused, by reason.", ("reason",), registry=self._registry
        )
        self.in_flight = Gauge(
            "credit_http_in_flight",
            "Requests at work or waiting.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._decisions = Counter(
            "credit_decisions", "Decisions, by outcome.", ("decision", "model_version"), registry=self._registry
        )
        self._probability = Histogram(
            "credit_probability_of_default",
            "Probabilities of default that were decided on.",
            ("model_version",),
            buckets=_PROBABILITIES,
            registry=self._registry,
        )
        self._model = Gauge(
            "credit_model_info",
            "Processes that decide by this version of the model.",
            ("name", "version"),
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._log_seconds = Histogram(
            "credit_decision_log_seconds",
            "Time from a decision to its durable record.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._log_waiting = Gauge(
            "credit_decision_log_waiting",
            "Records that wait to be written.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._log_failures = Counter(
            "credit_decision_log_failures",
            "Decisions that were not given because they could not be recorded.",
            registry=self._registry,
        )
        self._serving: tuple[str, str] | None = None
        self._watched: Callable[[], int] | None = None
        self._children: dict[tuple[str, str, int], Histogram] = {}
        _sweep()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request that was answered, or given up by its client (status 499)."""
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._seconds.labels(method, route, str(status))
        child.observe(seconds)

    def refused(self, reason: str) -> None:
        """Counts a refusal, by its kind of problem."""
        self._refused.labels(reason).inc()

    def decided(self, decision: str, probability: float, version: str) -> None:
        """Counts a decision."""
        self._decisions.labels(decision, version).inc()
        self._probability.labels(version).observe(probability)

    def serves(self, name: str, version: str) -> None:
        """Notes that this process decides by a version from now on."""
        if self._serving != (name, version):
            if self._serving is not None:
                self._model.labels(*self._serving).set(0)
            self._model.labels(name, version).set(1)
            self._serving = (name, version)

    def recorded(self, seconds: float, waiting: int) -> None:
        """Notes how long a record took to become durable, and how many wait behind it."""
        self._log_seconds.observe(seconds)
        self._log_waiting.set(waiting)

    def not_recorded(self) -> None:
        """Counts a decision that the log would not take."""
        self._log_failures.inc()

    def text(self) -> bytes:
        """The metrics as Prometheus reads them, of all workers."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def close(self) -> None:
        """Takes this process out of what is summed over living ones."""
        if FOLDER in os.environ:
            multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


def _sweep() -> None:
    """Takes processes that died without a word out of what is summed over living ones."""
    if FOLDER in os.environ:
        for file in Path(os.environ[FOLDER]).glob("gauge_live*_*.db"):
            process = int(file.stem.rpartition("_")[2])
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]
            except PermissionError:
                continue
