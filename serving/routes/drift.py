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
    def drift_report(cohort: Annotated[str, Path(examples=["2024-09"])]) -> FileResponse:
        """The Evidently report of a cohort."""
        file = drift.report(settings, cohort)
        if file is None:
            raise ProblemError("not-found", "There is no drift report of this cohort; /drift lists those there are.")
        return FileResponse(file, media_type="text/html; charset=utf-8", headers=_SANDBOX)

    return routes
