"""What monitoring found."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from credit_platform.settings import Settings
from serving import drift
from serving.access import needs
from serving.problems import ProblemError
from serving.routes import refusals, router

_SANDBOX = {"Content-Security-Policy": "sandbox allow-scripts"}
"""The report runs scripts of its own; the sandbox keeps them away from everything else on this origin."""


def monitoring(settings: Settings) -> APIRouter:
    """The endpoints."""
    routes = router("drift")

    @routes.get("/drift", dependencies=[needs("review")], responses=refusals())
    def drift_verdicts() -> list[drift.DriftVerdict]:
        """The drift verdicts, newest cohort first; empty until a cohort has been monitored."""
        return drift.verdicts(settings)

    @routes.get(
        "/drift/{cohort}/report",
        response_class=FileResponse,
        dependencies=[needs("review")],
        responses={200: {"content": {"text/html": {}}}, **refusals("not-found", "invalid-request")},
    )
    def drift_report(cohort: Annotated[str, Path(examples=["2024-09"])], about: drift.About = "drift") -> FileResponse:
        """The Evidently report of a cohort: how its clients differ, or what outcomes say of their scores."""
        file = drift.report(settings, cohort, about)
        if file is None:
            raise ProblemError("not-found", "There is no drift report of this cohort; /drift lists those there are.")
        return FileResponse(file, media_type="text/html; charset=utf-8", headers=_SANDBOX)

    @routes.get(
        "/drift/{cohort}/columns/{column}",
        dependencies=[needs("review")],
        responses=refusals("not-found", "invalid-request"),
    )
    def drift_of_column(
        cohort: Annotated[str, Path(examples=["2024-09"])], column: Annotated[str, Path(examples=["EXT_SOURCE_2"])]
    ) -> list[drift.Bin]:
        """How the cohort's clients, and those of the version's reference, are distributed over a feature's bins."""
        found = drift.bins(settings, cohort, column)
        if not found:
            raise ProblemError("not-found", "No such feature of this cohort was counted; /drift lists those there are.")
        return found

    return routes
