"""Group commit: what waits is written in one transaction, and each caller goes on when its own entries are durable.

While one transaction reaches the disk, the next entries gather. Callers that were just released tend to come back at
once; so the writer waits a moment for as many as it released, and for nobody where there was only one. Not here: what
is written.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread

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

_GATHERING_SECONDS = 0.002

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
        self._queue: SimpleQueue[_Group | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._lock = Lock()
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
        with self._lock:
            self._closed = True
            self._queue.put(None)
        if self._thread:
            self._thread.join()

    def _submit(self, group: _Group) -> None:
        with self._lock:
            if self._closed:
                raise DecisionLogError("The decision log is closed.")
            if self.waiting and self.waiting + len(group.entries) > MOST_WAITING:
                raise DecisionLogBusyError(f"{self.waiting} records wait to be written already.")
            if self._thread is None:
                self._thread = Thread(target=self._run, name="decision-log", daemon=True)
                self._thread.start()
            self.waiting += len(group.entries)
            self._queue.put(group)

    def _run(self) -> None:
        closing, released = False, 1
        while not closing:
            groups, closing = self._gather(released)
            wanted = [group for group in groups if group.wanted()]
            if wanted:
                self._write_groups(wanted)
            with self._lock:
                self.waiting -= sum(len(group.entries) for group in groups)
            _release(wanted)
            released = len(wanted)

    def _gather(self, expected: int) -> tuple[list[_Group], bool]:
        """What waits, at least one group unless the writer is being closed, and whether it is."""
        groups: list[_Group] = []
        group, entries = self._queue.get(), 0
        deadline = time.monotonic() + _GATHERING_SECONDS
        try:
            while group is not None:
                groups.append(group)
                entries += len(group.entries)
                if entries >= MOST_AT_ONCE:
                    return groups, False
                patience = deadline - time.monotonic() if len(groups) < expected else 0
                group = self._queue.get(patience > 0, max(patience, 0))
        except Empty:
            return groups, False
        return groups, True

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
