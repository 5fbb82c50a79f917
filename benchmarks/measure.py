"""Runs one step in a process of its own and asks the operating system what it used.

Not here: what the steps do (`steps.py`), and which are compared (`mart.py`).
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_STEPS = Path(__file__).with_name("steps.py")


@dataclass(frozen=True)
class Usage:
    """CPU seconds (user and system, all threads), seconds that went by, and the most resident memory in bytes."""

    cpu: float
    wall: float
    peak: int


def measure(step: str, folder: Path, clients: int) -> Usage:
    """Runs a step of `steps.py` from start to end of a process, start-up and imports included.

    On Linux the peak starts with what the calling process holds resident, so that the caller is to stay small.

    Raises:
        RuntimeError: the step failed; it has said why.
    """
    started = perf_counter()
    pid = os.posix_spawn(
        sys.executable, [sys.executable, str(_STEPS), step, str(folder), str(clients)], dict(os.environ)
    )
    _, status, used = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{step} in {folder} failed with exit code {os.waitstatus_to_exitcode(status)}")
    return Usage(used.ru_utime + used.ru_stime, perf_counter() - started, used.ru_maxrss * 1024)
