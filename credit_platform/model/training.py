"""Trains a version from the splits: select, search, calibrate, choose the cut-off, grade, and fill its folder.

Not here: logging and registration (`assets.py`, `registry.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.explain.reason_table import ReasonTable
from credit_platform.explain.stability import Agreement, additivity_error
from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.model import intervals
from credit_platform.model.business_cost import choose_threshold, sensitivity
from credit_platform.model.calibration import fit_calibration, probability_of
from credit_platform.model.intervals import Interval, Measured, differences
from credit_platform.model.judging import reason_agreement
from credit_platform.model.scale import Scale, fit_grades
from credit_platform.model.search import Found, Grids, Trial, costs_of, fit, search, uncalibrated_cutoff
from credit_platform.model.selection import select_features
from credit_platform.model.version import Fitted, write_version
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A version in its folder, how it was found, and what was learnt on the way. Predictions are out of fold, (n,)."""

    scorer: Scorer
    found: Found
    outcomes: NDArray[np.int64]
    probability: NDArray[np.float64]
    price: Mapping[str, Interval]
    additivity_error: float
    stability: Agreement | None

    @property
    def sensitivity(self) -> list[dict[str, float]]:
        return sensitivity(self.outcomes, self.probability, self.scorer.threshold.value)


def train(
    settings: Settings, splits: Path, grids: Grids, folder: Path, *, weighted: bool, progress: Progress
) -> Trained:
    """Trains on the train part and fills `folder`. The test parts are not looked at."""
    import pyarrow.parquet as pq

    everything = FeatureSchema.read(splits)
    schema = select_features(settings, splits, everything)
    rows = pq.read_table(splits / "X_train.parquet", columns=schema.names)
    labels = pq.read_table(splits / "y_train.parquet")
    outcomes = labels.column("TARGET").to_numpy()
    weight = labels.column("sample_weight").to_numpy() if weighted else None
    progress(f"searching on {len(outcomes):,} clients with {len(schema.names)} of {len(everything.names)} features")
    found = search(
        settings,
        model_frame(rows, schema),
        outcomes,
        grids,
        weight,
        progress,
        selected=lambda seen: _train_frame(splits, select_features(settings, splits, everything, seen)),
    )
    calibration = fit_calibration(outcomes, found.margins)
    probability = probability_of(calibration.margins(found.margins))
    threshold = choose_threshold(
        outcomes,
        probability,
        costs_of(settings),
        review_margin=settings.review_margin,
        resamples=settings.bootstrap_samples,
        seed=settings.seed,
    )
    fitted = Fitted(
        found.estimator,
        schema,
        calibration,
        threshold,
        Scale(
            settings.scale_points,
            settings.scale_odds,
            settings.scale_points_to_double,
            fit_grades(outcomes, probability),
        ),
        ReasonTable.fit(schema, rows, tuple(f"application.{attribute}" for attribute in settings.protected_attributes)),
    )
    valid = pq.read_table(splits / "X_valid.parquet", columns=[f.name for f in (*schema.features, *schema.audited)])
    scorer = write_version(fitted, valid, settings.seed, folder)
    progress(
        "measuring what leaving out the protected attributes costs, and whether another seed gives the same reasons"
    )
    explained = scorer.table_contributions(valid)
    return Trained(
        scorer=scorer,
        found=found,
        outcomes=outcomes,
        probability=probability,
        price=_price(settings, splits, found, schema, valid, weight),
        additivity_error=additivity_error(0.0, explained, scorer.table_margins(valid)),
        stability=_stability(settings, found.trial, fitted, rows, outcomes, valid, scorer, weight),
    )


def _train_frame(splits: Path, schema: FeatureSchema) -> "pd.DataFrame":
    import pyarrow.parquet as pq

    return model_frame(pq.read_table(splits / "X_train.parquet", columns=schema.names), schema)


def _stability(
    settings: Settings,
    trial: Trial,
    fitted: Fitted,
    rows: "pa.Table",
    outcomes: NDArray[np.int64],
    valid: "pa.Table",
    scorer: Scorer,
    weight: NDArray[np.float64] | None,
) -> Agreement | None:
    """How alike the same training explains clients with another seed."""
    reseeded = settings.model_copy(update={"seed": settings.seed + 1})
    again = replace(fitted, estimator=fit(reseeded, trial, model_frame(rows, fitted.schema), outcomes, weight))
    with TemporaryDirectory() as folder:
        return reason_agreement(scorer, write_version(again, valid, settings.seed, Path(folder)), valid)


def _price(
    settings: Settings,
    splits: Path,
    found: Found,
    schema: FeatureSchema,
    valid: "pa.Table",
    weight: NDArray[np.float64] | None,
) -> dict[str, Interval]:
    """What the protected attributes would have brought on the valid part: model with them minus model without.

    Neither is calibrated: what fits the one does not fit the other.
    """
    import pyarrow.parquet as pq

    if not schema.audited:
        return {}
    tempting = FeatureSchema((*schema.features, *schema.audited), schema.cohorts)
    rows = pq.read_table(splits / "X_train.parquet", columns=tempting.names)
    outcomes, judged = (
        pq.read_table(splits / f"y_{part}.parquet", columns=["TARGET"]).column(0).to_numpy()
        for part in ("train", "valid")
    )
    tempted = fit(settings, found.trial, model_frame(rows, tempting), outcomes, weight)
    costs = costs_of(settings)
    cutoff = uncalibrated_cutoff(costs, outcomes, weight)
    statistics = {"auc": intervals.auc, "cost_per_client": intervals.cost(costs, cutoff)}
    return differences(
        judged,
        Measured(tempted.predict_proba(model_frame(valid, tempting))[:, 1], statistics),
        Measured(found.estimator.predict_proba(model_frame(valid, schema))[:, 1], statistics),
        resamples=settings.bootstrap_samples,
        seed=settings.seed,
    )
