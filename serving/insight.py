"""What lies behind a decision on a client: how far each feature moved it, the client beside others, the very rows of
their history, and what would be decided about another loan.

Answers and how they are put together; what they say comes from `credit_platform/explain` and `credit_platform/scoring`.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from credit_platform.explain.comparison import compare
from credit_platform.explain.evidence import Evidence, evidence
from credit_platform.explain.formats import written
from credit_platform.explain.glossary import Language, category_words, column_words
from credit_platform.explain.population import population
from credit_platform.explain.reason_table import ReasonTable, format_of, label_of, text_of
from credit_platform.explain.reasons import family_sums
from credit_platform.home_credit.contracts import Column
from credit_platform.lake import MissingTableError
from credit_platform.mart.build import CLIENT_KEY, step_columns
from credit_platform.mart.lookup import ClientRow
from credit_platform.model.business_cost import Decision as Verdict
from credit_platform.raw.records import records_of
from credit_platform.scoring import whatif
from credit_platform.scoring.scorer import Explanation
from credit_platform.scoring.whatif import ChangeError
from credit_platform.settings import Settings
from serving import answers
from serving.applications import online_mart
from serving.champion import Champion
from serving.clients import finite
from serving.problems import FieldProblem, ProblemError, invalid_fields
from serving.wishes import Wishes

Number = float | None


class Group(BaseModel):
    """Clients in numbers. Groups of fewer than a hundred are never told of."""

    model_config = ConfigDict(from_attributes=True)

    description: str = Field(
        description="What they have in common; empty for all.", examples=["Product applied for: cash loan"]
    )
    clients: int = Field(examples=[2013])
    default_rate: float = Field(description="Share that defaulted.", examples=[0.091])
    approval_rate: float = Field(description="Share that this version would not refuse.", examples=[0.687])
    probability: list[float] = Field(description="Shares between the edges of the probabilities.", examples=[[0.4]])
    below: Number = Field(description="About which share has a smaller probability of default.", examples=[0.62])


class ComparedFeature(BaseModel):
    """A feature of the client beside others: the share of clients in each bin."""

    model_config = ConfigDict(from_attributes=True)

    feature: str = Field(examples=["AMT_CREDIT"])
    label: str = Field(examples=["Loan amount"])
    value: float | str | None = Field(examples=[450_000])
    value_text: str = Field(examples=["450,000"])
    numeric: bool = Field(description="Whether bins are edges of numbers; else they name categories.")
    bins: list[float | str] = Field(examples=[[45_000, 500_000, 2_000_000]])
    bin_texts: list[str] = Field(examples=[["45,000", "500,000", "2,000,000"]])
    shares: list[float] = Field(description="Of all clients.", examples=[[0.48, 0.52]])
    shares_alike: list[float] = Field(description="Of clients alike.", examples=[[0.4, 0.6]])
    below: Number = Field(description="About which share of all has a smaller value.", examples=[0.4])
    below_alike: Number = Field(description="The same of clients alike.", examples=[0.37])


class Comparison(BaseModel):
    """A client beside all clients and those alike."""

    model_config = ConfigDict(from_attributes=True)

    model_version: str = Field(description="The version whose view of the clients was counted.", examples=["7"])
    cohorts: list[str] = Field(examples=[["2024-01", "2024-02"]])
    probability_edges: list[float] = Field(examples=[[0, 0.05, 0.1]])
    everybody: Group
    alike: Group
    features: list[ComparedFeature] = Field(description="In the order of the strongest contributions.")


class Cell(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    value: int | float | str | None = Field(description="As it was delivered.", examples=[-310])
    text: str = Field(examples=["10 months ago"])


class Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    telling: bool = Field(description="Whether it speaks against the client.")
    cells: list[Cell]


class Records(BaseModel):
    """A client's own rows behind a family of reasons, telling ones first; at most 200 of them."""

    model_config = ConfigDict(from_attributes=True)

    family: str = Field(examples=["R-PAY"])
    cohort: str = Field(examples=["2024-09"])
    table: str = Field(examples=["installments_payments"])
    title: str = Field(examples=["Instalments of earlier loans"])
    tells: str = Field(description="What telling rows have in common.", examples=["paid late or not in full"])
    columns: list[str] = Field(examples=[["Due", "Paid"]])
    rows: list[Row]
    total: int = Field(examples=[58])
    telling: int = Field(examples=[4])


class Changeable(BaseModel):
    """Something of the application that could be changed."""

    field: str = Field(examples=["AMT_CREDIT"])
    label: str = Field(examples=["Loan amount"])
    value: float | str = Field(examples=[450_000])
    value_text: str = Field(examples=["450,000"])
    low: Number = Field(description="Smallest value that can be asked about; null for a choice.", examples=[45_000])
    high: Number = Field(examples=[1_827_550])
    choices: dict[str, str] = Field(description="The choices and their names.", examples=[{"Cash loans": "cash loan"}])


class WhatIf(BaseModel):
    sk_id_curr: int = Field(examples=[100002])
    cohort: str = Field(examples=["2024-09"])
    fields: list[Changeable]


class Outcome(BaseModel):
    """What would be decided; it is no decision and not on record."""

    model_config = ConfigDict(from_attributes=True)

    probability_of_default: float = Field(examples=[0.143])
    score: int = Field(examples=[540])
    grade: str = Field(examples=["E"])
    decision: Verdict = Field(examples=["refuse"])
    reasons: list[answers.Reason]


class Moved(BaseModel):
    """How much a family of features speaks against the client, in log-odds, before and after."""

    family: str = Field(examples=["R-AMT"])
    title: str = Field(examples=["Size of the loan and its instalments"])
    before: float = Field(examples=[0.3])
    after: float = Field(examples=[0.1])


class Simulation(BaseModel):
    """An application as it is and as it could be, decided by the same version."""

    model_version: str = Field(examples=["7"])
    threshold: float = Field(examples=[0.09])
    changes: dict[str, float | str] = Field(description="What was changed.", examples=[{"AMT_CREDIT": 300_000}])
    original: Outcome
    changed: Outcome
    families: list[Moved] = Field(description="Those that moved, most first.")


class Change(BaseModel):
    field: str = Field(examples=["AMT_CREDIT"])
    label: str = Field(examples=["Loan amount"])
    before: float = Field(examples=[450_000])
    after: float = Field(examples=[311_000])


class Way(BaseModel):
    name: str = Field(examples=["smaller"])
    suffices: bool = Field(description="Whether it is enough for an approval.")
    changes: list[Change]
    probability_of_default: float = Field(examples=[0.061])


class Ways(BaseModel):
    """The smallest plausible changes of a loan with which it would be approved, each scored."""

    model_version: str = Field(examples=["7"])
    threshold: float = Field(examples=[0.09])
    approved: bool = Field(description="Whether it is approved as it is.")
    probability_of_default: float = Field(description="As it is.", examples=[0.077])
    ways: list[Way] = Field(description="One of each kind: where it does not suffice, the best it reaches.")
    tried: int = Field(description="How many loans were scored.", examples=[83])


def explanation(champion: Champion, features: dict[str, Any], top: int | None, wishes: Wishes) -> dict[str, Any]:
    """What `answers.Explanation` adds to a decision."""
    scorer, language = champion.scorer, wishes.language
    explained = scorer.explain(features)
    meanings = {feature.name: feature.meaning for feature in scorer.schema.features}
    words = {feature.name: feature for feature in scorer.reason_table.features}
    each = [
        {
            "feature": c.feature,
            "value": c.value,
            "contribution": c.contribution,
            "meaning": meanings[c.feature],
            "family": words[c.feature].family,
            "label": label_of(words[c.feature], language),
            "value_text": text_of(words[c.feature], c.value, scorer.reason_table, language),
        }
        for c in explained.contributions[:top]
    ]
    sums = _sums(scorer.reason_table, explained)
    families = [
        {"family": f.code, "title": f.title[language], "contribution": sums[f.code], "protected": f.protected}
        for f in scorer.reason_table.families
        if sums[f.code]
    ]
    return {
        "baseline": explained.baseline,
        "margin": explained.margin,
        "contributions": each,
        "families": sorted(families, key=lambda family: -abs(family["contribution"])),
        "others": sum(c.contribution for c in explained.contributions[top:]) if top else 0.0,
    }


def comparison(
    settings: Settings, champion: Champion, features: dict[str, Any], top: int | None, wishes: Wishes
) -> Comparison:
    """A client beside others.

    Raises:
        ProblemError: no population was counted yet.
    """
    counted = population(settings)
    if counted is None:
        raise ProblemError("not-found", "No population was counted yet; `credit-platform run` does it.")
    scorer = champion.scorer
    strongest = [c.feature for c in scorer.explain(features).contributions[:top]]
    probability = float(scorer.probabilities([features])[0])
    return Comparison.model_validate(
        compare(counted, scorer.reason_table, features, probability, strongest, wishes.language)
    )


def records(settings: Settings, champion: Champion, row: ClientRow, family: str, language: Language) -> Records:
    """A client's rows behind a family of reasons.

    Raises:
        ProblemError: there is no such family of reasons, or the client's raw tables are not here.
    """
    try:
        found: Evidence = evidence(settings, row.cohort, row.client, family, champion.scorer.reason_table, language)
    except LookupError:
        raise ProblemError("not-found", "No reason is of this family.") from None
    except MissingTableError:
        raise _no_records(row) from None
    return Records.model_validate({**asdict(found), "cohort": row.cohort})


def what_if(settings: Settings, row: ClientRow, language: Language) -> WhatIf:
    """What could be changed about a client's application.

    Raises:
        ProblemError: the client's raw tables are not here.
    """
    application, _ = _application(settings, row)
    fields = [
        Changeable(
            field=field.column.name,
            label=_label(field.column, language),
            value=field.value,
            value_text=_text(field.column, field.value, language),
            low=field.low,
            high=field.high,
            choices={choice: category_words(choice)[language] for choice in field.choices},
        )
        for field in whatif.fields(application)
        if field.value is not None
    ]
    return WhatIf(sk_id_curr=row.client, cohort=row.cohort, fields=fields)


def simulation(
    settings: Settings, champion: Champion, row: ClientRow, changes: dict[str, Any], wishes: Wishes
) -> Simulation:
    """What would be decided about a changed application, beside what is.

    Raises:
        ProblemError: a change can't be, or the client's raw tables are not here.
    """
    application, history = _application(settings, row)
    try:
        kept = whatif.checked(application, changes)
    except ChangeError as error:
        raise invalid_fields(
            [FieldProblem(field=f"changes.{p.field}", problem=p.message) for p in error.problems]
        ) from None
    scorer = champion.scorer
    rows = [finite(each) for each in whatif.changed_row(online_mart(), application, history, kept)]
    before, after = (_sums(scorer.reason_table, scorer.explain(each)) for each in rows)
    original, changed = (
        Outcome.model_validate(scorer.score_row(each, wishes.language, wishes.most_reasons)) for each in rows
    )
    moved = [
        Moved(family=f.code, title=f.title[wishes.language], before=before[f.code], after=after[f.code])
        for f in scorer.reason_table.families
        if before[f.code] != after[f.code]
    ]
    return Simulation(
        model_version=scorer.version,
        threshold=scorer.threshold.value,
        changes=kept,
        original=original,
        changed=changed,
        families=sorted(moved, key=lambda each: -abs(each.after - each.before)),
    )


def ways(settings: Settings, champion: Champion, row: ClientRow, language: Language) -> Ways:
    """What it would take to be approved.

    Raises:
        ProblemError: the client's raw tables are not here.
    """
    application, history = _application(settings, row)
    scorer = champion.scorer
    found = whatif.ways_to_approval(scorer, online_mart(), application, history)
    fields = {field.column.name: field for field in whatif.fields(application)}
    return Ways(
        model_version=scorer.version,
        threshold=scorer.threshold.value,
        approved=found.approved,
        probability_of_default=found.probability_of_default,
        ways=[
            Way(
                name=way.name,
                suffices=way.suffices,
                changes=[
                    Change(
                        field=name,
                        label=_label(fields[name].column, language),
                        before=float(fields[name].value or 0),
                        after=after,
                    )
                    for name, after in way.changes.items()
                ],
                probability_of_default=way.probability_of_default,
            )
            for way in found.ways
        ],
        tried=found.tried,
    )


def _sums(table: ReasonTable, explained: Explanation) -> dict[str, float]:
    contributions = {c.feature: c.contribution for c in explained.contributions}
    sums = family_sums(np.array([contributions[name] for name in table.names]), table)
    return {family.code: float(total) for family, total in zip(table.families, sums, strict=True)}


def _application(settings: Settings, row: ClientRow) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """A client's application and the rest of their records."""
    try:
        found = records_of(settings, row.cohort, row.client)
    except MissingTableError:
        raise _no_records(row) from None
    applications = found.pop("application")
    if not applications:
        raise _no_records(row)
    return {name: value for name, value in applications[0].items() if name != CLIENT_KEY}, found


def _no_records(row: ClientRow) -> ProblemError:
    return ProblemError("not-found", f"The raw tables of cohort {row.cohort}, which hold this client, are not here.")


def _label(column: Column, language: Language) -> str:
    words = column_words(next(each for each in step_columns("application") if each.name == column.name))
    text = words.get(language, column.meaning)
    return text[:1].upper() + text[1:]


def _text(column: Column, value: float | str | None, language: Language) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return category_words(value)[language]
    format = format_of(next(each for each in step_columns("application") if each.name == column.name))
    return written(value, format, language, {})
