"""The reference a version remembers: rows of some of the clients it was made with, for pictures and whatever must
compare rows with rows. Not here: the counts of all, which drift is measured against (`profile.py`).

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


def write_reference(rows: "pa.Table", folder: Path) -> Path:
    """Writes the rows, which hold no identities."""
    import pyarrow.parquet as pq

    path = folder / FILE_NAME
    pq.write_table(rows, path, compression="zstd")
    return path


def with_score(rows: "pa.Table", probability: NDArray[np.float64]) -> "pa.Table":
    """The rows with their probabilities of default."""
    import pyarrow as pa

    return rows.append_column(SCORE, pa.array(probability))


def draw(table: "pa.Table", rows: int, seed: int) -> "pa.Table":
    """Up to `rows` rows drawn at random, in the table's order; the first ones would be the oldest cohort's."""
    if table.num_rows <= rows:
        return table
    return table.take(np.sort(np.random.default_rng(seed).choice(table.num_rows, rows, replace=False)))


def read_reference(version_folder: Path) -> "pa.Table":
    """The reference stored in a version's folder."""
    import pyarrow.parquet as pq

    return pq.read_table(version_folder / FILE_NAME)
