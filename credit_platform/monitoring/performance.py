"""What came of a cohort's scores once its outcomes are known: ranking, calibration and cost, without retraining.

Clients of the train part are left out: the model has seen how they paid. Not here: a version judged before it decides
(`model/evaluation.py`), and the verdict on a change over time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from credit_platform.features.splits import splits_dir
from credit_platform.lake import connect, current, draft, quote, require, scan
from credit_platform.model.business_cost import Costs, Threshold, cost_per_client
from credit_platform.model.evaluation import METRICS, metrics
from credit_platform.model.intervals import Interval
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

    scores = require(settings, "scores", cohort)
    outcomes = current(settings, "raw_outcomes", cohort)
    version = str(scores.facts["model_version"])
    found = Performance(version, 0, 0, 0.0, {}, 0.0)
    if outcomes is not None and outcomes.rows:
        found = _compare(settings, cohort, version, scores.rows, scan(scores.folder()), scan(outcomes.folder()))
    with draft(settings, TABLE, cohort) as new:
        pq.write_table(_rows(cohort, found), new.folder / "performance.parquet")
        new.publish(len(found.metrics), facts={"model_version": version, "clients": found.clients})
    return found


def _compare(settings: Settings, cohort: str, version: str, scored: int, scores: str, outcomes: str) -> Performance:
    trained_on = quote(str(splits_dir(settings) / "y_train.parquet"))
    with connect(settings) as connection:
        table = connection.sql(
            "select s.probability_of_default as probability, s.threshold, o.TARGET as defaulted, "
            "t.SK_ID_CURR is not null as seen "
            f"from {scores} as s join {outcomes} as o using (SK_ID_CURR) "
            f"left join (select SK_ID_CURR from read_parquet({trained_on}) where cohort = {quote(cohort)}) as t "
            "using (SK_ID_CURR) order by SK_ID_CURR"
        ).to_arrow_table()
    seen = table.column("seen").to_numpy()
    judged = table.filter(~seen)
    defaulted = judged.column("defaulted").to_numpy()
    probability = judged.column("probability").to_numpy()
    known = table.num_rows
    if min(defaulted.sum(), len(defaulted) - defaulted.sum()) < _LEAST:
        return Performance(version, judged.num_rows, known - judged.num_rows, known / scored, {}, 0.0)
    costs = Costs(settings.cost_false_negative, settings.cost_false_positive)
    threshold = Threshold(float(judged.column("threshold")[0].as_py()), 0.0, costs)
    return Performance(
        version=version,
        clients=judged.num_rows,
        seen_in_training=known - judged.num_rows,
        coverage=known / scored,
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
