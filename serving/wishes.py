"""How a caller wants a decision told: in which language, and with how many reasons.

Read by hand from the query and Accept-Language, and remembered, because every decision asks and callers rarely change
their mind. Not here: what reasons say (`credit_platform/explain`).
"""

from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from starlette.requests import Request

from credit_platform.explain.glossary import LANGUAGES, Language
from credit_platform.explain.reasons import MOST_REASONS
from serving.limits import header
from serving.problems import FieldProblem, ProblemError

_MOST_LANGUAGES = 20


class Wishes(NamedTuple):
    """The language of the reasons, and how many are wanted at most."""

    language: Language = LANGUAGES[0]
    most_reasons: int = MOST_REASONS


def parameters(reasons: int = MOST_REASONS) -> list[dict[str, Any]]:
    """The parameters for OpenAPI, where so many reasons are given unless asked otherwise."""
    return [
        {
            "name": "language",
            "in": "query",
            "description": "The language of the reasons; by default the best one of Accept-Language, or English.",
            "schema": {"type": "string", "enum": list(LANGUAGES)},
            "examples": {"French": {"value": "fr"}},
        },
        {
            "name": "reasons",
            "in": "query",
            "description": "How many reasons to give at most.",
            "schema": {"type": "integer", "minimum": 0, "maximum": MOST_REASONS, "default": reasons},
        },
    ]


def wishes_of(request: Request, reasons: int = MOST_REASONS) -> Wishes:
    """What the caller wants; so many reasons unless they say otherwise.

    Raises:
        ProblemError: a parameter is none of those there are.
    """
    return _read(request.scope["query_string"], header(request.scope, b"accept-language"), reasons)


@lru_cache(1024)
def _read(query: bytes, accepted: bytes, default: int) -> Wishes:
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    language = given.get("language", [""])[-1]
    reasons = given.get("reasons", [str(default)])[-1]
    problems = []
    if "language" in given and language not in LANGUAGES:
        problems.append(FieldProblem(field="query.language", problem=f"must be {' or '.join(LANGUAGES)}"))
    if reasons not in map(str, range(MOST_REASONS + 1)):
        problems.append(FieldProblem(field="query.reasons", problem=f"must be a whole number from 0 to {MOST_REASONS}"))
    if problems:
        detail = "; ".join(f"{each.field} {each.problem}" for each in problems)
        raise ProblemError("invalid-request", f"{detail}.", problems)
    chosen = next((known for known in LANGUAGES if known == language), None)
    return Wishes(chosen or _best(accepted.decode("latin-1")), int(reasons))


def _best(accepted: str) -> Language:
    """The language that an Accept-Language header (RFC 9110, 12.5.4) likes best among those there are."""
    best, best_weight = LANGUAGES[0], 0.0
    for each in accepted.split(",")[:_MOST_LANGUAGES]:
        tag, _, weight = each.partition(";")
        name = tag.strip().lower().partition("-")[0]
        try:
            liked = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        known = next((language for language in LANGUAGES if name in (language, "*")), None)
        if known is not None and liked > best_weight:
            best, best_weight = known, liked
    return best
