"""How good a version's probabilities and decisions are on clients it has not seen, in numbers with intervals.

Everything is computed from outcomes, probabilities and the clients' mart rows; a report is plain data that becomes a
JSON document, tables and pictures. Not here: the pictures (`evaluation_plots.py`), and whether a version is good enough
(`promotion.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.model import intervals
from credit_platform.model.business_cost import Threshold, cost_per_client, sensitivity, strategy_curve
from credit_platform.model.intervals import Interval, Measured, share
from credit_platform.model.scale import Scale

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

METRICS = {
    "auc": "Area under the ROC curve: how often a defaulter scores above a good client",
    "gini": "2 AUC - 1",
    "ks": "Largest distance between the score distributions of both outcomes",
    "pr_auc": "Average precision over all recalls",
    "brier": "Mean squared error of the probabilities",
    "mean_probability": "Mean predicted probability of default",
    "default_rate": "Observed share of defaults",
    "calibration_slope": "Slope of the outcomes on the log-odds; 1 is perfect, less is too sharp",
    "calibration_intercept": "Shift of the log-odds that makes predicted and observed rates agree; 0 is perfect",
    "refusal_rate": "Share of clients refused at the cut-off",
    "cost_per_client": "Business cost per client, in refused good clients",
}
WITHOUT_A_MODEL = {
    "cost_approve_all": "What approving everyone costs per client",
    "cost_refuse_all": "What refusing everyone costs per client",
}
_LEAST_CLIENTS = 50
"""Clients, and at least one of each outcome, that a segment needs to be judged by itself."""
_CURVE_POINTS = 100


@dataclass(frozen=True)
class Report:
    """A version judged on one part. Tables are lists of rows with the same keys; intervals are of 95 %."""

    part: str
    clients: int
    metrics: Mapping[str, Interval]
    without_a_model: Mapping[str, float]
    deciles: list[Row]
    gains: list[Row]
    strategy: list[Row]
    sensitivity: list[Row]
    grades: list[Row]
    segments: list[Row]
    cohorts: list[Row]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(
    part: str,
    rows: "pa.Table",
    defaulted: NDArray[np.int64],
    probability: NDArray[np.float64],
    threshold: Threshold,
    scale: Scale,
    resamples: int,
    seed: int,
) -> Report:
    """Judges probabilities (n,) of clients whose outcomes are 0/1 of shape (n,); `rows` are their mart rows.

    Raises:
        ValueError: the outcomes are all alike.
    """
    if defaulted.all() or not defaulted.any():
        raise ValueError(f"the {part} part needs both defaults and good clients to judge a model by")
    costs, refused = threshold.costs, probability >= threshold.value
    return Report(
        part=part,
        clients=len(defaulted),
        metrics=metrics(defaulted, probability, threshold, resamples, seed),
        without_a_model={
            "cost_approve_all": cost_per_client(defaulted, np.zeros_like(refused), costs),
            "cost_refuse_all": cost_per_client(defaulted, np.ones_like(refused), costs),
        },
        deciles=deciles(defaulted, probability),
        gains=gains(defaulted, probability),
        strategy=strategy(defaulted, probability, threshold),
        sensitivity=sensitivity(defaulted, probability, threshold.value),
        grades=grades(defaulted, probability, scale),
        segments=[
            row
            for name, of in segments(rows).items()
            for row in _by(name, of, defaulted, probability, threshold, resamples, seed)
        ],
        cohorts=list(
            _by(
                "cohort",
                rows.column("cohort").to_numpy(zero_copy_only=False),
                defaulted,
                probability,
                threshold,
                resamples,
                seed,
            )
        ),
    )


def beside(
    defaulted: NDArray[np.int64],
    probability: NDArray[np.float64],
    threshold: Threshold,
    benchmark: NDArray[np.float64],
    resamples: int,
    seed: int,
) -> list[Row]:
    """The model beside a benchmark's probabilities (n,) of the same clients, refused from the theoretical cut-off on.

    The differences, model minus benchmark, are paired: both are drawn with the same resamples.
    """
    cutoffs = {"model": threshold.value, "scorecard": threshold.costs.theoretical_threshold}
    statistics = {"auc": intervals.auc, "gini": intervals.gini, "ks": intervals.ks, "brier": intervals.brier}
    drawn = intervals.bootstrap(
        defaulted,
        {
            name: Measured(values, {**statistics, "cost_per_client": intervals.cost(threshold.costs, cutoffs[name])})
            for name, values in (("model", probability), ("scorecard", benchmark))
        },
        resamples=resamples,
        seed=seed,
    )
    rows = []
    for metric, ours in drawn["model"].items():
        theirs = drawn["scorecard"][metric]
        difference = (ours - theirs).interval()
        rows.append(
            {
                "metric": metric,
                "model": ours.value,
                "scorecard": theirs.value,
                "difference": difference.value,
                "low": difference.low,
                "high": difference.high,
            }
        )
    return rows


def metrics(
    defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold, resamples: int, seed: int
) -> dict[str, Interval]:
    """What `METRICS` names, with bootstrap intervals."""
    statistics = {
        "auc": intervals.auc,
        "gini": intervals.gini,
        "ks": intervals.ks,
        "pr_auc": intervals.pr_auc,
        "brier": intervals.brier,
        "mean_probability": intervals.mean_probability,
        "default_rate": intervals.default_rate,
        "calibration_slope": intervals.calibration_slope,
        "calibration_intercept": intervals.calibration_intercept,
        "refusal_rate": intervals.refusal_rate(threshold.value),
        "cost_per_client": intervals.cost(threshold.costs, threshold.value),
    }
    return intervals.intervals(defaulted, probability, statistics, resamples=resamples, seed=seed)


def deciles(defaulted: NDArray[np.int64], probability: NDArray[np.float64]) -> list[Row]:
    """Predicted and observed default rate by tenth of the clients, lowest probabilities first."""
    rows = []
    for number, group in enumerate(_tenths(probability), start=1):
        observed = share(int(defaulted[group].sum()), len(group))
        rows.append(
            {
                "decile": number,
                "clients": len(group),
                "predicted": float(probability[group].mean()),
                "observed": observed.value,
                "low": observed.low,
                "high": observed.high,
            }
        )
    return rows


def gains(defaulted: NDArray[np.int64], probability: NDArray[np.float64]) -> list[Row]:
    """Defaults caught among the riskiest tenth, two tenths, ... of the clients, and how often chance would."""
    rows, caught, seen = [], 0, 0
    for group in _tenths(-probability):
        caught, seen = caught + int(defaulted[group].sum()), seen + len(group)
        found = caught / int(defaulted.sum())
        rows.append({"clients": seen / len(defaulted), "defaults caught": found, "lift": found * len(defaulted) / seen})
    return rows


def strategy(defaulted: NDArray[np.int64], probability: NDArray[np.float64], threshold: Threshold) -> list[Row]:
    """Approval rate, bad rate and cost at cut-offs spread over the clients, with the present one and its interval."""
    curve = strategy_curve(defaulted, probability, threshold.costs)
    spread = np.searchsorted(curve.approval_rate, np.linspace(0, 1, _CURVE_POINTS))
    present = np.searchsorted(curve.cutoff, [threshold.low, threshold.value, threshold.high])
    places = np.unique(np.concatenate([spread, present]).clip(0, len(curve.cutoff) - 1))
    # Between two probabilities every cut-off decides alike: the one in force is told by its own value.
    cutoffs = curve.cutoff.copy()
    cutoffs[min(present[1], len(cutoffs) - 1)] = threshold.value
    return [
        {
            "cut-off": float(cutoffs[i]),
            "approval rate": float(curve.approval_rate[i]),
            "bad rate": float(curve.bad_rate[i]),
            "cost per client": float(curve.cost[i]),
        }
        for i in places
    ]


def grades(defaulted: NDArray[np.int64], probability: NDArray[np.float64], scale: Scale) -> list[Row]:
    """Predicted and observed default rate by rating grade."""
    own = np.array([scale.grade(p) for p in probability.tolist()])
    rows = []
    for grade in scale.grades:
        inside = own == grade.name
        clients = int(inside.sum())
        observed = share(int(defaulted[inside].sum()), clients) if clients else Interval(0.0, 0.0, 1.0)
        rows.append(
            {
                "grade": grade.name,
                "from": grade.low,
                "to": grade.high,
                "clients": clients,
                "predicted": float(probability[inside].mean()) if clients else 0.0,
                "observed": observed.value,
                "low": observed.low,
                "high": observed.high,
            }
        )
    return rows


def segments(rows: "pa.Table") -> dict[str, NDArray[Any]]:
    """The groups that a validator looks at apart: the name of each client's group, by kind of group.

    A kind is left out where the rows lack its columns.
    """
    found: dict[str, NDArray[Any]] = {}
    for kind, column, named in _SEGMENTS:
        if column in rows.column_names:
            values = rows.column(column).to_numpy(zero_copy_only=False)
            found[kind] = np.array([named(value) for value in values.tolist()], dtype=object)
    return found


def segment_columns() -> list[str]:
    """The mart columns that `segments` reads."""
    return [column for _, column, _ in _SEGMENTS]


def score_psi(reference: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Population stability index of scores on the reference's deciles (Siddiqi, "Credit Risk Scorecards", 2006)."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, 11)[1:-1]))
    shares = [
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) / len(values)
        for values in (reference, other)
    ]
    expected, actual = (np.maximum(of, 1e-4) for of in shares)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def _tenths(values: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """The places of the lowest tenth of values, the next, ...; fewer groups where there are fewer than ten values."""
    return [group for group in np.array_split(np.argsort(values, kind="stable"), 10) if len(group)]


def _by(
    kind: str,
    groups: NDArray[Any],
    defaulted: NDArray[np.int64],
    probability: NDArray[np.float64],
    threshold: Threshold,
    resamples: int,
    seed: int,
) -> Iterator[Row]:
    """A row of numbers for each group that is large enough; `low` and `high` are of the observed default rate."""
    statistics = {"AUC": intervals.auc, "cost": intervals.cost(threshold.costs, threshold.value)}
    for name in sorted(set(groups.tolist())):
        inside = groups == name
        y, p = defaulted[inside], probability[inside]
        if len(y) < _LEAST_CLIENTS or y.all() or not y.any():
            continue
        observed = share(int(y.sum()), len(y))
        found = intervals.intervals(y, p, statistics, resamples=resamples, seed=seed)
        auc, cost = found["AUC"], found["cost"]
        yield {
            "by": kind,
            "group": str(name),
            "clients": len(y),
            "AUC": auc.value,
            "AUC low": auc.low,
            "AUC high": auc.high,
            "predicted": float(p.mean()),
            "observed": observed.value,
            "low": observed.low,
            "high": observed.high,
            "approval rate": float((p < threshold.value).mean()),
            "cost per client": cost.value,
            "cost low": cost.low,
            "cost high": cost.high,
        }


def _age(days: float | None) -> str:
    if days is None or days != days:
        return "unknown"
    years = int(-days // 365.25)
    return (
        "under 30" if years < 30 else f"{years // 10 * 10} to {years // 10 * 10 + 9}" if years < 60 else "60 and over"
    )


def _named(value: Any) -> str:
    if value is None or value != value:
        return "unknown"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _any(words: str) -> Callable[[Any], str]:
    return lambda value: f"no {words}" if value in (None, 0.0) or value != value else words


_SEGMENTS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("gender", "CODE_GENDER", _named),
    ("age", "DAYS_BIRTH", _age),
    ("family status", "NAME_FAMILY_STATUS", _named),
    ("children", "CNT_CHILDREN", _any("children")),
    ("product", "NAME_CONTRACT_TYPE", _named),
    ("income", "NAME_INCOME_TYPE", _named),
    ("region rating", "REGION_RATING_CLIENT", _named),
    ("history here", "PREV_COUNT", _any("earlier applications")),
    ("history elsewhere", "BURO_COUNT", _any("credits elsewhere")),
)
