"""The decision log as a process of the API has it: opened at the start, or later where that failed, and measured.

Without a record there is no decision: what goes wrong here leaves as a refusal. Not here: what a log is (`decisions/`).
"""

import logging
import time
from collections.abc import Sequence

from credit_platform.settings import Settings
from serving.decisions.entries import Decision, Personal
from serving.decisions.errors import DecisionLogBusyError, DecisionLogError
from serving.decisions.log import DecisionLog
from serving.metrics import Metrics
from serving.problems import ProblemError

logger = logging.getLogger(__name__)

Recorded = tuple[Decision, Personal]

_CHUNK = 256
"""Decisions in one transaction; single ones wait while it runs."""


class Recorder:
    """Puts decisions on record, unless the settings say that none are."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._log: DecisionLog | None = None
        self.enabled = settings.decisions_record

    def open(self) -> None:
        """Opens the log, if it is not open. Never fails; what is wrong is logged, and told to whoever asks."""
        if self._log is not None:
            return
        if not self.enabled:
            logger.warning("decisions are not recorded (CREDIT_DECISIONS_RECORD): for tests and benchmarks only")
            return
        try:
            self._log = DecisionLog.open(self._settings)
        except DecisionLogError as error:
            logger.error("no decision can be given: %s", error)

    def close(self) -> None:
        """Returns when all that waits is durable."""
        if self._log is not None:
            self._log.close()

    def missing(self) -> str | None:
        """What `/ready` says about it."""
        return None if self._log or not self.enabled else "The decision log can't be opened."

    @property
    def log(self) -> DecisionLog:
        """The open log.

        Raises:
            ProblemError: there is none.
        """
        if self._log is None:
            raise _no_record(5)
        return self._log

    async def record(self, decision: Decision, personal: Personal) -> str | None:
        """The id of the record, once it is durable; None where decisions are not recorded.

        Raises:
            ProblemError: it could not be recorded, so it must not be given.
        """
        if not self.enabled:
            return None
        began = time.perf_counter()
        try:
            receipt = await self.log.record_async(decision, personal)
        except DecisionLogError as error:
            raise self._refusal(error, 1) from error
        self._metrics.recorded(time.perf_counter() - began, self.log.waiting)
        return receipt.id

    def record_many(self, decisions: Sequence[Recorded]) -> list[str | None]:
        """The same for many, for threads.

        Raises:
            ProblemError: some could not be recorded; none of them must be given.
        """
        if not self.enabled:
            return [None] * len(decisions)
        ids: list[str | None] = []
        for start in range(0, len(decisions), _CHUNK):
            began = time.perf_counter()
            part = decisions[start : start + _CHUNK]
            try:
                ids += [receipt.id for receipt in self.log.record_all(part)]
            except DecisionLogError as error:
                raise self._refusal(error, len(decisions)) from error
            self._metrics.recorded(time.perf_counter() - began, self.log.waiting)
        return ids

    def unreadable(self, error: DecisionLogError) -> ProblemError:
        """The refusal where the log can't be read."""
        logger.error("%s", error)
        return ProblemError("not-recorded", "The decision log can't be read.", headers={"Retry-After": "5"})

    def _refusal(self, error: DecisionLogError, decisions: int) -> ProblemError:
        for _ in range(decisions):
            self._metrics.not_recorded()
        busy = isinstance(error, DecisionLogBusyError)
        if not busy:
            logger.error("a decision was not given: %s", error)
        return _no_record(1 if busy else 5)


def _no_record(wait: int) -> ProblemError:
    return ProblemError(
        "not-recorded",
        "A decision is given only once it is on record. Try again in a moment.",
        headers={"Retry-After": str(wait)},
    )
