"""For whoever watches over the server."""

from fastapi import APIRouter, Response

from serving import answers, metrics
from serving.access import needs
from serving.metrics import Metrics
from serving.protection import METRICS_PATH
from serving.readiness import Readiness
from serving.routes import refusals, router


def operation(readiness: Readiness, measured: Metrics) -> APIRouter:
    """The endpoints."""
    routes = router("operation")

    @routes.get("/ready", responses=refusals("not-ready"))
    async def ready() -> answers.Ready:
        """Whether requests should be sent to this server now."""
        readiness.demand()
        return answers.Ready()

    @routes.get(
        METRICS_PATH,
        dependencies=[needs("metrics", "admin")],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **refusals()},
    )
    def scrape() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(measured.text(), media_type=metrics.CONTENT_TYPE)

    return routes
