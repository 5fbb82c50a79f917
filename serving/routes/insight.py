"""What lies behind a decision on a client. Only `/explanation` decides: what else is scored here is no decision, and is
not put on record.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from credit_platform.settings import Settings
from serving import answers, clients, insight
from serving.access import needs
from serving.bodies import read
from serving.desk import Desk
from serving.routes import body_of, json_answer, raw_body, refusals, router
from serving.routes.clients import ClientNumber
from serving.wishes import parameters, wishes_of

Family = Annotated[str, Path(max_length=20, description="Code of a family of reasons.", examples=["R-PAY"])]
_MOST_CHANGES = 20


class ChangesBody(BaseModel):
    """Fields of the application and what they would be; `GET` on the same path lists what can be changed."""

    model_config = ConfigDict(extra="forbid")

    changes: dict[str, float | str] = Field(max_length=_MOST_CHANGES, examples=[{"AMT_CREDIT": 300_000}])


_BODY = TypeAdapter(ChangesBody)


def behind_decisions(settings: Settings, desk: Desk) -> APIRouter:
    """The endpoints."""
    routes = router("insight")
    scope = needs("explain")
    of_client = refusals("not-found", "no-model", "no-mart", "invalid-request")
    worded = {"parameters": parameters()}

    @routes.post(
        "/clients/{sk_id_curr}/explanation",
        response_model=answers.Explanation,
        responses=refusals("not-found", "no-model", "no-mart", "not-recorded", "invalid-request"),
        openapi_extra=worded,
        dependencies=[scope],
    )
    async def explain(request: Request, sk_id_curr: ClientNumber) -> Response:
        """Decides on a client by the features in the published mart, and says how far each of them moved it."""
        champion = desk.seat.champion()
        wishes = wishes_of(request)
        subject = clients.subject(await run_in_threadpool(clients.find, settings, sk_id_curr))
        decided = await desk.decide(request, champion, "explain", subject, wishes)
        return json_answer({**decided, **insight.explanation(champion, dict(subject.row), None, wishes)})

    @routes.post(
        "/comparison",
        responses=refusals("not-found", "no-model", "invalid-request"),
        openapi_extra={**worded, "requestBody": body_of("ExplainBody")},
        dependencies=[scope],
    )
    def compare(request: Request, body: Annotated[bytes, Depends(raw_body)]) -> insight.Comparison:
        """A client beside all clients and those alike: shares that were counted before, never anybody's row."""
        champion = desk.seat.champion()
        features, _, top = champion.bodies.read_explain(body)
        return insight.comparison(settings, champion, features, top, wishes_of(request))

    @routes.get(
        "/clients/{sk_id_curr}/records/{family}", responses=of_client, openapi_extra=worded, dependencies=[scope]
    )
    def records(request: Request, sk_id_curr: ClientNumber, family: Family) -> insight.Records:
        """The client's own rows behind a family of reasons: the late instalments, the running credits."""
        champion = desk.seat.champion()
        row = clients.find(settings, sk_id_curr)
        return insight.records(settings, champion, row, family, wishes_of(request).language)

    @routes.get("/clients/{sk_id_curr}/what-if", responses=of_client, openapi_extra=worded, dependencies=[scope])
    def what_if(request: Request, sk_id_curr: ClientNumber) -> insight.WhatIf:
        """What the client could change about the application, and within which bounds."""
        return insight.what_if(settings, clients.find(settings, sk_id_curr), wishes_of(request).language)

    @routes.post(
        "/clients/{sk_id_curr}/what-if",
        responses=of_client,
        openapi_extra={**worded, "requestBody": body_of(ChangesBody.__name__)},
        dependencies=[scope],
    )
    def simulate(
        request: Request, sk_id_curr: ClientNumber, body: Annotated[bytes, Depends(raw_body)]
    ) -> insight.Simulation:
        """What would be decided about a changed application, by the same pipeline; it is not put on record."""
        champion = desk.seat.champion()
        asked: ChangesBody = read(_BODY, body)
        row = clients.find(settings, sk_id_curr)
        return insight.simulation(settings, champion, row, asked.changes, wishes_of(request))

    @routes.get(
        "/clients/{sk_id_curr}/ways-to-approval", responses=of_client, openapi_extra=worded, dependencies=[scope]
    )
    def ways(request: Request, sk_id_curr: ClientNumber) -> insight.Ways:
        """The smallest plausible changes of the loan with which the client would be approved, each scored."""
        champion = desk.seat.champion()
        return insight.ways(settings, champion, clients.find(settings, sk_id_curr), wishes_of(request).language)

    return routes


def components() -> dict[str, Any]:
    """The JSON schemas of the bodies, by the names that OpenAPI refers to."""
    return {ChangesBody.__name__: ChangesBody.model_json_schema()}
