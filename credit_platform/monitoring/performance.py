"""What came of a cohort's scores once its outcomes are known: ranking, calibration and cost, without retraining.

Clients of the train part are left out: the model has seen how they paid. Not here: a version judged before it decides
(`model/evaluation.py`), and the verdict on a change over time.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from credit_platform.lake import draft
from credit_platform.model.business_cost import Costs, Threshold, cost_per_client
from credit_platform.model.evaluation import METRICS, metrics
from credit_platform.model.intervals import Interval
from credit_platform.monitoring.scored import Scored, scored_clients
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "performance"
_LEAST = 10


@dataclass(frozen=True)
class Performance:
    """A cohort's realised performance. `coverage` is the share of scored clients whose outcome is known.

    `metrics` is empty where fewer than ten of either outcome are known.
    """

    version: str
    clients: int
    seen_in_training: int
    coverage: float
    metrics: dict[str, Interval]
    cost_approve_all: float


def measure(settings: Settings, cohort: str) -> Performance:
    """Compares the scores of a cohort with its outcomes and writes them as `performance`: a row per metric.

    Raises:
        MissingTableError: the cohort has no scores.
    """
    import pyarrow.parquet as pq

    scored = scored_clients(settings, cohort)
    found = _compare(settings, scored)
    with draft(settings, TABLE, cohort) as new:
        pq.write_table(_rows(cohort, found), new.folder / "performance.parquet")
        new.publish(len(found.metrics), facts={"model_version": found.version, "clients": found.clients})
    return found


def _compare(settings: Settings, scored: Scored) -> Performance:
    defaulted = scored.defaulted[scored.known].astype(np.int64)
    probability = scored.probability[scored.known]
    plain = Performance(scored.version, len(defaulted), scored.seen_known, scored.coverage, {}, 0.0)
    if min(defaulted.sum(), len(defaulted) - defaulted.sum()) < _LEAST:
        return plain
    costs = Costs(settings.cost_false_negative, settings.cost_false_positive)
    threshold = Threshold(scored.threshold, 0.0, costs)
    return replace(
        plain,
        metrics=metrics(defaulted, probability, threshold, settings.bootstrap_samples, settings.seed),
        cost_approve_all=cost_per_client(defaulted, defaulted * 0, costs),
    )


def _rows(cohort: str, found: Performance) -> "pa.Table":
    import pyarrow as pa

    return pa.table(
        {
            "cohort": [cohort] * len(found.metrics),
            "model_version": [found.version] * len(found.metrics),
            "metric": list(found.metrics),
            "value": [interval.value for interval in found.metrics.values()],
            "low": [interval.low for interval in found.metrics.values()],
            "high": [interval.high for interval in found.metrics.values()],
            "meaning": [METRICS[name] for name in found.metrics],
            "clients": [found.clients] * len(found.metrics),
        }
    )
