"""Many clients in one request: checked as a whole, scored and put on record batch by batch, answered as a file.

The answer is put together on disk, in a file without a name, so that its status is known before it begins and memory
does not grow with it. Not here: reading tables and scoring them (`credit_platform/scoring`).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Literal

from pydantic_core import to_json

from credit_platform.mart.build import CLIENT_KEY
from credit_platform.scoring.batch import decide_table, scores_schema, scores_table, table_writer
from credit_platform.scoring.tabular import TableError, read_batches, table_of
from serving.champion import Champion
from serving.desk import Desk, of_request
from serving.problems import FieldProblem, invalid_fields
from serving.wishes import Wishes

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["ndjson", "csv", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_ROWS = 1_000
"""Rows at a time: a transaction of the log, and a few megabytes."""

Batches = Callable[[], Iterator["pa.Table"]]
"""The clients from the start, as often as they are asked for."""


def of_file(file: IO[bytes], champion: Champion) -> Batches:
    """The clients of a CSV or Parquet file."""

    def batches() -> Iterator["pa.Table"]:
        file.seek(0)
        yield from read_batches(file, champion.scorer.schema, _ROWS)

    return batches


def of_body(body: bytes, champion: Champion) -> Batches:
    """The clients of a JSON body.

    Raises:
        ProblemError: the body is not what the model reads.
    """
    rows = champion.bodies.read_batch(body)

    def batches() -> Iterator["pa.Table"]:
        for start in range(0, len(rows), _ROWS):
            features, clients = zip(*rows[start : start + _ROWS], strict=True)
            yield table_of(features, clients, champion.scorer.schema)

    return batches


def decide_all(
    desk: Desk,
    champion: Champion,
    caller: str,
    request_id: str,
    batches: Batches,
    most_rows: int,
    wishes: Wishes,
    format: Format,
) -> IO[bytes]:
    """Decides on all clients. Returns the answer, at its start; closing it removes it.

    Raises:
        ProblemError: a row is not what the model reads, there are too many of them, or some could not be recorded.
    """
    _check(batches, most_rows)
    scorer = champion.scorer
    with ExitStack() as unfinished:
        answer = unfinished.enter_context(TemporaryFile())
        with _writer(answer, format, wishes) as write:
            for batch in batches():
                decided = decide_table(scorer, batch, wishes.language, wishes.most_reasons)
                records = []
                for row, each in zip(batch.to_pylist(), decided, strict=True):
                    client = row.pop(CLIENT_KEY)
                    subject = of_request({name: value for name, value in row.items() if value is not None}, client)
                    records.append(desk.record_of(champion, "batch", caller, request_id, subject, wishes, each))
                ids = desk.recorder.record_many(records)
                desk.count(champion, decided)
                write(_with_ids(scores_table(scorer, batch.column(CLIENT_KEY), decided, wishes.most_reasons), ids))
        answer.seek(0)
        unfinished.pop_all()
    return answer


def _check(batches: Batches, most_rows: int) -> None:
    """Reads everything once, because what follows can't be undone: a decision on record stays there."""
    count = 0
    try:
        for batch in batches():
            count += batch.num_rows
            if count > most_rows:
                raise TableError(f"holds more than {most_rows:,} clients")
    except TableError as error:
        raise invalid_fields([FieldProblem(field="file", problem=str(error))]) from None


def _with_ids(scores: "pa.Table", ids: list[str | None]) -> "pa.Table":
    import pyarrow as pa

    return scores.add_column(1, "decision_id", pa.array(ids, pa.string()))


@contextmanager
def _writer(answer: IO[bytes], format: Format, wishes: Wishes) -> Iterator[Callable[["pa.Table"], object]]:
    if format == "ndjson":
        yield lambda scores: answer.writelines(to_json(row) + b"\n" for row in scores.to_pylist())
        return
    import pyarrow as pa

    schema = scores_schema(wishes.most_reasons).insert(1, pa.field("decision_id", pa.string()))
    with table_writer(answer, f".{format}", schema) as write:
        yield write
