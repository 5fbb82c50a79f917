"""What a version's folder holds: the fitted model and everything that was fitted beside it.

    model.cbm                   or model.skops, for another family than CatBoost
    leaf_index.npz              of model.cbm: which leaves a row reaches,
    leaf_shap.npz               and what these are worth
    feature_schema.json         what the model reads
    calibration.json            from its log-odds to probabilities
    threshold.json, scale.json  decisions, points and grades
    reason_table.json           families, words and usual values behind the reasons
    importance.json             how much each feature matters
    profile.json                how the clients of the valid part were distributed: what drift is measured against
    reference.parquet           some of their rows; pseudonymised, to be guarded like their tables

`scoring/scorer.py` reads it. Not here: where the folder goes (`registry.py`).
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from credit_platform.explain.reason_table import ReasonTable
from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.model.business_cost import Threshold
from credit_platform.model.calibration import Calibration, log_odds
from credit_platform.model.evaluation import segments
from credit_platform.model.importance import importance_of, write_importance
from credit_platform.model.profile import Profile
from credit_platform.model.reference import MOST_ROWS, draw, with_score, write_reference
from credit_platform.model.scale import Scale
from credit_platform.scoring.estimators import write_estimator
from credit_platform.scoring.leaf_index import LeafIndex
from credit_platform.scoring.leaf_shap import LeafTables
from credit_platform.scoring.models import CATBOOST_FILE, known_categories
from credit_platform.scoring.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

IMPORTANCE_ROWS = 2_000
_SAME_MARGIN = 1e-6
"""Log-odds that were probabilities in between are less exact than a double."""


@dataclass(frozen=True)
class Fitted:
    """What was fitted: an estimator of `families.py`, the features it reads, and what its margins are turned into."""

    estimator: Any
    schema: FeatureSchema
    calibration: Calibration
    threshold: Threshold
    scale: Scale
    reason_table: ReasonTable


def write_version(fitted: Fitted, valid: "pa.Table", seed: int, folder: Path) -> Scorer:
    """Fills an empty folder and loads the scorer from it; `valid` are rows that the model was not fitted on.

    Raises:
        KeyError: the rows lack a feature.
        ValueError: what is stored does not score as the fitted model does.
    """
    from credit_platform.model.native_catboost import NativeCatBoost

    for part in (fitted.schema, fitted.calibration, fitted.threshold, fitted.scale, fitted.reason_table):
        part.write(folder)
    if isinstance(fitted.estimator, NativeCatBoost):
        path = folder / CATBOOST_FILE
        fitted.estimator.model_.save_model(str(path))
        model, digest = fitted.estimator.model_, sha256(path.read_bytes()).hexdigest()
        LeafTables.of(model, digest).write(folder)
        LeafIndex.of(model, known_categories(fitted.schema), digest).write(folder)
    else:
        write_estimator(fitted.estimator, folder)
    reference = draw(valid.select(fitted.schema.names), MOST_ROWS, seed)
    write_reference(reference, folder)
    write_importance({}, folder)
    unfinished = Scorer.load(folder, "unfinished")
    _check_margins(fitted, unfinished, reference)
    write_reference(with_score(reference, unfinished.table_probabilities(reference)), folder)
    probability = unfinished.table_probabilities(valid)
    Profile.fit(valid, fitted.schema.features, probability, fitted.threshold, segments(valid)).write(folder)
    contributions = unfinished.table_contributions(draw(reference, IMPORTANCE_ROWS, seed))[:, :-1]
    write_importance(importance_of(fitted.schema.names, contributions), folder)
    return Scorer.load(folder, "new")


def _check_margins(fitted: Fitted, scorer: Scorer, rows: "pa.Table") -> None:
    """Holds the stored version against the estimator itself, for CatBoost is scored without CatBoost."""
    expected = log_odds(fitted.estimator.predict_proba(model_frame(rows, fitted.schema))[:, 1])
    furthest = np.abs(expected - scorer.model.margins(rows)).max(initial=0.0)
    if not furthest < _SAME_MARGIN:
        raise ValueError(f"the stored version's log-odds are up to {furthest:.2g} from those of the fitted model")
