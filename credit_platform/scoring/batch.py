"""Scores many clients at once: tables, files, a cohort's mart bucket by bucket. Memory does not grow with them.

A bucket whose mart rows and model have not changed keeps its scores. Not here: reading files (`tabular.py`).
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from credit_platform import compute
from credit_platform.explain.glossary import Language
from credit_platform.explain.reasons import Reason, adverse_reasons
from credit_platform.lake import (
    MissingTableError,
    Version,
    connect,
    current,
    draft,
    find_version,
    require,
    scan,
)
from credit_platform.lake.files import atomic
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.scoring import portfolio
from credit_platform.scoring.scorer import Decided, Scorer
from credit_platform.scoring.tabular import read_batches
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Scored:
    """A cohort's scores: how many clients, how many of them refused, and their mean probability of default."""

    version: Version
    clients: int
    refused: int
    mean_probability: float
    reused: int


def decide_table(scorer: Scorer, table: "pa.Table", language: Language = "en", most_reasons: int = 0) -> list[Decided]:
    """What `Scorer.score_row` gives, for every row of a table with at least the schema's columns."""
    probabilities = scorer.table_probabilities(table).tolist()
    reasons: list[tuple[Reason, ...]] = [()] * len(probabilities)
    if most_reasons:
        contributions = scorer.table_contributions(table)[:, :-1]
        rows = table.select(scorer.schema.names).to_pylist()
        reasons = [
            adverse_reasons(own, row, scorer.reason_table, language, most_reasons)
            for own, row in zip(contributions, rows, strict=True)
        ]
    return [
        Decided(p, scorer.scale.score(p), scorer.scale.grade(p), scorer.decide(p), why)
        for p, why in zip(probabilities, reasons, strict=True)
    ]


def scores_table(
    scorer: Scorer, clients: "pa.ChunkedArray", decided: Sequence[Decided], reasons: int = 0
) -> "pa.Table":
    """Decisions as a table with the columns of `scores_schema`."""
    import pyarrow as pa

    columns: dict[str, Any] = {
        CLIENT_KEY: clients,
        "probability_of_default": [d.probability_of_default for d in decided],
        "score": [d.score for d in decided],
        "grade": [d.grade for d in decided],
        "decision": [d.decision for d in decided],
        "threshold": [scorer.threshold.value] * len(decided),
        "model_version": [scorer.version] * len(decided),
    }
    for i in range(reasons):
        given = [d.reasons[i] if i < len(d.reasons) else None for d in decided]
        columns[f"reason_code_{i + 1}"] = [reason.code if reason else None for reason in given]
        columns[f"reason_{i + 1}"] = [reason.text if reason else None for reason in given]
    return pa.table(columns, schema=scores_schema(reasons))


def score_file(
    scorer: Scorer,
    source: Path,
    target: Path,
    language: Language = "en",
    most_reasons: int = 0,
    progress: Callable[[float], None] | None = None,
) -> int:
    """Scores the clients of a CSV (.csv, .csv.gz) or Parquet file into another one, whole or not at all; how many.

    Raises:
        TableError: the source is not what the model reads.
        ValueError: the target's name ends neither in .csv nor in .parquet.
        OSError: a file can't be read or written.
    """
    opened = gzip.open if source.suffix == ".gz" else open
    with opened(source, "rb") as file:
        batches = read_batches(cast(IO[bytes], file), scorer.schema, progress=progress)
        return write_scores(scorer, batches, target, language, most_reasons)


def score_mart(
    settings: Settings,
    scorer: Scorer,
    cohort: str,
    target: Path,
    language: Language = "en",
    most_reasons: int = 0,
    progress: Callable[[float], None] | None = None,
) -> int:
    """The same for every client of a cohort's mart.

    Raises:
        MissingTableError: the cohort has no mart.
        DamagedTableError: a file of the mart is not what was written.
        ValueError: the target's name ends neither in .csv nor in .parquet.
        OSError: the target can't be written.
    """
    mart = require(settings, "client_mart", cohort)

    def batches() -> Iterator["pa.Table"]:
        for number, name in enumerate(mart.files):
            with mart.verified(name).open("rb") as file:
                yield from read_batches(file, scorer.schema)
            if progress is not None:
                progress((number + 1) / len(mart.files))

    return write_scores(scorer, batches(), target, language, most_reasons)


def write_scores(
    scorer: Scorer, batches: Iterable["pa.Table"], target: Path, language: Language, most_reasons: int
) -> int:
    """Scores batches into a file, whole or not at all. How many clients there were.

    Raises:
        ValueError: the target's name ends neither in .csv nor in .parquet.
        OSError: the target can't be written.
    """
    count = 0
    with atomic(target) as beside, table_writer(beside, target.suffix, scores_schema(most_reasons)) as write:
        for batch in batches:
            decided = decide_table(scorer, batch, language, most_reasons)
            write(scores_table(scorer, batch.column(CLIENT_KEY), decided, most_reasons))
            count += batch.num_rows
    return count


@contextmanager
def table_writer(target: Path | IO[bytes], suffix: str, schema: "pa.Schema") -> Iterator[Callable[["pa.Table"], None]]:
    """Writes tables one after the other to a .csv or .parquet file.

    Raises:
        ValueError: the suffix is another one.
    """
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetWriter(target, schema, compression="zstd") as parquet:
            yield parquet.write_table
    elif suffix == ".csv":
        from pyarrow import csv

        with csv.CSVWriter(target, schema) as lines:
            yield lines.write_table
    else:
        raise ValueError(f"scores are written as .csv or .parquet, not as {suffix or 'a file without a suffix'}")


def score_cohort(settings: Settings, scorer: Scorer, cohort: str) -> Scored:
    """Writes `scores`: SK_ID_CURR, probability_of_default, score, grade, decision, threshold, model_version.

    Raises:
        MissingTableError: the cohort has no mart.
        KeyError: the mart lacks a feature of the model.
        DamagedTableError: a file of the mart is not what was written.
        NoRoomError: the disk is full.
    """
    mart = require(settings, "client_mart", cohort)
    made_from = {name: _fingerprint(scorer, file.sha256) for name, file in mart.files.items()}
    with draft(settings, "scores", cohort) as new:
        present = current(settings, "scores", cohort)
        whole = present is not None and present.is_whole()
        changed = []
        for name, fingerprint in made_from.items():
            if present and whole and name in present.files and present.files[name].made_from == fingerprint:
                new.keep(present, name)
            else:
                changed.append(name)
        pieces = [(name,) for name in changed]
        common = (settings, scorer, cohort, mart.id)
        for position, content in compute.each(settings, bucket_scores, pieces, common):
            (new.folder / changed[position]).write_bytes(content)
        with connect(settings) as connection:
            counted = portfolio.count(connection, scan(new.folder))
        whole_print = sha256(json.dumps(made_from).encode()).hexdigest()
        facts = {"model_version": scorer.version, portfolio.FACT: counted.as_json()}
        version = new.publish(counted.clients, whole_print, made_from, facts)
    refused = counted.decisions.get("refuse", 0)
    return Scored(version, counted.clients, refused, counted.mean_probability, len(made_from) - len(changed))


def bucket_scores(settings: Settings, scorer: Scorer, cohort: str, mart: str, name: str) -> bytes:
    """The scores of one bucket of the named version of a cohort's mart, as Parquet.

    Raises:
        MissingTableError: the version is no longer kept.
        DamagedTableError: the mart's file is not what was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    version = find_version(settings, "client_mart", cohort, mart)
    if version is None:
        raise MissingTableError(f"version {mart} of client_mart of cohort {cohort} is no longer kept")
    out = BytesIO()
    with (
        pq.ParquetFile(version.verified(name)) as source,
        pq.ParquetWriter(out, scores_schema(), compression="zstd") as writer,
    ):
        for batch in source.iter_batches(BATCH_ROWS, columns=[CLIENT_KEY, *scorer.schema.names]):
            table = pa.Table.from_batches([batch])
            writer.write_table(scores_table(scorer, table.column(CLIENT_KEY), decide_table(scorer, table)))
    return out.getvalue()


def score_histogram(scores: Path, threshold: float, cohort: str) -> "Figure":
    """How many clients got which probability of default, with the cut-off."""
    import pyarrow.parquet as pq

    from credit_platform.model.evaluation_plots import new_figure

    figure, axes = new_figure()
    axes.hist(pq.read_table(scores).column("probability_of_default").to_numpy(), bins=50, color="#1f5fa8")
    axes.axvline(threshold, color="#c0392b", label=f"cut-off {threshold:.3f}")
    axes.set(xlabel="probability of default", ylabel="clients", title=f"Scores of cohort {cohort}")
    axes.legend()
    return figure


def _fingerprint(scorer: Scorer, mart: str) -> str:
    return sha256(json.dumps([mart, scorer.digest, scorer.version, scorer.threshold.value]).encode()).hexdigest()


def scores_schema(reasons: int = 0) -> "pa.Schema":
    """The columns of scores, with as many reasons, each a code and a text."""
    import pyarrow as pa

    columns = {
        CLIENT_KEY: pa.int64(),
        "probability_of_default": pa.float64(),
        "score": pa.int32(),
        "grade": pa.string(),
        "decision": pa.string(),
        "threshold": pa.float64(),
        "model_version": pa.string(),
    }
    for i in range(reasons):
        columns |= {f"reason_code_{i + 1}": pa.string(), f"reason_{i + 1}": pa.string()}
    return pa.schema(columns)
