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
    family: str
    label: str
    value_text: str


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


class Group(BaseModel):
    """Clients in numbers: how many, what they have in common, and their shares between the edges of probabilities."""

    description: str
    clients: int
    default_rate: float
    approval_rate: float
    probability: list[float]
    below: float | None


class ComparedFeature(BaseModel):
    """Shares of clients by bin: `bins` are edges of numbers or names of categories, `bin_texts` the same in words."""

    feature: str
    label: str
    value: float | str | None
    value_text: str
    numeric: bool
    bins: list[float | str]
    bin_texts: list[str]
    shares: list[float]
    shares_alike: list[float]
    below: float | None
    below_alike: float | None


class Comparison(BaseModel):
    model_version: str
    cohorts: list[str]
    probability_edges: list[float]
    everybody: Group
    alike: Group
    features: list[ComparedFeature]


class Cell(BaseModel):
    value: int | float | str | None
    text: str


class Row(BaseModel):
    telling: bool
    cells: list[Cell]


class Records(BaseModel):
    """A client's own rows behind a family of reasons; telling ones, which speak against them, come first."""

    cohort: str
    table: str
    title: str
    tells: str
    columns: list[str]
    rows: list[Row]
    total: int
    telling: int


def clients(api: Api, limit: int) -> Clients:
    return api.get("/v1/clients", Clients, limit=limit)


def client(api: Api, sk_id_curr: int) -> Client:
    return api.get(f"/v1/clients/{sk_id_curr}", Client)


def explain_client(api: Api, sk_id_curr: int, language: Language) -> Explanation:
    return api.post(f"/v1/clients/{sk_id_curr}/explanation", Explanation, {}, language=language)


def explain(api: Api, features: Mapping[str, Any], language: Language) -> Explanation:
    return api.post("/v1/explain", Explanation, {"features": features}, language=language)


class FileDecision(BaseModel):
    """A row of a file, decided; in the order of the file."""

    SK_ID_CURR: int | None = None
    decision_id: str | None
    probability_of_default: float
    score: int
    grade: str
    decision: str
    reason_1: str | None = None


def decide_file(api: Api, name: str, content: bytes, language: Language) -> list[FileDecision]:
    """Decides on all clients of a CSV or Parquet file of features, or on none."""
    query = {"format": "ndjson", "language": language, "reasons": 1}
    return api.upload("/v1/predict/batch", FileDecision, name, content, **query)


def comparison(api: Api, features: Mapping[str, Any], language: Language) -> Comparison:
    return api.post("/v1/comparison", Comparison, {"features": features}, language=language)


def records(api: Api, sk_id_curr: int, family: str, language: Language) -> Records:
    return api.get(f"/v1/clients/{sk_id_curr}/records/{family}", Records, language=language)


def past_decisions(api: Api, sk_id_curr: int) -> RecordedDecisions:
    return api.get(f"/v1/clients/{sk_id_curr}/decisions", RecordedDecisions)
