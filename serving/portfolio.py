"""Cohorts as they were scored, and what came of it, in numbers.

Not here: counting (`credit_platform/scoring/portfolio.py`) and measuring (`credit_platform/monitoring/performance.py`).
"""

from pydantic import BaseModel, Field

from credit_platform.lake import cohorts_of, require
from credit_platform.scoring.portfolio import QUANTILES, CohortPortfolio, portfolios
from credit_platform.settings import Settings
from serving.dossier import Interval

PERFORMANCE = "performance"
"""The table; its module is not imported, because it takes seconds."""


class Points(BaseModel):
    """Points of a cohort's clients at quantiles."""

    p5: float = Field(examples=[505])
    p25: float = Field(examples=[531])
    p50: float = Field(examples=[552])
    p75: float = Field(examples=[575])
    p95: float = Field(examples=[608])


class ScoredCohort(BaseModel):
    cohort: str = Field(examples=["2024-09"])
    model_version: str = Field(description="The version that scored it.", examples=["7"])
    clients: int = Field(examples=[3000])
    mean_probability: float = Field(examples=[0.081])
    points: Points | None = Field(description="Null where there is nobody.")
    grades: dict[str, int] = Field(description="Clients by grade, A the best.", examples=[{"A": 90, "B": 495}])
    decisions: dict[str, int] = Field(description="Clients by decision.", examples=[{"approve": 1700, "refuse": 900}])


def scored(settings: Settings) -> list[ScoredCohort]:
    """Every scored cohort, the oldest first."""
    return [_told(each) for each in portfolios(settings)]


def _told(each: CohortPortfolio) -> ScoredCohort:
    own = each.portfolio
    names = [f"p{100 * quantile:.0f}" for quantile in QUANTILES]
    return ScoredCohort(
        cohort=each.cohort,
        model_version=each.model_version,
        clients=own.clients,
        mean_probability=own.mean_probability,
        points=Points(**dict(zip(names, own.points, strict=True))) if own.points else None,
        grades=dict(own.grades),
        decisions=dict(own.decisions),
    )


class CohortPerformance(BaseModel):
    """What came of a cohort's scores, among clients whom the version was not fitted to."""

    cohort: str = Field(examples=["2024-09"])
    model_version: str = Field(examples=["7"])
    clients: int = Field(description="Clients with a known outcome.", examples=[2876])
    metrics: dict[str, Interval] = Field(description="Empty until enough outcomes are known.")


def performed(settings: Settings) -> list[CohortPerformance]:
    """Every measured cohort, the oldest first."""
    import pyarrow.parquet as pq

    found = []
    for cohort in cohorts_of(settings, PERFORMANCE):
        version = require(settings, PERFORMANCE, cohort)
        rows = pq.read_table(version.folder()).to_pylist()
        found.append(
            CohortPerformance(
                cohort=cohort,
                model_version=str(version.facts["model_version"]),
                clients=version.facts["clients"],
                metrics={row["metric"]: Interval.model_validate(row) for row in rows},
            )
        )
    return found
