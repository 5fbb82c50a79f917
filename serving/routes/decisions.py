"""Decisions on features that the caller sends, and decisions on record: looked up and made again."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from credit_platform.model.registry import NoModelError
from serving import answers, insight, recorded
from serving.access import needs
from serving.champion import Versions
from serving.decisions.entries import Record
from serving.decisions.errors import DecisionLogError, ErasedError, UnknownDecisionError
from serving.desk import Desk, of_request
from serving.problems import ProblemError
from serving.routes import Direct, body_of, json_answer, refusals, router
from serving.wishes import parameters, wishes_of

DecisionId = Annotated[str, Path(max_length=64, description="As a decision's answer names it.", examples=["0192f0c1…"])]


def deciding(desk: Desk) -> APIRouter:
    """The endpoints that decide."""
    routes = router("decisions", Direct)
    refused = refusals("invalid-request", "no-model", "not-recorded")

    @routes.post(
        "/predict",
        response_model=answers.Decision,
        responses=refused,
        openapi_extra={"parameters": parameters(), "requestBody": body_of("PredictBody")},
        dependencies=[needs("score")],
    )
    async def predict(request: Request) -> Response:
        """Decides on a client from any subset of the model's features; what is not sent counts as missing."""
        champion = desk.seat.champion()
        wishes = wishes_of(request)
        features, client = champion.bodies.read_predict(await request.body())
        return json_answer(await desk.decide(request, champion, "predict", of_request(features, client), wishes))

    @routes.post(
        "/explain",
        response_model=answers.Explanation,
        responses=refused,
        openapi_extra={"parameters": parameters(), "requestBody": body_of("ExplainBody")},
        dependencies=[needs("explain")],
    )
    async def explain(request: Request) -> Response:
        """Decides as /predict does, and says how far each feature, and each family, moved the log-odds of default."""
        champion = desk.seat.champion()
        wishes = wishes_of(request)
        features, client, top = champion.bodies.read_explain(await request.body())
        decision = await desk.decide(request, champion, "explain", of_request(features, client), wishes)
        return json_answer({**decision, **insight.explanation(champion, features, top, wishes)})

    return routes


def decided(desk: Desk, versions: Versions) -> APIRouter:
    """The endpoints that look decisions up, and make them again."""
    routes = router("decisions")
    known = refusals("not-found", "invalid-request", "not-recorded")

    @routes.get("/decisions/{decision_id}", responses=known, dependencies=[needs("review")])
    def decision(decision_id: DecisionId) -> answers.RecordedDecision:
        """A decision as it is on record, with what it was made from unless that was erased."""
        return recorded.told(_record(desk, decision_id))

    @routes.post(
        "/decisions/{decision_id}/replay",
        responses=refusals("not-found", "invalid-request", "not-recorded", "erased", "no-version"),
        dependencies=[needs("review")],
    )
    def replay(decision_id: DecisionId) -> answers.Replay:
        """Makes a decision again from its record, by the very version that decided, and says what differs, if any."""
        record = _record(desk, decision_id)
        try:
            return recorded.replayed(record, versions.scorer(record.decision.version))
        except ErasedError:
            raise ProblemError("erased", "What this decision was made from was erased.") from None
        except NoModelError:
            number = record.decision.version
            raise ProblemError("no-version", f"Version {number} decided; the registry has it no more.") from None

    return routes


def _record(desk: Desk, decision_id: str) -> Record:
    try:
        return desk.recorder.log.get(decision_id)
    except UnknownDecisionError:
        raise ProblemError("not-found", "No decision of this id is on record.") from None
    except DecisionLogError as error:
        raise desk.recorder.unreadable(error) from error
