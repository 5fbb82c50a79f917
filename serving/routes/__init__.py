"""The endpoints, a module for each group. They read the request, ask whoever knows, and answer; nothing else.

Single decisions are coroutines that score in the event loop: half a millisecond is less than a thread's turn costs.
Whatever may wait for a disk, a database or the registry is a plain function, which FastAPI runs in a thread.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import to_json

from serving import problems
from serving.bodies import REFERENCE
from serving.problems import Kind
from serving.protection import REFUSALS


def refusals(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """All that an endpoint may refuse, for OpenAPI: its own kinds, and those of the layers around it."""
    return problems.document(dict.fromkeys((*kinds, *REFUSALS, "internal")))


def body_of(name: str) -> dict[str, Any]:
    """Refers OpenAPI to a body whose type is made while the server runs."""
    return {"required": True, "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model=name)}}}}


def json_answer(answer: Any) -> Response:
    """An answer that is serialised once, and not validated: it was made here."""
    return Response(to_json(answer), media_type="application/json")


async def raw_body(request: Request) -> bytes:
    """A dependency for plain functions, which can't wait for a body themselves."""
    return await request.body()


class Direct(APIRoute):
    """An endpoint that is given the request, and answers with a response: FastAPI describes it and does nothing else,
    because to look for parameters where there are none takes it longer than a decision does.

    Its dependencies are given the request alone as well.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint, checks = self.endpoint, [each.dependency for each in self.dependencies if each.dependency]

        async def handle(request: Request) -> Response:
            for check in checks:
                await check(request)
            answer: Response = await endpoint(request)
            return answer

        return handle


def router(tag: str, kind: type[APIRoute] = APIRoute) -> APIRouter:
    """A group of endpoints."""
    return APIRouter(tags=[tag], route_class=kind)
