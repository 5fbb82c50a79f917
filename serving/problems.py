"""What the API says when it refuses: problem details (RFC 9457) that name the field and never repeat the value.

Every refusal is one of the kinds listed here. Not here: deciding that something is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
"""How many field errors one answer lists; a junk body can hold a hundred thousand."""
_LONGEST_FIELD = 100

Kind = Literal[
    "unauthorised",
    "not-exposed",
    "forbidden",
    "not-found",
    "no-version",
    "already-resolved",
    "erased",
    "upload-too-slow",
    "body-too-large",
    "invalid-request",
    "too-many-requests",
    "internal",
    "no-model",
    "no-mart",
    "no-alerts",
    "damaged",
    "not-recorded",
    "not-ready",
    "overloaded",
    "too-slow",
]

KINDS: Mapping[Kind, tuple[HTTPStatus, str]] = {
    "unauthorised": (HTTPStatus.UNAUTHORIZED, "The API key is missing or wrong"),
    "not-exposed": (HTTPStatus.FORBIDDEN, "Without an API key this server answers on the local machine only"),
    "forbidden": (HTTPStatus.FORBIDDEN, "The API key does not allow this"),
    "not-found": (HTTPStatus.NOT_FOUND, "Not found"),
    "no-version": (HTTPStatus.CONFLICT, "The version that decided is gone"),
    "already-resolved": (HTTPStatus.CONFLICT, "The incident is over"),
    "erased": (HTTPStatus.GONE, "Erased"),
    "upload-too-slow": (HTTPStatus.REQUEST_TIMEOUT, "The request body came too slowly"),
    "body-too-large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request body is too large"),
    "invalid-request": (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid"),
    "too-many-requests": (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    "internal": (HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed"),
    "no-model": (HTTPStatus.SERVICE_UNAVAILABLE, "No model is in force"),
    "no-mart": (HTTPStatus.SERVICE_UNAVAILABLE, "No client mart is published"),
    "damaged": (HTTPStatus.INTERNAL_SERVER_ERROR, "What is on file is not what was written"),
    "no-alerts": (HTTPStatus.SERVICE_UNAVAILABLE, "The alerts can't be read or written"),
    "not-recorded": (HTTPStatus.SERVICE_UNAVAILABLE, "The decision log does not answer"),
    "not-ready": (HTTPStatus.SERVICE_UNAVAILABLE, "The server is not ready"),
    "overloaded": (HTTPStatus.SERVICE_UNAVAILABLE, "The server has too much to do"),
    "too-slow": (HTTPStatus.SERVICE_UNAVAILABLE, "The server took too long"),
}


class FieldProblem(BaseModel):
    """One field of the request and what it should have been."""

    field: str = Field(examples=["features.AMT_CREDIT"])
    problem: str = Field(examples=["must be a number or null"])


class Problem(BaseModel):
    """Problem details after RFC 9457."""

    type: str = Field(examples=["urn:credit-platform:problem:invalid-request"])
    title: str = Field(examples=["The request is not valid"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["features.AMT_CREDIT must be a number or null."])
    errors: list[FieldProblem] = []


class ProblemError(Exception):
    """A refusal on its way to the client."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Iterable[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers

    def response(self) -> Response:
        status, title = KINDS[self.kind]
        return _response(
            f"urn:credit-platform:problem:{self.kind}", title, status, self.detail, self.errors, self.headers
        )


def invalid_request(errors: Iterable[Mapping[str, Any]]) -> ProblemError:
    """The refusal for pydantic's errors, whose messages and inputs are left behind: both can repeat the value."""
    return invalid_fields([FieldProblem(field=field_of(error["loc"]), problem=_problem(error)) for error in errors])


def invalid_fields(found: Sequence[FieldProblem]) -> ProblemError:
    """The refusal for fields of which all is known that may be told."""
    shown, more = list(found[:MOST_ERRORS]), len(found) - MOST_ERRORS
    detail = f"{shown[0].field} {shown[0].problem}" if len(found) == 1 else f"{len(found)} fields are not valid"
    if more > 0:
        detail += f"; the first {MOST_ERRORS} are listed"
    return ProblemError("invalid-request", f"{detail}.", shown)


async def refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request with a refusal where no endpoint does, and notes its kind for log and metrics."""
    scope["state"]["refusal"] = problem.kind
    await problem.response()(scope, receive, send)


def document(kinds: Iterable[Kind]) -> dict[int | str, dict[str, Any]]:
    """The refusals of an endpoint, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    titles: dict[int | str, list[str]] = {}
    for kind in kinds:
        status, title = KINDS[kind]
        titles.setdefault(status.value, []).append(title)
    return {status: {"description": "; ".join(of_status), "content": content} for status, of_status in titles.items()}


def install(app: FastAPI) -> None:
    """Makes every error of the framework leave as problem details too."""

    # Coroutines, because Starlette sends plain functions to a thread.
    @app.exception_handler(ProblemError)
    async def refuse_request(request: Request, error: ProblemError) -> Response:
        request.state.refusal = error.kind
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def refuse_parameters(request: Request, error: RequestValidationError) -> Response:
        return await refuse_request(request, invalid_request(error.errors()))

    @app.exception_handler(HTTPException)
    async def refuse_route(_: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        return _response(
            "about:blank", status.phrase, status, f"{status.description or status.phrase}.", [], error.headers
        )


def _response(
    kind: str,
    title: str,
    status: HTTPStatus,
    detail: str,
    errors: list[FieldProblem],
    headers: Mapping[str, str] | None,
) -> Response:
    problem = Problem(type=kind, title=title, status=status.value, detail=detail, errors=errors)
    return Response(
        problem.model_dump_json(exclude=None if errors else {"errors"}),
        status_code=status.value,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def field_of(location: tuple[int | str, ...]) -> str:
    name = ".".join(str(part) for part in location) or "body"
    return name if len(name) <= _LONGEST_FIELD else name[:_LONGEST_FIELD] + "…"


_WORDS = {
    "json_invalid": "is not valid JSON",
    "dict_type": "must be a JSON object",
    "missing": "is required",
    "float_type": "must be a number or null",
    "finite_number": "must be a finite number",
    "string_type": "must be a text or null",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is out of range",
    "list_type": "must be a list",
    "bool_type": "must be true or false",
    "date_from_datetime_parsing": "must be a date, as 2025-03-31",
    "date_parsing": "must be a date, as 2025-03-31",
    "datetime_from_date_parsing": "must be a time with its zone, as 2026-03-31T12:00:00Z",
    "datetime_parsing": "must be a time with its zone, as 2026-03-31T12:00:00Z",
    "timezone_aware": "must be a time with its zone, as 2026-03-31T12:00:00Z",
    "one_subject": "must name either a decision_id or an sk_id_curr",
    "record_value": "must be a number, a text or null",
    "repeated_name": "comes more than once",
    "too_deep": "is nested too deeply",
}


def _problem(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "float_type" and type(error.get("input")) is int:
        kind = "finite_number"  # a whole number beyond the range of a double
    if kind == "extra_forbidden":
        return "is not a feature of this model" if "features" in error["loc"][:-1] else "is not a field of this request"
    # Bounds are ours, not the client's, so they can be told.
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters long"
    if kind == "string_too_short":
        return f"must be at least {context['min_length']} characters long"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind in ("too_long", "too_short"):
        bound = f"most {context['max_length']}" if kind == "too_long" else f"least {context['min_length']}"
        return f"must have at {bound} entries"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    return _WORDS.get(kind, "is not valid")
