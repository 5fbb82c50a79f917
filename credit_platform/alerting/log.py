"""`data/monitoring/alerts.log`: one JSON line for each message, for people with a terminal and for log collectors.

A line names cohorts and columns, never clients. It is written whatever becomes of the other channels.
"""

import json
import os
from errno import ENOSPC
from fcntl import LOCK_EX, flock
from pathlib import Path

from credit_platform.alerting.messages import Message
from credit_platform.settings import Settings


def log_path(settings: Settings) -> Path:
    return settings.monitoring_dir / "alerts.log"


def write_line(path: Path, message: Message) -> None:
    """Appends a message; two processes can't mix their lines.

    Raises:
        OSError: the line could not be written in full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "at": message.at.isoformat(timespec="seconds"),
        "severity": message.severity,
        "subject": message.subject,
        "kind": message.items[0].kind,
        "message": message.title,
        "incidents": [{"id": item.incident, "event": item.event, "sentence": item.sentence} for item in message.items],
        "where": message.report or message.items[0].runbook,
    }
    line = json.dumps(facts)
    with path.open("a+b", buffering=0) as log:
        flock(log, LOCK_EX)  # else a line that is being written would pass for one that was cut short
        log.seek(0, os.SEEK_END)
        # A line that a full disk or a killed process cut short is ended first.
        cut = log.tell() and os.pread(log.fileno(), 1, log.tell() - 1) != b"\n"
        text = f"{chr(10) * bool(cut)}{line}\n".encode()
        if log.write(text) < len(text):
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(path))
