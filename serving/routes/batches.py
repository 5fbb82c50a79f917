"""Decisions on many clients at once."""

from collections.abc import Iterator
from functools import partial
from typing import IO, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from credit_platform.scoring.tabular import is_parquet
from credit_platform.settings import Settings
from serving import batches
from serving.access import needs
from serving.batches import MEDIA_TYPES, Batches, Format
from serving.champion import Champion
from serving.desk import Desk
from serving.limits import header
from serving.problems import FieldProblem, invalid_fields
from serving.protection import BATCH_PATH
from serving.routes import body_of, refusals, router
from serving.wishes import parameters, wishes_of

_CHUNK_BYTES = 65_536


def batch_decisions(settings: Settings, desk: Desk) -> APIRouter:
    """The endpoints."""
    routes = router("decisions")
    file = {"type": "string", "format": "binary", "description": "CSV in UTF-8, or Parquet."}
    upload = {"type": "object", "required": ["file"], "properties": {"file": file}}
    body = body_of("BatchBody")
    body["content"]["multipart/form-data"] = {"schema": upload}
    text = {"schema": {"type": "string"}}
    answered = {
        "description": "A row for each client, in their order: SK_ID_CURR, decision_id, probability_of_default, score, "
        "grade, decision, threshold, model_version, and reason_code_1, reason_1 and so on where reasons were asked for",
        "content": dict.fromkeys(MEDIA_TYPES.values(), text),
    }

    @routes.post(
        BATCH_PATH,
        response_class=StreamingResponse,
        responses={200: answered, **refusals("invalid-request", "no-model", "not-recorded")},
        openapi_extra={"parameters": parameters(0), "requestBody": body},
        dependencies=[needs("score")],
    )
    async def predict_batch(
        request: Request,
        format: Annotated[Format | None, Query(description="By default a list is answered as ndjson.")] = None,
    ) -> StreamingResponse:
        """Decides on a list of clients, or on the clients of a CSV or Parquet file: on all of them or on none."""
        champion = desk.seat.champion()
        state, wishes = request.state, wishes_of(request, 0)
        async with _Clients(request, champion) as (clients, kind):
            chosen = format or kind
            decide = partial(batches.decide_all, desk, champion, state.caller.name, state.request_id)
            answer = await run_in_threadpool(decide, clients, settings.api_batch_rows, wishes, chosen)
        state.model_version = champion.scorer.version
        return StreamingResponse(_chunks(answer), media_type=MEDIA_TYPES[chosen])

    return routes


class _Clients:
    """The clients of a request, and the kind of answer that goes with them, until the block is left."""

    def __init__(self, request: Request, champion: Champion) -> None:
        self._request = request
        self._champion = champion
        self._form: Any = None

    async def __aenter__(self) -> tuple[Batches, Format]:
        if not header(self._request.scope, b"content-type").lower().startswith(b"multipart/form-data"):
            return await run_in_threadpool(batches.of_body, await self._request.body(), self._champion), "ndjson"
        try:
            self._form = await self._request.form(max_files=1, max_fields=1)
        except HTTPException:
            raise _no_file("is not valid multipart/form-data with one file") from None
        upload = self._form.get("file")
        if not isinstance(upload, UploadFile):
            raise _no_file("is required, as one file")
        return batches.of_file(upload.file, self._champion), "parquet" if is_parquet(upload.file) else "csv"

    async def __aexit__(self, *_: object) -> None:
        if self._form is not None:
            await self._form.close()


def _no_file(problem: str) -> Exception:
    return invalid_fields([FieldProblem(field="file", problem=problem)])


def _chunks(answer: IO[bytes]) -> Iterator[bytes]:
    with answer:
        while chunk := answer.read(_CHUNK_BYTES):
            yield chunk
