"""What was scored, cohort by cohort."""

from fastapi import APIRouter

from credit_platform.settings import Settings
from serving import portfolio
from serving.access import needs
from serving.routes import refusals, router


def by_cohort(settings: Settings) -> APIRouter:
    """The endpoints."""
    routes = router("portfolio")

    @routes.get("/portfolio", responses=refusals(), dependencies=[needs("review")])
    def cohorts() -> list[portfolio.ScoredCohort]:
        """Scores, grades and decisions of every scored cohort, the oldest first; empty until one was scored."""
        return portfolio.scored(settings)

    @routes.get("/performance", responses=refusals(), dependencies=[needs("review")])
    def performance() -> list[portfolio.CohortPerformance]:
        """What came of the scores of every cohort whose outcomes are known, the oldest first."""
        return portfolio.performed(settings)

    return routes
