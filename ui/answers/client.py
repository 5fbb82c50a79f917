"""Clients: who there are, what is decided about them and why, and what was."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from ui.answers.model import Features
from ui.api import Api
from ui.texts import Language


class Clients(BaseModel):
    cohort: str
    clients: list[int]


class Client(BaseModel):
    sk_id_curr: int
    cohort: str
    features: Features


class Reason(BaseModel):
    code: str
    family: str
    contribution: float
    share: float
    feature: str
    text: str
    advice: str


class Source(BaseModel):
    origin: str
    cohort: str | None
    age_days: float | None
    empty_tables: list[str] | None


class Contribution(BaseModel):
    feature: str
    value: float | str | None
    contribution: float
    meaning: str


class FamilyContribution(BaseModel):
    family: str
    title: str
    contribution: float
    protected: bool


class Explanation(BaseModel):
    """A decision, which is on record, and how far each feature and each family moved it, in log-odds of default."""

    decision_id: str | None
    probability_of_default: float
    score: int
    grade: str
    decision: str
    threshold: float
    model_version: str
    reasons: list[Reason]
    source: Source
    missing_features: list[str]
    unknown_categories: list[str]
    baseline: float
    margin: float
    contributions: list[Contribution]
    families: list[FamilyContribution]


class RecordedDecision(BaseModel):
    decision_id: str
    at: datetime
    kind: str
    caller: str
    model_version: str
    probability_of_default: float
    grade: str | None
    decision: str


class RecordedDecisions(BaseModel):
    decisions: list[RecordedDecision]
    before: str | None


def clients(api: Api, limit: int) -> Clients:
    return api.get("/v1/clients", Clients, limit=limit)


def client(api: Api, sk_id_curr: int) -> Client:
    return api.get(f"/v1/clients/{sk_id_curr}", Client)


def explain(api: Api, features: Mapping[str, Any], language: Language, sk_id_curr: int | None = None) -> Explanation:
    body = {"features": features} | ({} if sk_id_curr is None else {"sk_id_curr": sk_id_curr})
    return api.post("/v1/explain", Explanation, body, language=language)


def past_decisions(api: Api, sk_id_curr: int) -> RecordedDecisions:
    return api.get(f"/v1/clients/{sk_id_curr}/decisions", RecordedDecisions)
