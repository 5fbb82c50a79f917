"""Cohorts as they were scored, and files of clients to decide on."""

from pydantic import BaseModel

from ui.api import Api
from ui.texts import Language


class Points(BaseModel):
    """Points of a cohort's clients at quantiles."""

    p5: float
    p25: float
    p50: float
    p75: float
    p95: float


class ScoredCohort(BaseModel):
    cohort: str
    model_version: str
    clients: int
    mean_probability: float
    points: Points | None
    grades: dict[str, int]
    decisions: dict[str, int]


def cohorts(api: Api) -> list[ScoredCohort]:
    return api.get("/v1/portfolio", list[ScoredCohort])


def decide(api: Api, name: str, content: bytes, language: Language, reasons: int) -> str:
    """Decides on all clients of a CSV or Parquet file of features; CSV with a line for each."""
    query = {"format": "csv", "language": language, "reasons": reasons}
    return api.ask("POST", "/v1/predict/batch", params=query, files={"file": (name, content)}).text
