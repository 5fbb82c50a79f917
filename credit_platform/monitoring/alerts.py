"""Alerts: one JSON line each in `data/monitoring/alerts.log`. A message names cohorts and columns, never clients."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
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
    """Appends an alert; one write, so that two processes can't mix their lines."""
    path = log_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(alert)})
    with path.open("ab", buffering=0) as log:
        log.write(f"{line}\n".encode())


def drift_alert(verdict: Mapping[str, Any], report: Path) -> Alert:
    """The alert for a drifted cohort's verdict, as `drift.Verdict.as_json` gives it."""
    return Alert("drift", "warn", str(verdict["cohort"]), str(verdict["sentence"]), str(report))
