"""The least that a decision can cost here: FastAPI takes a client's features in and answers always the same.

Once as FastAPI does it when the body is declared, once with nothing around `json.loads`.
"""

import json

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

ANSWER: dict[str, float | str] = {"probability_of_default": 0.1, "decision": "approve"}
_READY = json.dumps(ANSWER).encode()

app = FastAPI()


class Client(BaseModel):
    features: dict[str, float | str | None]


@app.post("/declared")
async def declared(client: Client) -> dict[str, float | str]:  # noqa: ARG001
    return ANSWER


@app.post("/bare")
async def bare(request: Request) -> Response:
    json.loads(await request.body())
    return Response(_READY, media_type="application/json")
