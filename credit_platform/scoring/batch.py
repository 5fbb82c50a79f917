"""Scores a whole cohort's mart rows, bucket by bucket, so that memory does not grow with the cohort.

A bucket whose mart rows and model have not changed keeps its scores.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform import compute
from credit_platform.lake import (
    MissingTableError,
    Version,
    connect,
    current,
    draft,
    find_version,
    one_row,
    require,
    scan,
)
from credit_platform.model.business_cost import Decision
from credit_platform.scoring.scorer import Scorer
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
            clients, refused, mean = one_row(
                connection,
                "select count(*), count(case when decision = 'refuse' then 1 end), "
                f"coalesce(avg(probability_of_default), 0) from {scan(new.folder)}",
            )
        whole_print = sha256(json.dumps(made_from).encode()).hexdigest()
        version = new.publish(clients, whole_print, made_from, {"model_version": scorer.version})
    return Scored(version, clients, refused, mean, len(made_from) - len(changed))


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
        pq.ParquetWriter(out, _schema(), compression="zstd") as writer,
    ):
        for batch in source.iter_batches(BATCH_ROWS, columns=["SK_ID_CURR", *scorer.schema.names]):
            table = pa.Table.from_batches([batch])
            probability = scorer.table_probabilities(table)
            decisions = [scorer.decide(float(p)) for p in probability]
            writer.write_table(_scores(table.column("SK_ID_CURR"), probability, decisions, scorer))
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


def _scores(
    clients: "pa.ChunkedArray", probability: NDArray[np.float64], decisions: list[Decision], scorer: Scorer
) -> "pa.Table":
    import pyarrow as pa

    return pa.table(
        {
            "SK_ID_CURR": clients,
            "probability_of_default": probability,
            "score": [scorer.scale.score(p) for p in probability.tolist()],
            "grade": [scorer.scale.grade(p) for p in probability.tolist()],
            "decision": decisions,
            "threshold": [scorer.threshold.value] * len(decisions),
            "model_version": [scorer.version] * len(decisions),
        },
        schema=_schema(),
    )


def _schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        {
            "SK_ID_CURR": pa.int64(),
            "probability_of_default": pa.float64(),
            "score": pa.int32(),
            "grade": pa.string(),
            "decision": pa.string(),
            "threshold": pa.float64(),
            "model_version": pa.string(),
        }
    )
