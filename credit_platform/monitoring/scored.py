"""The scored clients of a cohort whom the version was not fitted to, with their outcomes where these are known.

On clients that a model was fitted to it scores more sharply than ever again, and knows how they paid: neither their
scores nor their outcomes say anything about it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.splits import splits_dir
from credit_platform.lake import MissingTableError, connect, current, quote, require, scan
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Scored:
    """Clients (ids), their probabilities and outcomes, each of shape (n,); an outcome that is not known is NaN.

    `seen` is how many more clients of the cohort have a score, but the version was fitted to them; `seen_known` how
    many of these have an outcome.
    """

    version: str
    threshold: float
    clients: NDArray[np.int64]
    probability: NDArray[np.float64]
    defaulted: NDArray[np.float64]
    seen: int
    seen_known: int

    @property
    def known(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.defaulted)

    @property
    def coverage(self) -> float:
        """Share of the scored clients, seen or not, whose outcome is known."""
        everybody = len(self.clients) + self.seen
        return float(self.known.sum() + self.seen_known) / max(everybody, 1)


def scored_clients(settings: Settings, cohort: str) -> Scored:
    """The scores of a cohort, ordered by client.

    Raises:
        MissingTableError: the cohort has no scores.
    """
    scores = require(settings, "scores", cohort)
    outcomes = current(settings, "raw_outcomes", cohort)
    known = f"select SK_ID_CURR, TARGET from {scan(outcomes.folder())}" if outcomes and outcomes.rows else _NOTHING
    query = (
        "select s.SK_ID_CURR, s.probability_of_default, s.threshold, o.TARGET::double as defaulted, "
        "t.SK_ID_CURR is not null as seen "
        f"from {scan(scores.folder())} as s left join ({known}) as o using (SK_ID_CURR) "
        f"left join ({_fitted_to(settings, cohort)}) as t using (SK_ID_CURR) order by s.SK_ID_CURR"
    )
    with connect(settings) as connection:
        table: pa.Table = connection.sql(query).to_arrow_table()
    defaulted = np.asarray(table.column("defaulted").to_numpy(), float)
    seen = table.column("seen").to_numpy()
    thresholds = table.column("threshold")
    return Scored(
        version=str(scores.facts["model_version"]),
        threshold=float(thresholds[0].as_py()) if len(thresholds) else 1.0,
        clients=table.column("SK_ID_CURR").to_numpy()[~seen],
        probability=table.column("probability_of_default").to_numpy()[~seen],
        defaulted=defaulted[~seen],
        seen=int(seen.sum()),
        seen_known=int((seen & ~np.isnan(defaulted)).sum()),
    )


_NOTHING = "select 0 as SK_ID_CURR, 0 as TARGET where false"


def _fitted_to(settings: Settings, cohort: str) -> str:
    try:
        trained_on = quote(str(splits_dir(settings) / "y_train.parquet"))
    except MissingTableError:
        return _NOTHING
    return f"select SK_ID_CURR from read_parquet({trained_on}) where cohort = {quote(cohort)}"
