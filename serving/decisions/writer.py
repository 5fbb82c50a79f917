"""Group commit: what waits is written in one transaction, and each caller goes on when its own entries are durable.

While one transaction reaches the disk, the next entries gather. Callers that were just released tend to come back at
once; so the writer waits a moment for as many as it released beside those who wait already, and for nobody where there
was only one. Not here: what is written.
"""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import accumulate
from threading import Condition, Lock, Thread

from serving.decisions.chain import Entry
from serving.decisions.entries import Receipt
from serving.decisions.errors import DecisionLogBusyError, DecisionLogError

logger = logging.getLogger(__name__)

MOST_WAITING = 4096
"""Entries that may wait; what comes on top is refused."""

MOST_AT_ONCE = 256
"""Entries from which a transaction takes no more on."""

PATIENCE_SECONDS = 10.0
"""How long a caller waits for its entries to be durable."""

_GATHERING_SECONDS = 0.005

Write = Callable[[Sequence[Entry]], list[Receipt]]


@dataclass(slots=True)
class _Group:
    """What one caller wants written, and where it waits: in a thread, or in an event loop."""

    entries: Sequence[Entry]
    done: "Future[list[Receipt]] | asyncio.Future[list[Receipt]]"
    receipts: list[Receipt] | None = None
    error: str = ""

    def wanted(self) -> bool:
        """Whether the caller still waits."""
        return self.done.set_running_or_notify_cancel() if isinstance(self.done, Future) else not self.done.cancelled()

    def release(self) -> None:
        if self.done.cancelled():
            return
        if self.receipts is None:
            self.done.set_exception(DecisionLogError(self.error))
        else:
            self.done.set_result(self.receipts)


class GroupCommit:
    """One writer for all threads and tasks of a process. Its thread starts with the first entry."""

    def __init__(self, write: Write) -> None:
        """`write` makes entries durable, all or none, and raises DecisionLogError where it can't."""
        self._write = write
        self._groups: list[_Group] = []
        self._gathered = 0
        self._expected = 1
        self._changed = Condition(Lock())
        self._thread: Thread | None = None
        self._closed = False
        self.waiting = 0

    def write(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Returns once the entries are durable, all in one transaction.

        Raises:
            DecisionLogBusyError: too many wait already; nothing was written.
            DecisionLogError: they could not be written, or not in time.
        """
        done: Future[list[Receipt]] = Future()
        self._submit(_Group(entries, done))
        try:
            return done.result(PATIENCE_SECONDS)
        except TimeoutError:
            done.cancel()
            raise _too_late() from None

    async def write_async(self, entries: Sequence[Entry]) -> list[Receipt]:
        """The same for asyncio. A task that is cancelled withdraws entries that are not being written yet."""
        done: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        self._submit(_Group(entries, done))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await done
        except TimeoutError:
            raise _too_late() from None

    def close(self) -> None:
        """Takes nothing more on and returns when all that waits is written."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _submit(self, group: _Group) -> None:
        with self._changed:
            if self._closed:
                raise DecisionLogError("The decision log is closed.")
            if self.waiting and self.waiting + len(group.entries) > MOST_WAITING:
                raise DecisionLogBusyError(f"{self.waiting} records wait to be written already.")
            if self._thread is None:
                self._thread = Thread(target=self._run, name="decision-log", daemon=True)
                self._thread.start()
            self.waiting += len(group.entries)
            self._gathered += len(group.entries)
            self._groups.append(group)
            if self._enough():
                self._changed.notify()

    def _enough(self) -> bool:
        """Whether the writer need not wait for more."""
        return self._closed or len(self._groups) >= self._expected or self._gathered >= MOST_AT_ONCE

    def _run(self) -> None:
        expected = 1
        while groups := self._gather(expected):
            wanted = [group for group in groups if group.wanted()]
            if wanted:
                self._write_groups(wanted)
            with self._changed:
                self.waiting -= sum(len(group.entries) for group in groups)
                expected = len(wanted) + len(self._groups)
            _release(wanted)

    def _gather(self, expected: int) -> list[_Group]:
        """What waits; nothing once the writer was closed and has written all. It is woken once, not for each group."""
        with self._changed:
            self._expected = expected
            if expected > 1:
                self._changed.wait_for(self._enough, _GATHERING_SECONDS)
            self._expected = 1
            self._changed.wait_for(self._enough)
            entries = list(accumulate(len(group.entries) for group in self._groups))
            count = bisect_left(entries, MOST_AT_ONCE) + 1
            groups, self._groups = self._groups[:count], self._groups[count:]
            self._gathered -= sum(len(group.entries) for group in groups)
            return groups

    def _write_groups(self, groups: Sequence[_Group]) -> None:
        try:
            receipts = iter(self._write([entry for group in groups for entry in group.entries]))
        except Exception as error:
            # Whatever went wrong, nobody may be left waiting, and the next ones may fare better.
            if not isinstance(error, DecisionLogError):
                logger.exception("the decision log could not be written")
            for group in groups:
                group.error = str(error)
            return
        for group in groups:
            group.receipts = [next(receipts) for _ in group.entries]


def _release(groups: Iterable[_Group]) -> None:
    """Lets the callers go on: each thread by itself, all tasks of an event loop with one call into it."""
    loops: dict[asyncio.AbstractEventLoop, list[_Group]] = {}
    for group in groups:
        if isinstance(group.done, Future):
            group.release()
        else:
            loops.setdefault(group.done.get_loop(), []).append(group)
    for loop, waiting in loops.items():
        try:
            loop.call_soon_threadsafe(_release_all, waiting)
        except RuntimeError:
            logger.warning("an event loop was closed before its decisions were durable")


def _release_all(groups: Iterable[_Group]) -> None:
    for group in groups:
        group.release()


def _too_late() -> DecisionLogError:
    return DecisionLogError(f"The decision log did not answer within {PATIENCE_SECONDS:g} seconds.")
