"""Alerts: one JSON line each in `data/monitoring/alerts.log`. A message names cohorts and columns, never clients."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from errno import ENOSPC
from pathlib import Path
from typing import Any, Literal

from credit_platform.settings import Settings


@dataclass(frozen=True)
class Alert:
    """What happened, how bad it is, and where to look."""

    kind: Literal["drift", "run_failure"]
    severity: Literal["warn", "critical"]
    subject: str
    message: str
    where: str = ""


def log_path(settings: Settings) -> Path:
    return settings.monitoring_dir / "alerts.log"


def raise_alert(settings: Settings, alert: Alert) -> None:
    """Appends an alert; one write, so that two processes can't mix their lines.

    Raises:
        OSError: the line could not be written in full.
    """
    path = log_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(alert)})
    with path.open("a+b", buffering=0) as log:
        # A line that a full disk or a killed process cut short is ended first.
        cut = log.tell() and os.pread(log.fileno(), 1, log.tell() - 1) != b"\n"
        text = f"{chr(10) * bool(cut)}{line}\n".encode()
        if log.write(text) < len(text):
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(path))


def drift_alert(verdict: Mapping[str, Any], report: Path) -> Alert:
    """The alert for a drifted cohort's verdict, as `drift.Verdict.as_json` gives it."""
    return Alert("drift", "warn", str(verdict["cohort"]), str(verdict["sentence"]), str(report))
