"""Where verdicts and Evidently's reports lie, reading them back, and which reports are kept."""

import json
from pathlib import Path
from typing import Any, Literal, get_args

from credit_platform.monitoring.findings import Finding
from credit_platform.settings import Settings

Kind = Literal["html", "evidently.json", "outcomes.html", "outcomes.json"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def reports_dir(settings: Settings) -> Path:
    return settings.monitoring_dir / "reports"


def verdict_path(settings: Settings, cohort: str) -> Path:
    return reports_dir(settings) / f"{cohort}.json"


def report_path(settings: Settings, cohort: str, kind: Kind = "html") -> Path:
    """Evidently's page on a cohort's drift, its page on the outcomes, or the numbers of either."""
    if kind == "html":
        return reports_dir(settings) / f"{cohort}.html"
    folder, suffix = {
        "evidently.json": ("evidently", "json"),
        "outcomes.html": ("outcomes", "html"),
        "outcomes.json": ("outcomes", "json"),
    }[kind]
    return reports_dir(settings) / folder / f"{cohort}.{suffix}"


def verdict_paths(settings: Settings) -> list[Path]:
    """All verdicts' files, each called as its cohort, the oldest first."""
    return sorted(reports_dir(settings).glob("[!.]*.json"))


def verdicts(settings: Settings) -> list[dict[str, Any]]:
    """All verdicts, oldest cohort first."""
    return [json.loads(path.read_text("utf-8")) for path in verdict_paths(settings)]


def verdict(settings: Settings, cohort: str) -> dict[str, Any] | None:
    """The verdict on a cohort; None where it has not been monitored."""
    path = verdict_path(settings, cohort)
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def findings(settings: Settings, cohort: str) -> tuple[Finding, ...]:
    """What was found of a cohort when it was last monitored, in the order of the layers; empty where it was not."""
    kept = verdict(settings, cohort) or {}
    return tuple(Finding.from_json(facts) for facts in kept.get("findings", ()))


def prune(settings: Settings) -> list[str]:
    """Removes Evidently's pages and numbers of all but the newest cohorts; verdicts stay. Which it removed."""
    pages = sorted(path.stem for path in reports_dir(settings).glob("[!.]*.html"))
    old = pages[: -settings.drift_reports]
    for cohort in old:
        for kind in KINDS:
            report_path(settings, cohort, kind).unlink(missing_ok=True)
    return old
