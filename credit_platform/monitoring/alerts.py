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
    with path.open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def drift_alert(verdict: Mapping[str, Any], report: Path) -> Alert:
    """The alert for a drifted cohort's verdict, as `drift.Verdict.as_json` gives it."""
    columns = verdict["drifted_columns"]
    named = ", ".join(columns[:5]) + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
    return Alert(
        "drift",
        "warn",
        str(verdict["cohort"]),
        f"cohort {verdict['cohort']}: {verdict['drift_share']:.0%} of the watched features drifted "
        f"(limit {verdict['threshold']:.0%}), score PSI {verdict['score_psi']:.2f}; {named or 'no single feature'}",
        str(report),
    )
