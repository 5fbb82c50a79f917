"""The scorecard: an independent yardstick of the kind that banks have used for decades.

Features are binned by optbinning into monotone bins of significantly different default rates, replaced by their weight
of evidence, and added up by a logistic regression (Siddiqi, "Credit Risk Scorecards", 2006). Whatever costs more than
it has no business deciding. Not here: the candidates (`families.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.leakage import single_feature_aucs
from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.model.reference import draw
from credit_platform.settings import Settings

if TYPE_CHECKING:
    from optbinning import Scorecard

MOST_FEATURES = 20
"""Features of a scorecard; people read it."""
_ALIKE = 0.8
"""Rank correlation from which two features say the same, and the weaker one is left out."""


class ScorecardModel:
    """A fitted scorecard and the features it reads."""

    def __init__(self, scorecard: "Scorecard", schema: FeatureSchema) -> None:
        self._scorecard = scorecard
        self.schema = schema

    def probabilities(self, table: Any) -> NDArray[np.float64]:
        """Probabilities of default of a table with at least the schema's columns, shape (table.num_rows,)."""
        return np.asarray(self._scorecard.predict_proba(model_frame(table, self.schema))[:, 1], float)

    def points(self) -> list[dict[str, Any]]:
        """The scorecard as people read it: feature, bin, weight of evidence, points."""
        table = self._scorecard.table(style="detailed")
        return [
            {
                "feature": str(row["Variable"]),
                "bin": " ".join(str(row["Bin"]).split()),
                "share": float(row["Count (%)"]),
                "default rate": float(row["Event rate"]),
                "points": float(row["Points"]),
            }
            for row in table.to_dict("records")
            if row["Count (%)"] > 0
        ]


def fit_scorecard(settings: Settings, splits: Path, schema: FeatureSchema) -> ScorecardModel:
    """Fits a scorecard of at most twenty features on the train part."""
    import pyarrow.parquet as pq
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    own = schema.subset(_chosen(splits, schema, settings.seed))
    train = model_frame(pq.read_table(splits / "X_train.parquet", columns=own.names), own)
    outcomes = pq.read_table(splits / "y_train.parquet", columns=["TARGET"]).column(0).to_numpy()
    binning = BinningProcess(
        own.names, categorical_variables=own.category_names, max_n_bins=6, min_bin_size=0.05, n_jobs=1
    )
    scorecard = Scorecard(
        binning_process=binning,
        estimator=LogisticRegression(C=1.0, max_iter=500, random_state=settings.seed),
        scaling_method="pdo_odds",
        scaling_method_params={
            "pdo": settings.scale_points_to_double,
            "odds": settings.scale_odds,
            "scorecard_points": settings.scale_points,
        },
    )
    return ScorecardModel(scorecard.fit(train, outcomes, check_input=False), own)


def _chosen(splits: Path, schema: FeatureSchema, seed: int) -> set[str]:
    """The features that rank best by themselves, none too much like a better one."""
    import pyarrow.parquet as pq
    from scipy.stats import rankdata

    ranked = list(single_feature_aucs(splits, schema))[: 5 * MOST_FEATURES]
    numeric = {feature.name for feature in schema.features if feature.kind == "numeric"}
    table = draw(pq.read_table(splits / "X_train.parquet", columns=ranked), 20_000, seed)
    chosen: list[str] = []
    ranks: list[NDArray[np.float64]] = []
    for name in ranked:
        if name in numeric:
            values = np.nan_to_num(table.column(name).to_numpy(), nan=-1e300)
            own = rankdata(values)
            if any(abs(np.corrcoef(own, other)[0, 1]) > _ALIKE for other in ranks):
                continue
            ranks.append(own)
        chosen.append(name)
        if len(chosen) == MOST_FEATURES:
            break
    return set(chosen)
