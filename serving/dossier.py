"""What is on file about versions of the model: how one was judged and its cut-off defended, what moves it, how the gate
found it, and who let which version decide.

Answers and how they are put together. Not here: judging (`credit_platform/model`), and the version in force as requests
need it (`champion.py`).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from credit_platform.explain.glossary import Language
from credit_platform.explain.reason_table import label_of
from credit_platform.explain.shap_summary import swarm_of
from credit_platform.model import ledger, registry, succession
from credit_platform.model.ledger import LedgerError
from credit_platform.model.registry import NoModelError
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from serving.problems import ProblemError

Number = float | None


class Interval(BaseModel):
    """A number and the interval of 95 % it lies in."""

    model_config = ConfigDict(from_attributes=True)

    value: float = Field(examples=[0.762])
    low: float = Field(examples=[0.748])
    high: float = Field(examples=[0.777])


class CutOff(BaseModel):
    """What refusing from a probability on comes to, among the clients judged."""

    cut_off: float = Field(examples=[0.09])
    approval_rate: float = Field(examples=[0.69])
    bad_rate: float = Field(description="Share of defaults among the approved.", examples=[0.041])
    cost_per_client: float = Field(description="In refused good clients.", examples=[0.55])


class Decile(BaseModel):
    """A tenth of the clients, lowest probabilities first."""

    decile: int = Field(examples=[1])
    clients: int = Field(examples=[300])
    predicted: float = Field(description="Mean probability of default.", examples=[0.012])
    observed: float = Field(description="Share that defaulted.", examples=[0.01])
    low: float = Field(examples=[0.003])
    high: float = Field(examples=[0.028])


class JudgedGrade(BaseModel):
    """A grade among the clients judged."""

    grade: str = Field(examples=["B"])
    start: float = Field(validation_alias="from", description="Its lowest probability.", examples=[0.01])
    end: float = Field(validation_alias="to", examples=[0.02])
    clients: int = Field(examples=[495])
    predicted: float = Field(examples=[0.015])
    observed: float = Field(examples=[0.016])
    low: float = Field(examples=[0.008])
    high: float = Field(examples=[0.031])


class Segment(BaseModel):
    """A group of the clients judged."""

    by: str = Field(examples=["product"])
    group: str = Field(examples=["Cash loans"])
    clients: int = Field(examples=[2700])
    auc: float = Field(examples=[0.712])
    auc_low: Number = Field(None, examples=[0.69])
    auc_high: Number = Field(None, examples=[0.735])
    predicted: float = Field(examples=[0.078])
    observed: float = Field(examples=[0.08])
    low: float = Field(examples=[0.071])
    high: float = Field(examples=[0.091])
    approval_rate: float = Field(examples=[0.69])
    cost_per_client: float = Field(examples=[0.58])
    cost_low: Number = Field(None, examples=[0.54])
    cost_high: Number = Field(None, examples=[0.62])


class OtherCosts(BaseModel):
    """What another cost of a missed default would change."""

    missed_default_costs: float = Field(description="In refused good clients.", examples=[5])
    in_theory: float = Field(description="Its theoretical cut-off.", examples=[0.1667])
    best_cut_off: float = Field(examples=[0.158])
    cost_per_client: float = Field(description="At that cut-off.", examples=[0.36])
    cost_at_the_present_cut_off: float = Field(examples=[0.42])


class Audited(BaseModel):
    """A group by an attribute that must not decide. The impact ratio is its approval rate over the highest one."""

    by: str = Field(examples=["gender"])
    group: str = Field(examples=["F"])
    clients: int = Field(examples=[1998])
    approval_rate: float = Field(examples=[0.71])
    impact_ratio: float = Field(examples=[0.95])
    low: float = Field(examples=[0.91])
    high: float = Field(examples=[0.99])
    good_clients_refused: float = Field(examples=[0.27])
    default_rate: float = Field(examples=[0.073])


class Judged(BaseModel):
    """A version on clients it was not fitted on."""

    part: str = Field(description="`test`, or `out_of_time`: the newest labelled cohort.", examples=["out_of_time"])
    clients: int = Field(examples=[2997])
    metrics: dict[str, Interval]
    without_a_model: dict[str, float] = Field(
        description="Cost per client of approving and of refusing everyone.", examples=[{"cost_approve_all": 0.81}]
    )
    score_psi: float = Field(description="How far scores moved from the valid part.", examples=[0.016])
    strategy: list[CutOff] = Field(description="Ascending; the cut-off in force and its interval are among them.")
    deciles: list[Decile]
    grades: list[JudgedGrade]
    segments: list[Segment]
    cohorts: list[Segment]
    sensitivity: list[OtherCosts]
    fairness: list[Audited]


class Evaluation(BaseModel):
    model_version: str = Field(examples=["7"])
    parts: list[Judged]


class Defence(BaseModel):
    """Why the cut-off lies where it does: chosen on out-of-fold predictions, held against theory."""

    model_config = ConfigDict(from_attributes=True)

    value: float = Field(examples=[0.09])
    low: float = Field(examples=[0.081])
    high: float = Field(examples=[0.104])
    theory: float = Field(description="Best for perfect probabilities: 1 / (1 + ratio of the costs).", examples=[0.091])
    holds_theory: bool = Field(description="Whether theory lies within the interval.")
    false_negative: float = Field(description="Cost of a missed default, in refused good clients.", examples=[10.0])
    false_positive: float = Field(examples=[1.0])
    cost_per_client: float = Field(examples=[0.56])
    review_margin: float = Field(
        description="Zone of review, as a share of the cut-off on either side.", examples=[0.2]
    )


class FamilyImportance(BaseModel):
    """A family of features: how far it moves the log-odds on average, and what applicants are told of it."""

    code: str = Field(examples=["R-EXT"])
    title: str = Field(examples=["Scores of other institutions"])
    importance: float = Field(description="Sum of the mean absolute SHAP values of its features.", examples=[0.52])
    features: int = Field(examples=[5])
    told: bool = Field(description="Whether it may be a reason.")
    against: str = Field(description="Opens its reason; empty where it is none.", examples=["The scores are low."])
    advice: str = Field(description="What would help; empty where nobody could say.", examples=[""])


class Point(BaseModel):
    contribution: float = Field(description="Log-odds.", examples=[-0.21])
    rank: Number = Field(description="Of the row's value, 0 the lowest, 1 the highest; null: none.", examples=[0.8])


class FeatureImportance(BaseModel):
    feature: str = Field(examples=["EXT_SOURCE_2"])
    label: str = Field(examples=["Second external score"])
    family: str = Field(examples=["R-EXT"])
    kind: Literal["numeric", "category"]
    importance: float = Field(description="Mean absolute SHAP value, in log-odds.", examples=[0.31])
    points: list[Point] = Field(description="Of some rows, by contribution; empty for all but the strongest features.")


class Importance(BaseModel):
    """What moves the version in force, strongest first."""

    model_version: str = Field(examples=["7"])
    families: list[FamilyImportance]
    features: list[FeatureImportance]


class ListedVersion(BaseModel):
    number: str = Field(examples=["7"])
    made_at: datetime
    aliases: list[str] = Field(examples=[["champion"]])
    parameters: dict[str, str] = Field(examples=[{"family": "catboost"}])
    metrics: dict[str, float] = Field(examples=[{"test_auc": 0.76}])


class Promotion(BaseModel):
    """An entry of the promotion ledger: who decided what about which version, and why."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(examples=[1])
    at: datetime
    kind: str = Field(examples=["promotion"])
    state: str = Field(description="What became of it; empty where nothing can.", examples=["done"])
    by: str = Field(description="A person, or `the gate`.", examples=["Ada L."])
    why: str = Field(examples=["validated"])
    from_version: str | None = Field(examples=["3"])
    to_version: str | None = Field(examples=["4"])
    overridden: list[str] = Field(description="What spoke against it, where somebody decided nevertheless.")
    hash: str = Field(description="Of the entry; the next one names it.", examples=["9f2c"])


class GateRule(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["cheaper_than_champion"])
    passed: bool | None = Field(description="Null: could not be judged, which stops nobody.")
    sentence: str = Field(examples=["costs 0.021 less per client"])
    limit: str = Field(examples=["below -0.0058"])


class SwapGroup(BaseModel):
    """Clients whom champion and challenger answer in one way each, and what became of them."""

    model_config = ConfigDict(from_attributes=True)

    champion: Literal["approve", "refuse"]
    challenger: Literal["approve", "refuse"]
    clients: int = Field(examples=[112])
    share: float = Field(examples=[0.031])
    default_rate: Interval | None = Field(description="Observed; null where there is nobody.")
    cost_effect: Interval = Field(description="Change of the cost per client of all; negative is cheaper.")


class Gate(BaseModel):
    """How the gate found a version beside the champion of then, on the same clients."""

    model_config = ConfigDict(from_attributes=True)

    challenger: str = Field(examples=["4"])
    champion: str | None = Field(description="Null: there was none.", examples=["3"])
    benchmark: str | None = Field(examples=["scorecard"])
    at: datetime
    clients: int = Field(examples=[3597])
    defaults: int = Field(examples=[288])
    passed: bool
    reason: str = Field(examples=["costs significantly less than the champion"])
    rules: list[GateRule]
    numbers: dict[str, dict[str, Interval]] = Field(description="Each model's metrics.")
    groups: list[SwapGroup] = Field(description="Those who flip first; empty where there was no champion.")


def evaluation(settings: Settings, version: str) -> Evaluation:
    """How a version was judged.

    Raises:
        ProblemError: there is no such version, or it has not been judged.
    """
    from credit_platform.model.card import EVALUATION

    try:
        text = registry.attached(settings, version, EVALUATION)
    except NoModelError:
        raise _no_version(version) from None
    if text is None:
        raise ProblemError("not-found", f"Version {version} has not been judged; `credit-platform run` does it.")
    return Evaluation(
        model_version=version, parts=[Judged.model_validate(_spelled(part)) for part in json.loads(text).values()]
    )


def defence(scorer: Scorer) -> Defence:
    """Why the cut-off of a version lies where it does."""
    threshold, costs = scorer.threshold, scorer.threshold.costs
    return Defence(
        value=threshold.value,
        low=threshold.low,
        high=threshold.high,
        theory=costs.theoretical_threshold,
        holds_theory=threshold.holds_theory,
        false_negative=costs.false_negative,
        false_positive=costs.false_positive,
        cost_per_client=threshold.cost_per_client,
        review_margin=threshold.review_margin,
    )


def importance(settings: Settings, scorer: Scorer, language: Language) -> Importance:
    """What moves a version, by family and feature."""
    table, kinds = scorer.reason_table, {feature.name: feature.kind for feature in scorer.schema.features}
    swarm, words = swarm_of(settings, scorer.version), {feature.name: feature for feature in table.features}
    features = [
        FeatureImportance(
            feature=name,
            label=label_of(words[name], language),
            family=words[name].family,
            kind=kinds[name],
            importance=strength,
            points=[Point(contribution=moved, rank=rank) for moved, rank in swarm.get(name, [])],
        )
        for name, strength in scorer.importance.items()
    ]
    families = [
        FamilyImportance(
            code=family.code,
            title=family.title[language],
            importance=sum(each.importance for each in of),
            features=len(of),
            told=not family.protected,
            against=family.against.get(language, ""),
            advice=family.advice.get(language, ""),
        )
        for family in table.families
        if (of := [each for each in features if each.family == family.code])
    ]
    families.sort(key=lambda family: -family.importance)
    return Importance(model_version=scorer.version, families=families, features=features)


def versions(settings: Settings) -> list[ListedVersion]:
    """The newest versions, the newest first."""
    return [ListedVersion.model_validate(version._asdict()) for version in registry.listed(settings)]


def promotions(settings: Settings) -> list[Promotion]:
    """The promotion ledger, the newest entry first.

    Raises:
        ProblemError: the ledger is not what was written.
    """
    try:
        lines = ledger.read(settings).history()
    except LedgerError as error:
        raise _damaged(error) from None
    return [
        Promotion(
            **{name: getattr(entry, name) for name in _OF_ENTRY},
            overridden=list(entry.overridden),
            state=state,
            hash=entry.name.partition("-")[2],
        )
        for entry, state in reversed(lines)
    ]


def gate(settings: Settings, version: str) -> Gate:
    """The newest gate report of a version.

    Raises:
        ProblemError: there is no such version, none of it, or the ledger is not what was written.
    """
    try:
        report = succession.gate_report(settings, version)
    except NoModelError:
        raise _no_version(version) from None
    except (LedgerError, succession.PromotionError) as error:
        raise _damaged(error) from None
    if report is None:
        raise ProblemError("not-found", f"Version {version} has not been through the gate.")
    return Gate.model_validate(report)


_OF_ENTRY = ("number", "at", "kind", "by", "why", "from_version", "to_version")


def _spelled(found: Any) -> Any:
    """A report with the names that its tables have for people made into names of fields."""
    if isinstance(found, Mapping):
        return {key.lower().replace(" ", "_").replace("-", "_"): _spelled(value) for key, value in found.items()}
    return [_spelled(each) for each in found] if isinstance(found, list) else found


def _no_version(version: str) -> ProblemError:
    return ProblemError("not-found", f"The registry holds no version {version}; /model/versions lists those it has.")


def _damaged(error: Exception) -> ProblemError:
    text = str(error)
    return ProblemError("damaged", f"{text[0].upper()}{text[1:]}.")
