"""Where the drift reports lie, and reading the verdicts back."""

import json
from pathlib import Path
from typing import Any

from credit_platform.settings import Settings


def reports_dir(settings: Settings) -> Path:
    return settings.monitoring_dir / "reports"


def verdict_path(settings: Settings, cohort: str) -> Path:
    return reports_dir(settings) / f"{cohort}.json"


def report_path(settings: Settings, cohort: str, kind: str = "html") -> Path:
    """Evidently's page, or with `evidently.json` its numbers, which lie in a folder of their own."""
    if kind == "html":
        return reports_dir(settings) / f"{cohort}.html"
    return reports_dir(settings) / "evidently" / f"{cohort}.json"


def verdicts(settings: Settings) -> list[dict[str, Any]]:
    """All verdicts, oldest cohort first."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(reports_dir(settings).glob("*.json"))]
