"""Decisions on applications that no mart holds yet."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from serving import answers, applications
from serving.access import needs
from serving.desk import Desk
from serving.routes import body_of, json_answer, refusals, router
from serving.wishes import parameters, wishes_of


def of_records(desk: Desk) -> APIRouter:
    """The endpoints."""
    routes = router("applications")

    @routes.post(
        "/applications/decision",
        response_model=answers.Decision,
        responses=refusals("invalid-request", "no-model", "not-recorded"),
        openapi_extra={"parameters": parameters(), "requestBody": body_of("ApplicationBody")},
        dependencies=[needs("score")],
    )
    async def decide(request: Request) -> Response:
        """Decides on an application and its history as raw records, of which the mart's own SQL makes the features."""
        champion = desk.seat.champion()
        wishes = wishes_of(request)
        subject = await run_in_threadpool(applications.subject, await request.body())
        return json_answer(await desk.decide(request, champion, "application", subject, wishes))

    return routes
