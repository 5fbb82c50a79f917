"""A process that runs stages of the platform in children of its own, and has them killed or held at a chosen step.

A step is a change of the file system that Python announces to audit hooks (PEP 578) just before it is made: a file
opened for writing, a folder made, a file or folder moved, linked or removed. A child is killed as the operating system
does it: by SIGKILL before the step, or by the signal for a file that grows beyond a limit, amid whatever writes it.
"""

import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from credit_platform.alerting.log import log_path, write_line
from credit_platform.features.splits import write_splits
from credit_platform.features.window import labelled_cohorts, training_window
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import draft
from credit_platform.mart.buckets import build_cohort
from credit_platform.mart.lookup import publish_lookup
from credit_platform.quality.reports import report
from credit_platform.quarantine import hold
from credit_platform.raw.ingest import ingest
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.messages import message

COHORT = "2025-01"
_CHANGES = {"os.rename", "os.link", "os.mkdir", "os.rmdir", "os.remove", "os.symlink", "os.truncate", "ctypes.dlsym"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _raw(settings: Settings, _: str) -> None:
    for name in (*TABLE_NAMES, "outcomes"):
        ingest(settings, name, COHORT)


def _splits(settings: Settings, _: str) -> None:
    window = training_window(settings, labelled_cohorts(settings))
    with draft(settings, "feature_splits") as new:
        _, parts = write_splits(settings, window, {}, (), new.folder)
        new.publish(sum(part.clients for part in parts.values()))


STAGES: dict[str, Callable[[Settings, str], Any]] = {
    "land": lambda settings, source: land(settings, Path(source)),
    "raw": _raw,
    "bureau": lambda settings, _: ingest(settings, "bureau", COHORT),
    "bureau_balance": lambda settings, _: ingest(settings, "bureau_balance", COHORT),
    "quality": lambda settings, _: report(settings, COHORT),
    "mart": lambda settings, _: build_cohort(settings, COHORT),
    "lookup": lambda settings, _: publish_lookup(settings, COHORT),
    "scores": lambda settings, model: score_cohort(settings, Scorer.load(Path(model), "1"), COHORT),
    "splits": _splits,
    "quarantine": lambda settings, why: hold(settings, COHORT, "raw_bureau", [why], why),
    "alert": lambda settings, title: write_line(log_path(settings), message(title, COHORT)),
}


def main() -> None:
    """Reads commands, a JSON object a line, and answers with lines: marks of held children, errors, and an end."""
    pq.core  # noqa: B018 - imported once here rather than in every child
    while line := _read_line():
        command = json.loads(line)
        child = os.fork()
        if not child:
            _run(**command)
        _, status = os.waitpid(child, 0)
        _say("end", -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _run(
    stage: str,
    settings: dict[str, Any],
    argument: str,
    temp: str,
    kill_at: int = 0,
    hold_at: int = 0,
    kill_beyond: int = 0,
    largest: int = 0,
) -> None:
    tempfile.tempdir = temp
    if kill_beyond or largest:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill_beyond else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (kill_beyond or largest,) * 2)
    steps = count(1)
    place = (str(settings["data_dir"]), temp)

    def step(event: str, arguments: tuple[Any, ...]) -> None:
        if not _changes(event, arguments, place):
            return
        number = next(steps)
        if number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == hold_at:
            _say("held", number)
            _read_line()

    sys.addaudithook(step)
    try:
        STAGES[stage](Settings(_env_file=None, **settings), argument)
        code = 0
    except Exception as error:
        _say("error", f"{type(error).__name__}: {error}")
        code = 1
    _say("steps", next(steps) - 1)
    os._exit(code)


def _changes(event: str, arguments: tuple[Any, ...], place: tuple[str, ...]) -> bool:
    if event == "ctypes.dlsym":
        return arguments[1] == "renameat2"
    if event == "open":
        path, _, flags = arguments
        return isinstance(flags, int) and bool(flags & _WRITES) and str(path).startswith(place)
    # What is removed below a folder is named without it.
    return event in _CHANGES and (str(arguments[0]).startswith(place) or not os.path.isabs(str(arguments[0])))


def _say(kind: str, value: object) -> None:
    os.write(1, f"{json.dumps([kind, value])}\n".encode())


def _read_line() -> str:
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line.decode()


if __name__ == "__main__":
    main()
