"""What became of loans: realised defaults, by decision or by client, put on record beside the decisions."""

from datetime import date
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from serving import answers
from serving.access import needs
from serving.bodies import read
from serving.decisions.entries import Outcome
from serving.decisions.errors import DecisionLogError, UnknownDecisionError
from serving.decisions.log import DecisionLog
from serving.desk import Desk
from serving.problems import FieldProblem, invalid_fields
from serving.routes import refusals, router

MOST_OUTCOMES = 1000


class Reported(BaseModel):
    """What became of the loan of a decision, or of the last decision on a client up to the day of observation."""

    model_config = ConfigDict(extra="forbid")

    decision_id: Annotated[str, Field(max_length=64)] | None = Field(
        None, examples=["0192f0c1-7a4e-7c31-8a59-3f2f6f1c9d10"]
    )
    sk_id_curr: Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)] | None = Field(None, examples=[None])
    defaulted: Annotated[bool, Field(strict=True)] = Field(examples=[True])
    observed_on: date = Field(examples=["2025-03-31"])
    source: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Who observed it.", examples=["collections"]
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.decision_id is None) == (self.sk_id_curr is None):
            raise PydanticCustomError("one_subject", "names both or none")
        return self


class OutcomesBody(BaseModel):
    """At most a thousand outcomes. Again the same is no new entry; another one corrects the one before."""

    model_config = ConfigDict(extra="forbid")

    outcomes: Annotated[list[Reported], Field(min_length=1, max_length=MOST_OUTCOMES)]


_BODY = TypeAdapter(OutcomesBody)


async def _raw(request: Request) -> bytes:
    return await request.body()


def outcomes(desk: Desk) -> APIRouter:
    """The endpoints."""
    routes = router("outcomes")
    schema = {"$ref": "#/components/schemas/OutcomesBody"}

    @routes.post(
        "/outcomes",
        responses=refusals("invalid-request", "not-recorded"),
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
        dependencies=[needs("review")],
    )
    def report(body: Annotated[bytes, Depends(_raw)]) -> list[answers.OutcomeReceipt]:
        """Puts outcomes on record, all of them or, where one is about no decision on record, none."""
        reported: OutcomesBody = read(_BODY, body)
        try:
            receipts = desk.recorder.log.record_outcomes(_found(desk.recorder.log, reported.outcomes))
        except DecisionLogError as error:
            raise desk.recorder.unreadable(error) from error
        return [answers.OutcomeReceipt(decision_id=r.subject, sequence=r.sequence, at=r.at) for r in receipts]

    return routes


def components() -> dict[str, object]:
    """The JSON schemas of the body, by the names that OpenAPI refers to."""
    schema = OutcomesBody.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "OutcomesBody": schema}


def _found(log: DecisionLog, reported: list[Reported]) -> list[Outcome]:
    """The outcomes, each with the decision it is about.

    Raises:
        ProblemError: some are about none; each is named.
    """
    found, problems = [], []
    for i, each in enumerate(reported):
        try:
            if each.decision_id is not None:
                decision_id = log.get(each.decision_id).id
            else:
                decision_id = log.decision_of(each.sk_id_curr or 0, each.observed_on)
        except UnknownDecisionError:
            name = "decision_id" if each.decision_id is not None else "sk_id_curr"
            problems.append(FieldProblem(field=f"outcomes.{i}.{name}", problem="no decision of it is on record"))
            continue
        found.append(
            Outcome(decision_id=decision_id, defaulted=each.defaulted, observed_on=each.observed_on, source=each.source)
        )
    if problems:
        raise invalid_fields(problems)
    return found
