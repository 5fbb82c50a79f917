"""The model in force."""

from pydantic import BaseModel

from ui.api import Api

Features = dict[str, float | str | None]


class Health(BaseModel):
    model_name: str
    model_version: str
    threshold: float
    training_cohorts: list[str]


class Costs(BaseModel):
    false_negative: float
    false_positive: float


class Threshold(BaseModel):
    """The cut-off, its 95 % interval, and the zone in which a person decides."""

    value: float
    low: float
    high: float
    review_low: float
    review_high: float
    costs: Costs


class Grade(BaseModel):
    name: str
    low: float
    high: float
    default_rate: float


class Scale(BaseModel):
    points: float
    odds: float
    points_to_double: float
    grades: list[Grade]


class Feature(BaseModel):
    name: str
    kind: str
    categories: list[str]
    low: float | None
    high: float | None
    missing_share: float
    meaning: str


class Model(BaseModel):
    name: str
    version: str
    training_cohorts: list[str]
    threshold: Threshold
    scale: Scale
    features: list[Feature]
    example: Features


def health(api: Api) -> Health:
    return api.get("/v1/health", Health)


def model(api: Api) -> Model:
    return api.get("/v1/model", Model)
