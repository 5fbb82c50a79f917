"""The drift verdicts and reports that monitoring wrote, one JSON and one HTML file per cohort.

Not here: judging drift (`credit_platform/monitoring`).
"""

import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from credit_platform.lake import cohorts_of
from credit_platform.monitoring.counts import TABLE, read_counts
from credit_platform.monitoring.findings import State
from credit_platform.monitoring.reports import report_path, verdict_paths
from credit_platform.settings import Settings

logger = logging.getLogger(__name__)

About = Literal["drift", "outcomes"]


class Finding(BaseModel):
    """One metric of one layer, judged."""

    layer: str = Field(examples=["score"])
    metric: str = Field(examples=["psi"])
    state: State = Field(description="`watch` is shown, `warn` is sent, `critical` is sent at once.")
    sentence: str = Field(examples=["the score moved: PSI 0.31 against 0.1 among 5,000 clients"])
    value: float | None = Field(None, examples=[0.31])
    threshold: float | None = Field(None, examples=[0.1])
    clients: int = Field(0, examples=[5000])
    table: str = Field("", examples=["bureau"])
    column: str = Field("", examples=["EXT_SOURCE_2"])
    segment: str = ""
    cause: str = Field("", description="The likely cause, where it can be told.", examples=["broken feed"])
    explained_by: str = Field("", description="The layer that explains it; that one alerts.", examples=["quality"])


class ColumnDrift(BaseModel):
    """A watched column beside the version's reference."""

    column: str = Field(examples=["EXT_SOURCE_2"])
    table: str = Field("", description="The table it comes from.", examples=["application"])
    importance: float = Field(0.0, description="Its share of all that moves the model.", examples=[0.12])
    psi: float | None = Field(examples=[0.04])
    missing_reference: float = Field(0.0, examples=[0.002])
    missing: float = Field(0.0, examples=[0.003])
    moved: bool


class Realised(BaseModel):
    """A number that outcomes gave, its standard error, and what the scores had promised of these clients."""

    value: float = Field(examples=[0.74])
    error: float = Field(examples=[0.012])
    promised: float = Field(examples=[0.75])


class Forecast(BaseModel):
    """What the scores promise of the cohort. `note` says what they can't see."""

    default_rate: float = Field(examples=[0.081])
    auc: float = Field(examples=[0.75])
    ks: float = Field(examples=[0.38])
    brier: float = Field(examples=[0.068])
    cost_per_client: float = Field(examples=[0.52])
    refusal_rate: float = Field(examples=[0.29])
    note: str


class Bin(BaseModel):
    """Clients in one bin of a column: of the version's reference, and of the cohort."""

    label: str = Field(examples=["0.21 to 0.34"])
    missing: bool = Field(description="Whether it holds those without a value.")
    reference: int = Field(examples=[612])
    clients: int = Field(examples=[488])


class DriftVerdict(BaseModel):
    """How a cohort stands to what the version was made with, layer by layer."""

    cohort: str = Field(examples=["2024-09"])
    state: State = Field("ok", description="The worst finding that nothing else explains.")
    sentence: str = Field("", examples=["cohort 2024-09 is as the version expects"])
    layers: dict[str, State] = Field({}, description="The worst finding of each layer.", examples=[{"score": "ok"}])
    findings: list[Finding] = Field([], description="In the order of the layers.")
    details: list[ColumnDrift] = Field([], description="Every watched column.")
    score_psi: float | None = Field(None, description="How far the scores moved.", examples=[0.02])
    mean_probability: float | None = Field(None, examples=[0.081])
    approval_rate: float | None = Field(None, examples=[0.71])
    clients: int = Field(0, description="Clients of the cohort.", examples=[5000])
    clients_fitted_to: int = Field(0, description="Clients whom the version was fitted to; left out of all scores.")
    label_coverage: float = Field(0.0, description="Share of the clients whose outcome is known.", examples=[0.98])
    realised: dict[str, Realised] = Field({}, description="What outcomes said so far.")
    forecast: Forecast | None = Field(None, description="What the scores promise before any outcome is known.")
    drifted: bool = Field(description="Whether something needs somebody.")
    drift_share: float = Field(description="Share of the watched columns that drifted.", examples=[0.23])
    threshold: float = Field(description="Share from which a cohort counts as drifted.", examples=[0.2])
    drifted_columns: list[str]
    reasons: dict[str, list[str]] = Field({}, description="What moved in each drifted column, in words.")
    columns: dict[str, float | None] = Field(description="Population stability index of each watched column.")


def verdicts(settings: Settings) -> list[DriftVerdict]:
    """Every readable verdict, newest cohort first."""
    found = []
    for file in reversed(verdict_paths(settings)):
        try:
            verdict = DriftVerdict.model_validate_json(file.read_bytes())
        except (ValidationError, OSError) as error:
            logger.warning("%s is no drift verdict (%s)", file.name, type(error).__name__)
            continue
        found.append(verdict.model_copy(update={"cohort": file.stem}))
    return found


def report(settings: Settings, cohort: str, about: About = "drift") -> Path | None:
    """The HTML report of a cohort. The name is looked up among the files there are; no path is ever made from it."""
    folder = report_path(settings, "", "outcomes.html" if about == "outcomes" else "html").parent
    return next((file for file in folder.glob("[!.]*.html") if file.stem == cohort), None)


def bins(settings: Settings, cohort: str, column: str) -> list[Bin]:
    """The bins of a column in order, missing values last; empty where the cohort or the column was not counted."""
    if cohort not in cohorts_of(settings, TABLE):
        return []
    return [
        Bin(label=row["label"], missing=row["place"] < 0, reference=row["reference"], clients=row["clients"])
        for row in read_counts(settings, cohort, column)
    ]
