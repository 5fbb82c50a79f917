"""Scores a whole cohort's mart rows in batches, so that memory does not grow with the cohort."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.lake import atomic_folder, buckets
from credit_platform.scoring.scorer import Decision, Scorer

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Scored:
    """How many clients were scored, how many of them refused, and their mean probability of default."""

    clients: int
    refused: int
    mean_probability: float


def score_mart(scorer: Scorer, mart: Path, out: Path) -> Scored:
    """Writes SK_ID_CURR, probability_of_default, decision, threshold and model_version, one row per mart row.

    `mart` and `out` are folders of buckets.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    clients = refused = 0
    total = 0.0
    with atomic_folder(out) as folder:
        for bucket in buckets(mart):
            with (
                pq.ParquetFile(bucket) as source,
                pq.ParquetWriter(folder / bucket.name, _schema(), compression="zstd") as writer,
            ):
                for batch in source.iter_batches(BATCH_ROWS, columns=["SK_ID_CURR", *scorer.schema.names]):
                    table = pa.Table.from_batches([batch])
                    probability = scorer.table_probabilities(table)
                    decisions = [scorer.decide(float(p)) for p in probability]
                    writer.write_table(_scores(table.column("SK_ID_CURR"), probability, decisions, scorer))
                    clients += len(decisions)
                    refused += decisions.count("refuse")
                    total += float(probability.sum())
    return Scored(clients, refused, total / clients if clients else 0.0)


def _scores(
    clients: "pa.ChunkedArray", probability: NDArray[np.float64], decisions: list[Decision], scorer: Scorer
) -> "pa.Table":
    import pyarrow as pa

    return pa.table(
        {
            "SK_ID_CURR": clients,
            "probability_of_default": probability,
            "decision": decisions,
            "threshold": [scorer.threshold.value] * len(decisions),
            "model_version": [scorer.version] * len(decisions),
        },
        schema=_schema(),
    )


def score_histogram(scores: Path, threshold: float) -> "Figure":
    """How many clients got which probability of default, with the cut-off."""
    import pyarrow.parquet as pq

    from credit_platform.model.evaluation import new_figure

    figure, axes = new_figure()
    axes.hist(pq.read_table(scores).column("probability_of_default").to_numpy(), bins=50, color="#1f5fa8")
    axes.axvline(threshold, color="#c0392b", label=f"cut-off {threshold:.3f}")
    axes.set(xlabel="probability of default", ylabel="clients", title=f"Scores of cohort {scores.name}")
    axes.legend()
    return figure


def _schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        {
            "SK_ID_CURR": pa.int64(),
            "probability_of_default": pa.float64(),
            "decision": pa.string(),
            "threshold": pa.float64(),
            "model_version": pa.string(),
        }
    )
