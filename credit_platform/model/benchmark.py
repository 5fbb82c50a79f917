"""The scorecard's predictions in the lake, and how the gate gets them.

Not here: what a scorecard is (`scorecard.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import FeatureSchema
from credit_platform.features.splits import parts_of
from credit_platform.lake import table_path
from credit_platform.model.scorecard import fit_scorecard
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTIONS, POINTS = "predictions.parquet", "points.parquet"


def write_benchmark(settings: Settings, splits: Path, folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Fits a scorecard and writes its predictions on every part but train, and its points. Returns rows and points."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    model = fit_scorecard(settings, splits, FeatureSchema.read(splits))
    tables = []
    for part in parts_of(splits):
        if part == "train":
            continue
        rows = pq.read_table(splits / f"X_{part}.parquet", columns=["SK_ID_CURR", *model.schema.names])
        tables.append(
            pa.table(
                {
                    "part": [part] * rows.num_rows,
                    "SK_ID_CURR": rows.column("SK_ID_CURR"),
                    "probability_of_default": model.probabilities(rows),
                }
            )
        )
    predictions, points = pa.concat_tables(tables), model.points()
    pq.write_table(predictions, folder / PREDICTIONS)
    pq.write_table(pa.Table.from_pylist(points), folder / POINTS)
    return predictions.num_rows, points


def benchmark_of(settings: Settings) -> "pa.Table":
    """The scorecard's predictions: part, SK_ID_CURR, probability_of_default.

    Raises:
        MissingTableError: no scorecard has been made.
    """
    import pyarrow.parquet as pq

    return pq.read_table(table_path(settings, "scorecard") / PREDICTIONS)


def predictions_of(benchmark: "pa.Table", part: str, clients: NDArray[np.int64]) -> NDArray[np.float64]:
    """The scorecard's probabilities for the clients of a part, in their order, shape (n,).

    Raises:
        LookupError: the scorecard was made from other splits.
    """
    import pyarrow.compute as pc

    own = benchmark.filter(pc.field("part") == part)
    if not np.array_equal(own.column("SK_ID_CURR").to_numpy(), clients):
        raise LookupError(f"the scorecard has not seen the clients of the {part} part; materialise scorecard again")
    return np.asarray(own.column("probability_of_default").to_numpy())
