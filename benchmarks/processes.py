"""What a process and its descendants have used so far, as Linux tells it in /proc.

Not here: starting and ending them (`running.py`).
"""

import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that descend from it, itself first."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds, user and system, of all their threads; a process that is gone counts nothing."""
    return sum(int(fields[11]) + int(fields[12]) for pid in pids if (fields := _stat(pid))) / _TICKS


def born(pid: int) -> str:
    """When a process started, to tell it from a later one of the same number; empty where it is gone."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def memory_bytes(pids: Iterable[int]) -> int:
    """Proportional set size: pages that several processes share are divided among them."""
    return sum(_pss(pid) for pid in pids)


def busy_seconds() -> float:
    """CPU seconds that all cores together have not been idle, since the machine started."""
    user, nice, system, _idle, _waiting, *others = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, (user, nice, system, *others))) / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third one on (see proc_pid_stat(5)); none where the process is gone."""
    try:
        # The name before them, in parentheses, may hold anything.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _pss(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
