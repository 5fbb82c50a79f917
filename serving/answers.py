"""What the API answers. Field names are the lender's terms; nothing is computed here."""

from typing import Literal

from pydantic import BaseModel, Field

from credit_platform.model.business_cost import Decision


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    model_name: str = Field(examples=["credit_scoring_model"])
    model_version: str = Field(examples=["7"])
    threshold: float = Field(description="Probability of default from which a client is refused.", examples=[0.09])
    training_cohorts: list[str] = Field(examples=[["2024-01", "2024-02"]])


class Costs(BaseModel):
    false_negative: float = Field(description="Cost of a missed default, in refused good clients.")
    false_positive: float = Field(description="Cost of one good client refused.")


class ModelThreshold(BaseModel):
    value: float = Field(description="Probability of default from which a client is refused.")
    cost_per_client: float = Field(description="Cost per client at this cut-off, where it was chosen.")
    costs: Costs


class ModelFeature(BaseModel):
    name: str
    kind: Literal["numeric", "category"]
    categories: list[str] = Field(description="Categories seen in training; others are scored and reported.")
    low: float | None = Field(description="Smallest training value.")
    high: float | None = Field(description="Largest training value.")
    missing_share: float = Field(description="Share of training clients without a value.")
    meaning: str


class Model(BaseModel):
    name: str
    version: str
    training_cohorts: list[str]
    threshold: ModelThreshold
    features: list[ModelFeature]
    example: dict[str, float | str | None] = Field(description="A few features as /predict takes them.")


class Prediction(BaseModel):
    probability_of_default: float = Field(examples=[0.043])
    decision: Decision
    threshold: float = Field(description="The client is refused from this probability on.", examples=[0.09])
    model_version: str = Field(examples=["7"])
    missing_features: list[str] = Field(description="Features of the model that were null or not sent.")
    unknown_categories: list[str] = Field(description="Features whose category the training never saw.")


class FeatureContribution(BaseModel):
    feature: str
    value: float | str | None
    contribution: float = Field(description="Log-odds; above zero it speaks against the client, below zero for them.")
    meaning: str


class Explanation(Prediction):
    baseline: float = Field(description="Log-odds of default before anything is known about the client.")
    margin: float = Field(description="Log-odds of default: the baseline plus all contributions.")
    contributions: list[FeatureContribution] = Field(description="Strongest first.")
    others: float = Field(description="Sum of the contributions left out by `top`.")


class Client(BaseModel):
    sk_id_curr: int = Field(examples=[100002])
    cohort: str = Field(description="The newest cohort that holds the client.", examples=["2024-09"])
    features: dict[str, float | str | None] = Field(description="What the model reads, as /predict takes it.")


class Clients(BaseModel):
    cohort: str = Field(description="The newest cohort.", examples=["2024-09"])
    clients: list[int] = Field(examples=[[100002, 100003]])
