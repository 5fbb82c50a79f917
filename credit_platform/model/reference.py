"""The reference a version remembers: how clients looked and scored when it was made, for drift to be measured against.

Rows of the valid part, which the trees have not seen: on train rows a model scores more sharply than ever again.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "reference.parquet"
SCORE = "probability_of_default"
MOST_ROWS = 10_000


def write_reference(features: "pa.Table", probability: NDArray[np.float64], seed: int, folder: Path) -> Path:
    """Writes up to 10,000 rows, drawn at random, of the features and their probabilities of default; no identities."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = features.append_column(SCORE, pa.array(probability))
    if table.num_rows > MOST_ROWS:
        table = table.take(np.sort(np.random.default_rng(seed).choice(table.num_rows, MOST_ROWS, replace=False)))
    path = folder / FILE_NAME
    pq.write_table(table, path, compression="zstd")
    return path


def read_reference(version_folder: Path) -> "pa.Table":
    """The reference stored with a version."""
    import pyarrow.parquet as pq

    return pq.read_table(version_folder / "extra_files" / FILE_NAME)
