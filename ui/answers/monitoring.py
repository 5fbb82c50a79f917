"""What monitoring found of cohorts, what came of their scores, and incidents that wait for somebody."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from ui.answers.dossier import Interval
from ui.api import Api


class Finding(BaseModel):
    """One metric of one layer, judged. `explained_by` names the layer that explains it, where one does."""

    layer: str
    metric: str
    state: str
    sentence: str
    cause: str = ""
    explained_by: str = ""


class ColumnDrift(BaseModel):
    """A watched column beside the version's reference; `importance` is its share of what moves the model."""

    column: str
    table: str = ""
    importance: float = 0.0
    psi: float | None
    missing_reference: float = 0.0
    missing: float = 0.0
    moved: bool


class Verdict(BaseModel):
    """A cohort, judged layer by layer."""

    cohort: str
    state: str
    sentence: str
    layers: dict[str, str]
    findings: list[Finding]
    details: list[ColumnDrift]
    score_psi: float | None
    mean_probability: float | None
    approval_rate: float | None


class Bin(BaseModel):
    """Clients in one bin of a column: of the version's reference, and of the cohort."""

    label: str
    missing: bool
    reference: int
    clients: int


class CohortPerformance(BaseModel):
    cohort: str
    model_version: str
    clients: int
    metrics: dict[str, Interval]


class Said(BaseModel):
    by: str
    why: str
    at: datetime
    until: datetime | None


class Alert(BaseModel):
    """One cause, from its first bad cohort on."""

    id: str
    kind: str
    status: str
    severity: str
    state: str
    sentence: str
    cause: str
    since: str
    subject: str
    bad: int
    first_at: datetime
    last_at: datetime
    acknowledged: Said | None
    snoozed: Said | None
    resolved: Said | None
    verdict: str


class Alerts(BaseModel):
    alerts: list[Alert]
    useful: int
    noise: int
    heartbeat_at: datetime | None


class AlertEvent(BaseModel):
    at: datetime
    kind: str
    who: str
    said: str


class AlertHistory(Alert):
    history: list[AlertEvent]


def verdicts(api: Api) -> list[Verdict]:
    """The verdicts, the newest cohort first."""
    return api.get("/v1/drift", list[Verdict])


def bins(api: Api, cohort: str, column: str) -> list[Bin]:
    """How a column is distributed, missing values last."""
    return api.get(f"/v1/drift/{cohort}/columns/{column}", list[Bin])


def report(api: Api, cohort: str, about: str) -> bytes:
    """Evidently's page on a cohort: on its `drift`, or on its `outcomes`."""
    return api.ask("GET", f"/v1/drift/{cohort}/report", params={"about": about}).content


def performance(api: Api) -> list[CohortPerformance]:
    return api.get("/v1/performance", list[CohortPerformance])


def alerts(api: Api, status: str) -> Alerts:
    return api.get("/v1/alerts", Alerts, status=status)


def history(api: Api, alert: str) -> AlertHistory:
    return api.get(f"/v1/alerts/{alert}", AlertHistory)


def decide(api: Api, alert: str, what: str, body: dict[str, Any]) -> Alert:
    """Takes an incident up (`acknowledge`), silences it (`snooze`) or closes it (`resolve`)."""
    return api.post(f"/v1/alerts/{alert}/{what}", Alert, body)
