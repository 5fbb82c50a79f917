"""Clients of the published mart: who they are, what is decided about them, and what was."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from credit_platform.settings import Settings
from serving import answers, clients, recorded
from serving.access import needs
from serving.decisions.errors import DecisionLogError
from serving.desk import Desk
from serving.routes import json_answer, refusals, router
from serving.wishes import parameters, wishes_of

ClientNumber = Annotated[int, Path(ge=1, le=2**63 - 1, description="SK_ID_CURR.", examples=[100002])]


def of_mart(settings: Settings, desk: Desk) -> APIRouter:
    """The endpoints."""
    routes = router("clients")

    @routes.get(
        "/clients",
        responses=refusals("no-mart", "invalid-request"),
        dependencies=[needs("score", "explain", "review")],
    )
    def some_clients(
        limit: Annotated[int, Query(ge=1, le=100, description="How many ids to answer.")] = 20,
    ) -> answers.Clients:
        """A few clients of the newest cohort."""
        cohort, ids = clients.some(settings, limit)
        return answers.Clients(cohort=cohort, clients=ids)

    known = refusals("not-found", "no-model", "no-mart", "invalid-request")

    @routes.get("/clients/{sk_id_curr}", responses=known, dependencies=[needs("score", "explain", "review")])
    def client(sk_id_curr: ClientNumber) -> answers.Client:
        """A client's features in the published mart, ready for /predict and /explain."""
        schema = desk.seat.champion().scorer.schema
        row = clients.find(settings, sk_id_curr)
        return answers.Client(sk_id_curr=sk_id_curr, cohort=row.cohort, features=clients.features(row, schema))

    @routes.post(
        "/clients/{sk_id_curr}/decision",
        response_model=answers.Decision,
        responses=refusals("not-found", "no-model", "no-mart", "not-recorded", "invalid-request"),
        openapi_extra={"parameters": parameters()},
        dependencies=[needs("score")],
    )
    async def decide(request: Request, sk_id_curr: ClientNumber) -> Response:
        """Decides on a client by the features in the published mart, and says how old they are and what was empty."""
        champion = desk.seat.champion()
        wishes = wishes_of(request)
        row = await run_in_threadpool(clients.find, settings, sk_id_curr)
        return json_answer(await desk.decide(request, champion, "client", clients.subject(row), wishes))

    @routes.get(
        "/clients/{sk_id_curr}/decisions",
        responses=refusals("not-recorded", "invalid-request"),
        dependencies=[needs("review")],
    )
    def decisions(
        sk_id_curr: ClientNumber,
        limit: Annotated[int, Query(ge=1, le=100, description="How many to answer.")] = 20,
        before: Annotated[str | None, Query(max_length=64, description="As the answer before this one says.")] = None,
    ) -> answers.RecordedDecisions:
        """The decisions on a client, newest first; those that were erased are not found any more."""
        try:
            found = desk.recorder.log.of_client(sk_id_curr, limit=limit, before=before)
        except DecisionLogError as error:
            raise desk.recorder.unreadable(error) from error
        return answers.RecordedDecisions(
            decisions=[recorded.told(record) for record in found],
            before=found[-1].id if len(found) == limit else None,
        )

    return routes
