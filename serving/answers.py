"""What the API answers. Field names are the lender's terms; nothing is computed here."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from credit_platform.explain.glossary import Language
from credit_platform.explain.reasons import Case
from credit_platform.model.business_cost import Decision as Verdict

Features = dict[str, float | str | None]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    model_name: str = Field(examples=["credit_scoring_model"])
    model_version: str = Field(examples=["7"])
    threshold: float = Field(description="Probability of default from which a client is refused.", examples=[0.09])
    training_cohorts: list[str] = Field(examples=[["2024-01", "2024-02"]])


class Ready(BaseModel):
    status: Literal["ready"] = "ready"


class Costs(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    false_negative: float = Field(description="Cost of a missed default, in refused good clients.", examples=[10.0])
    false_positive: float = Field(description="Cost of one good client refused.", examples=[1.0])


class ModelThreshold(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    value: float = Field(description="Probability of default from which a client is refused.", examples=[0.09])
    low: float = Field(description="Lower end of its 95 % bootstrap interval.", examples=[0.081])
    high: float = Field(description="Upper end of its 95 % bootstrap interval.", examples=[0.104])
    review_low: float = Field(description="From here on a person decides,", examples=[0.072])
    review_high: float = Field(description="up to, not including, here.", examples=[0.108])
    cost_per_client: float = Field(description="Cost per client at this cut-off, where it was chosen.", examples=[0.41])
    costs: Costs


class ModelGrade(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["A"])
    low: float = Field(description="Its band of probabilities of default, this end included,", examples=[0.0])
    high: float = Field(description="this one not.", examples=[0.01])
    default_rate: float = Field(description="Share of defaults observed in it, out of fold.", examples=[0.006])


class ModelScale(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    points: float = Field(description="Points at `odds` good clients to one bad.", examples=[600])
    odds: float = Field(examples=[50])
    points_to_double: float = Field(description="Points that double the odds.", examples=[20])
    grades: list[ModelGrade]


class ModelFeature(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["AMT_CREDIT"])
    kind: Literal["numeric", "category"]
    categories: list[str] = Field(description="Categories seen in training; others are scored and reported.")
    low: float | None = Field(description="Smallest training value.", examples=[45_000])
    high: float | None = Field(description="Largest training value.", examples=[2_000_000])
    missing_share: float = Field(description="Share of training clients without a value.", examples=[0.02])
    meaning: str = Field(examples=["Amount of the loan applied for"])


class Model(BaseModel):
    name: str = Field(examples=["credit_scoring_model"])
    version: str = Field(examples=["7"])
    training_cohorts: list[str] = Field(description="The window.", examples=[["2024-01", "2024-02"]])
    threshold: ModelThreshold
    scale: ModelScale
    card: str = Field(description="Where the model card is.", examples=["/v1/model/card"])
    features: list[ModelFeature]
    example: Features = Field(description="A few features as /predict takes them.", examples=[{"AMT_CREDIT": 450_000}])


class Reason(BaseModel):
    """What worked against the client, by family of features."""

    model_config = ConfigDict(from_attributes=True)

    code: str = Field(examples=["external_scores"])
    family: str = Field(examples=["Scores of other institutions"])
    case: Case = Field(description="How the value stands to the usual one.")
    contribution: float = Field(description="Of the whole family, in log-odds.", examples=[0.84])
    share: float = Field(description="Part of all that worked against the client.", examples=[0.41])
    feature: str = Field(description="The feature that speaks for the family.", examples=["EXT_SOURCE_2"])
    meaning: str = Field(examples=["Score of the second bureau"])
    value: float | str | None = Field(examples=[0.12])
    reference: float | str | None = Field(description="The usual value.", examples=[0.56])
    value_text: str = Field(examples=["0.12"])
    reference_text: str = Field(examples=["0.56"])
    text: str = Field(examples=["The scores that other institutions gave are low."])
    advice: str = Field(description="What would help; empty where nobody could say.", examples=[""])


class Source(BaseModel):
    """Where the features came from."""

    origin: Literal["request", "mart", "records"] = Field(
        description="The caller's own features, the published mart, or raw records that came with the request."
    )
    cohort: str | None = Field(None, description="The newest cohort that holds the client.", examples=["2024-09"])
    made_at: datetime | None = Field(None, description="When the mart was made.", examples=["2024-10-02T06:00:00Z"])
    age_days: float | None = Field(None, description="Days since then; null where only the caller knows.", examples=[3])
    empty_tables: list[str] | None = Field(
        None, description="History tables without a row of this client; null where only the caller knows."
    )


class Decision(BaseModel):
    """A decision on one client."""

    decision_id: str | None = Field(
        description="Its place on record; null only where recording is switched off.",
        examples=["0192f0c1-7a4e-7c31-8a59-3f2f6f1c9d10"],
    )
    request_id: str = Field(examples=["3f0c6f6f0f4c4b0fb4f8a2c9d6f6b7aa"])
    probability_of_default: float = Field(examples=[0.143])
    score: int = Field(description="Points, the higher the better.", examples=[540])
    grade: str = Field(examples=["E"])
    decision: Verdict = Field(description="`review`: a person decides.", examples=["refuse"])
    threshold: float = Field(description="The client is refused from this probability on.", examples=[0.09])
    model_version: str = Field(examples=["7"])
    language: Language = Field(description="Of the reasons.")
    reasons: list[Reason] = Field(description="What worked most against the client, strongest first; at most four.")
    source: Source
    missing_features: list[str] = Field(description="Features of the model that were null or not known.")
    unknown_categories: list[str] = Field(description="Features whose category the training never saw.")


class FeatureContribution(BaseModel):
    feature: str = Field(examples=["EXT_SOURCE_2"])
    value: float | str | None = Field(examples=[0.12])
    contribution: float = Field(description="Log-odds; above zero it speaks against the client.", examples=[0.71])
    meaning: str = Field(examples=["Score of the second bureau"])
    family: str = Field(description="The family it belongs to.", examples=["R-EXT"])
    label: str = Field(description="Its name in the language asked for.", examples=["Second external score"])
    value_text: str = Field(description="Its value in words; empty where it is missing.", examples=["0.12"])


class FamilyContribution(BaseModel):
    family: str = Field(examples=["R-EXT"])
    title: str = Field(examples=["Scores of other institutions"])
    contribution: float = Field(description="Sum over its features, in log-odds.", examples=[0.84])
    protected: bool = Field(description="Whether it must never be given as a reason.")


class Explanation(Decision):
    """A decision and how far each feature moved it."""

    baseline: float = Field(description="Log-odds of default before anything is known about the client.", examples=[-2])
    margin: float = Field(description="Log-odds of default: the baseline plus all contributions.", examples=[-1.79])
    contributions: list[FeatureContribution] = Field(description="Strongest first.")
    families: list[FamilyContribution] = Field(description="The same by family, strongest first; all of them.")
    others: float = Field(description="Sum of the contributions left out by `top`.", examples=[0.0])


class Outcome(BaseModel):
    """What became of a loan."""

    model_config = ConfigDict(from_attributes=True)

    defaulted: bool
    observed_on: date = Field(examples=["2025-03-31"])
    source: str = Field(examples=["collections"])


class RecordedReason(BaseModel):
    code: str = Field(examples=["external_scores"])
    contribution: float = Field(description="Log-odds.", examples=[0.84])


class Shadow(BaseModel):
    """What the challenger made of the same client; it did not decide."""

    version: str = Field(examples=["8"])
    probability_of_default: float = Field(examples=[0.139])


class RecordedDecision(BaseModel):
    """A decision as it is on record. What points to the client is null once it was erased."""

    decision_id: str = Field(examples=["0192f0c1-7a4e-7c31-8a59-3f2f6f1c9d10"])
    sequence: int = Field(description="Its place in the log's chain.", examples=[1041])
    at: datetime = Field(examples=["2024-10-05T09:12:44.318724Z"])
    hash: str = Field(description="Of its entry in the chain.", examples=["9f2c…"])
    kind: str = Field(description="Which kind of request asked for it.", examples=["client"])
    caller: str = Field(description="The name of the key that asked.", examples=["branch-7"])
    model_name: str = Field(examples=["credit_scoring_model"])
    model_version: str = Field(examples=["7"])
    threshold: float = Field(examples=[0.09])
    probability_of_default: float = Field(examples=[0.143])
    score: float | None = Field(examples=[540])
    grade: str | None = Field(examples=["E"])
    decision: Verdict
    language: str = Field(examples=["en"])
    shadow: Shadow | None
    erased: bool = Field(description="Whether what the decision was made from was erased.")
    client: int | str | None = Field(examples=[100002])
    request_id: str | None = Field(examples=["3f0c6f6f0f4c4b0fb4f8a2c9d6f6b7aa"])
    inputs: Features | None = Field(description="The features, as they were scored.", examples=[{"AMT_CREDIT": 450000}])
    reasons: list[RecordedReason] | None
    source: Source | None
    outcome: Outcome | None = Field(description="The latest one reported.")


class RecordedDecisions(BaseModel):
    decisions: list[RecordedDecision] = Field(description="Newest first.")
    before: str | None = Field(description="Ask with this `before` for older ones; null where there are none.")


class Difference(BaseModel):
    field: str = Field(examples=["probability_of_default"])
    recorded: Any = Field(examples=[0.143])
    replayed: Any = Field(examples=[0.144])


class Replay(BaseModel):
    """A decision computed once more from its record, by the version that made it."""

    decision_id: str = Field(examples=["0192f0c1-7a4e-7c31-8a59-3f2f6f1c9d10"])
    model_version: str = Field(examples=["7"])
    identical: bool = Field(description="Whether everything is equal to the last bit.")
    differences: list[Difference] = Field(description="What is not.")
    probability_of_default: float = Field(examples=[0.143])
    score: int = Field(examples=[540])
    grade: str = Field(examples=["E"])
    decision: Verdict
    threshold: float = Field(examples=[0.09])
    language: Language
    reasons: list[Reason]


class OutcomeReceipt(BaseModel):
    decision_id: str = Field(examples=["0192f0c1-7a4e-7c31-8a59-3f2f6f1c9d10"])
    sequence: int = Field(description="Place of the outcome's entry in the log's chain.", examples=[2041])
    at: datetime = Field(description="When it was put on record.", examples=["2025-04-01T08:00:00Z"])


class Client(BaseModel):
    sk_id_curr: int = Field(examples=[100002])
    cohort: str = Field(description="The newest cohort that holds the client.", examples=["2024-09"])
    features: Features = Field(
        description="What the model reads, as /predict takes it.", examples=[{"AMT_CREDIT": 450_000}]
    )


class Clients(BaseModel):
    cohort: str = Field(description="The newest cohort.", examples=["2024-09"])
    clients: list[int] = Field(examples=[[100002, 100003]])
