"""A cohort's scores in numbers: what is decided, in which grades, over which points.

They are counted once, when a cohort is scored, and kept among the facts of its scores, so that a look at all cohorts
reads no scores. Not here: scoring (`batch.py`), and what came of the decisions (`monitoring/performance.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from credit_platform.lake import cohorts_of, current, one_row
from credit_platform.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FACT = "portfolio"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Portfolio:
    """`points` are the scores at QUANTILES, empty where there is nobody; `grades` and `decisions` count clients."""

    clients: int
    mean_probability: float
    points: tuple[float, ...]
    grades: Mapping[str, int]
    decisions: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"points": list(self.points)}


@dataclass(frozen=True)
class CohortPortfolio:
    """A cohort's portfolio and the version that scored it."""

    cohort: str
    model_version: str
    portfolio: Portfolio


def count(connection: "DuckDBPyConnection", scores: str) -> Portfolio:
    """Counts a relation with the columns of `scores`."""
    clients, mean, points = one_row(
        connection,
        # Decimals add up to the same in any order, which rows have none of.
        "select count(*), coalesce((sum(probability_of_default::decimal(20, 18)) / count(*))::double, 0), "
        f"quantile_cont(score, {list(QUANTILES)}) from {scores}",
    )
    grades, decisions = (
        dict(connection.execute(f"select {name}, count(*) from {scores} group by 1 order by 1").fetchall())
        for name in ("grade", "decision")
    )
    return Portfolio(clients, mean, tuple(points or ()), grades, decisions)


def portfolios(settings: Settings) -> Iterator[CohortPortfolio]:
    """Every cohort whose scores were counted, the oldest first."""
    for cohort in cohorts_of(settings, "scores"):
        version = current(settings, "scores", cohort)
        if version is not None and (counted := version.facts.get(FACT)):
            own = Portfolio(**{**counted, "points": tuple(counted["points"])})
            yield CohortPortfolio(cohort, str(version.facts["model_version"]), own)
