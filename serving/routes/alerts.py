"""Incidents: which there are, and what people decide about them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, TypeAdapter

from credit_platform.alerting import watch
from credit_platform.alerting.incidents import Incident
from credit_platform.settings import Settings
from serving import alerts
from serving.access import needs
from serving.alerts import Alert, AlertHistory, Alerts, ResolveBody, UntilBody
from serving.bodies import REFERENCE, read
from serving.keys import Caller
from serving.routes import body_of, refusals, router

AlertId = Annotated[str, Path(max_length=32, description="As /alerts names it.", examples=["5b1f0c9e7a21"])]
_UNTIL, _RESOLVE = TypeAdapter(UntilBody), TypeAdapter(ResolveBody)


async def _raw(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_raw)]


def alerting(settings: Settings) -> APIRouter:
    """The endpoints."""
    routes = router("alerts")
    people = [needs("review", "admin")]
    deciding = refusals("not-found", "already-resolved", "no-alerts", "invalid-request")

    @routes.get("/alerts", responses=refusals("no-alerts", "invalid-request"), dependencies=people)
    def listed(
        status: Annotated[
            Literal["open", "suspected", "resolved", "all"], Query(description="Which incidents to answer.")
        ] = "open",
        limit: Annotated[int, Query(ge=1, le=500, description="How many to answer.")] = 100,
        before: Annotated[AwareDatetime | None, Query(description="As the answer before this one says.")] = None,
    ) -> Alerts:
        """The incidents, newest first, how many were worth telling, and when monitoring was last seen alive."""
        return alerts.listed(settings, alerts.STATES[status], limit, before)

    @routes.get(
        "/alerts/{alert_id}", responses=refusals("not-found", "no-alerts", "invalid-request"), dependencies=people
    )
    def one(alert_id: AlertId) -> AlertHistory:
        """An incident and all that happened to it."""
        return alerts.with_history(settings, alert_id)

    @routes.post(
        "/alerts/{alert_id}/acknowledge",
        responses=deciding,
        openapi_extra={"requestBody": body_of("UntilBody")},
        dependencies=people,
    )
    def acknowledge(request: Request, alert_id: AlertId, body: Body) -> Alert:
        """Takes an incident up: no reminders until then, but it is told when it grows worse."""
        return _until(settings, request, alert_id, body, watch.acknowledge)

    @routes.post(
        "/alerts/{alert_id}/snooze",
        responses=deciding,
        openapi_extra={"requestBody": body_of("UntilBody")},
        dependencies=people,
    )
    def snooze(request: Request, alert_id: AlertId, body: Body) -> Alert:
        """Silences an incident until then, even where it grows worse."""
        return _until(settings, request, alert_id, body, watch.snooze)

    @routes.post(
        "/alerts/{alert_id}/resolve",
        responses=deciding,
        openapi_extra={"requestBody": body_of("ResolveBody")},
        dependencies=people,
    )
    def resolve(request: Request, alert_id: AlertId, body: Body) -> Alert:
        """Closes an incident, and says whether it was worth telling."""
        asked: ResolveBody = read(_RESOLVE, body)
        with alerts.refused():
            by = _who(request, asked.by)
            return alerts.told(watch.resolve(settings, alert_id, by, asked.why, asked.verdict))

    return routes


def components() -> dict[str, Any]:
    """The JSON schemas of the bodies, by the names that OpenAPI refers to."""
    return {model.__name__: model.model_json_schema(ref_template=REFERENCE) for model in (UntilBody, ResolveBody)}


def _until(
    settings: Settings,
    request: Request,
    identity: str,
    body: bytes,
    decide: Callable[[Settings, str, str, str, datetime], Incident],
) -> Alert:
    asked: UntilBody = read(_UNTIL, body)
    with alerts.refused():
        by = _who(request, asked.by)
        return alerts.told(decide(settings, identity, by, asked.why, asked.until.astimezone(UTC)))


def _who(request: Request, by: str | None) -> str:
    """Who decides: the person that is named and the key's name, which alone is sure."""
    caller: Caller = request.state.caller
    return f"{by} (key {caller.name})" if by else caller.name
