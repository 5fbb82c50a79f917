"""Other loans: what could be changed, what would be decided, and what it would take to be approved."""

from collections.abc import Mapping

from pydantic import BaseModel

from ui.answers.client import Reason
from ui.api import Api
from ui.texts import Language


class Changeable(BaseModel):
    """A field of the application: a number between `low` and `high`, or one of `choices`, each with its name."""

    field: str
    label: str
    value: float | str
    value_text: str
    low: float | None
    high: float | None
    choices: dict[str, str]


class WhatIf(BaseModel):
    sk_id_curr: int
    cohort: str
    fields: list[Changeable]


class Outcome(BaseModel):
    probability_of_default: float
    score: int
    grade: str
    decision: str
    reasons: list[Reason]


class Moved(BaseModel):
    """How much a family speaks against the client, in log-odds, before and after."""

    family: str
    title: str
    before: float
    after: float


class Simulation(BaseModel):
    model_version: str
    threshold: float
    changes: dict[str, float | str]
    original: Outcome
    changed: Outcome
    families: list[Moved]


class Change(BaseModel):
    field: str
    label: str
    before: float
    after: float


class Way(BaseModel):
    """A kind of change; where it does not suffice, the best it reaches."""

    name: str
    suffices: bool
    changes: list[Change]
    probability_of_default: float


class Ways(BaseModel):
    threshold: float
    approved: bool
    probability_of_default: float
    ways: list[Way]
    tried: int


def fields(api: Api, sk_id_curr: int, language: Language) -> WhatIf:
    return api.get(f"/v1/clients/{sk_id_curr}/what-if", WhatIf, language=language)


def simulate(api: Api, sk_id_curr: int, changes: Mapping[str, float | str], language: Language) -> Simulation:
    return api.post(f"/v1/clients/{sk_id_curr}/what-if", Simulation, {"changes": changes}, language=language)


def ways(api: Api, sk_id_curr: int, language: Language) -> Ways:
    return api.get(f"/v1/clients/{sk_id_curr}/ways-to-approval", Ways, language=language)
