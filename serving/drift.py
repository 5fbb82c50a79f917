"""The drift verdicts and reports that monitoring wrote, one JSON and one HTML file per cohort.

Not here: judging drift (`credit_platform/monitoring`).
"""

import logging
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from credit_platform.settings import Settings

logger = logging.getLogger(__name__)


class DriftVerdict(BaseModel):
    """How far a cohort has moved away from the model's training data."""

    cohort: str = Field(examples=["2024-09"])
    drifted: bool = Field(description="Whether the share of drifted columns reached the threshold.")
    drift_share: float = Field(description="Share of the watched columns that drifted.", examples=[0.23])
    threshold: float = Field(description="Share from which a cohort counts as drifted.", examples=[0.2])
    drifted_columns: list[str]
    reasons: dict[str, list[str]] = Field({}, description="What moved in each drifted column, in words.")
    columns: dict[str, float | None] = Field(description="Population stability index of each watched column.")


def verdicts(settings: Settings) -> list[DriftVerdict]:
    """Every readable verdict, newest cohort first."""
    found = []
    for file in sorted(_folder(settings).glob("[!.]*.json"), reverse=True):
        try:
            verdict = DriftVerdict.model_validate_json(file.read_bytes())
        except (ValidationError, OSError) as error:
            logger.warning("%s is no drift verdict (%s)", file.name, type(error).__name__)
            continue
        found.append(verdict.model_copy(update={"cohort": file.stem}))
    return found


def report(settings: Settings, cohort: str) -> Path | None:
    """The HTML report of a cohort. The name is looked up among the files there are; no path is ever made from it."""
    return next((file for file in _folder(settings).glob("[!.]*.html") if file.stem == cohort), None)


def _folder(settings: Settings) -> Path:
    return settings.monitoring_dir / "reports"
