"""What is on file about versions of the model: judged, defended, explained, and let decide by whom."""

from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

from ui.api import Api
from ui.texts import Language


class Interval(BaseModel):
    value: float
    low: float
    high: float


class CutOff(BaseModel):
    """What refusing from a probability on comes to, among the clients judged."""

    cut_off: float
    approval_rate: float
    bad_rate: float
    cost_per_client: float


class Change(NamedTuple):
    """What another cut-off changes for so many applicants: approvals, defaults among them, cost in good clients."""

    approved: float
    defaults: float
    cost: float


def change(before: CutOff, after: CutOff, applicants: int) -> Change:
    return Change(
        applicants * (after.approval_rate - before.approval_rate),
        applicants * (after.approval_rate * after.bad_rate - before.approval_rate * before.bad_rate),
        applicants * (after.cost_per_client - before.cost_per_client),
    )


class Decile(BaseModel):
    decile: int
    clients: int
    predicted: float
    observed: float
    low: float
    high: float


class JudgedGrade(BaseModel):
    grade: str
    start: float
    end: float
    clients: int
    predicted: float
    observed: float
    low: float
    high: float


class Segment(BaseModel):
    by: str
    group: str
    clients: int
    auc: float
    predicted: float
    observed: float
    approval_rate: float
    cost_per_client: float


class OtherCosts(BaseModel):
    """What another cost of a missed default would change."""

    missed_default_costs: float
    in_theory: float
    best_cut_off: float
    cost_per_client: float
    cost_at_the_present_cut_off: float


class Audited(BaseModel):
    """A group by an attribute that must not decide; `low` and `high` are of the impact ratio."""

    by: str
    group: str
    clients: int
    approval_rate: float
    impact_ratio: float
    low: float
    high: float
    good_clients_refused: float
    default_rate: float


class Judged(BaseModel):
    """A version on one part of the clients it was not fitted on; `strategy` is by ascending cut-off."""

    part: str
    clients: int
    metrics: dict[str, Interval]
    without_a_model: dict[str, float]
    score_psi: float
    strategy: list[CutOff]
    deciles: list[Decile]
    grades: list[JudgedGrade]
    segments: list[Segment]
    cohorts: list[Segment]
    sensitivity: list[OtherCosts]
    fairness: list[Audited]


class Evaluation(BaseModel):
    model_version: str
    parts: list[Judged]


class Defence(BaseModel):
    value: float
    low: float
    high: float
    theory: float
    holds_theory: bool
    false_negative: float
    false_positive: float
    cost_per_client: float
    review_margin: float


class FamilyImportance(BaseModel):
    code: str
    title: str
    importance: float
    features: int
    told: bool
    against: str
    advice: str


class Point(BaseModel):
    """A row's contribution to the log-odds, and the rank of its value from 0 to 1, where it has one."""

    contribution: float
    rank: float | None


class FeatureImportance(BaseModel):
    feature: str
    label: str
    family: str
    kind: str
    importance: float
    points: list[Point]


class Importance(BaseModel):
    model_version: str
    families: list[FamilyImportance]
    features: list[FeatureImportance]


class ListedVersion(BaseModel):
    number: str
    made_at: datetime
    aliases: list[str]
    parameters: dict[str, str]
    metrics: dict[str, float]


class Promotion(BaseModel):
    """An entry of the promotion ledger."""

    number: int
    at: datetime
    kind: str
    state: str
    by: str
    why: str
    from_version: str | None
    to_version: str | None
    overridden: list[str]
    hash: str


class GateRule(BaseModel):
    name: str
    passed: bool | None
    sentence: str
    limit: str


class SwapGroup(BaseModel):
    """Clients whom champion and challenger answer in one way each."""

    champion: str
    challenger: str
    clients: int
    share: float
    default_rate: Interval | None
    cost_effect: Interval


class Gate(BaseModel):
    challenger: str
    champion: str | None
    at: datetime
    clients: int
    defaults: int
    passed: bool
    reason: str
    rules: list[GateRule]
    numbers: dict[str, dict[str, Interval]]
    groups: list[SwapGroup]


def evaluation(api: Api, version: str) -> Evaluation:
    return api.get("/v1/model/evaluation", Evaluation, version=version)


def defence(api: Api) -> Defence:
    return api.get("/v1/model/cut-off", Defence)


def importance(api: Api, language: Language) -> Importance:
    return api.get("/v1/model/importance", Importance, language=language)


def versions(api: Api) -> list[ListedVersion]:
    return api.get("/v1/model/versions", list[ListedVersion])


def promotions(api: Api) -> list[Promotion]:
    return api.get("/v1/model/promotions", list[Promotion])


def gate(api: Api) -> Gate:
    return api.get("/v1/model/gate", Gate)


def card(api: Api) -> str:
    """The model card of the version in force, as HTML."""
    return api.ask("GET", "/v1/model/card").text
