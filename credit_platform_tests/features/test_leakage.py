"""How well a feature ranks defaulters by itself, against scikit-learn, and on clients of all cohorts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from credit_platform.features import leakage
from credit_platform.features.leakage import single_feature_aucs
from credit_platform.features.schema import Feature, FeatureSchema


def aucs(folder: Path, defaulted: np.ndarray, **columns: object) -> dict[str, float]:
    table = pa.table(columns)
    pq.write_table(table, folder / "X_train.parquet")
    pq.write_table(pa.table({"TARGET": defaulted}), folder / "y_train.parquet")
    kinds = {name: "category" if pa.types.is_string(table.schema.field(name).type) else "numeric" for name in columns}
    return single_feature_aucs(folder, FeatureSchema(tuple(Feature(n, k) for n, k in kinds.items()), ()))  # type: ignore[arg-type]


def test_it_is_the_area_under_the_curve_whichever_way_the_feature_points(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    defaulted = (random.random(500) < 0.2).astype(int)
    up, noise = defaulted + random.normal(0, 1, 500), random.normal(size=500)
    found = aucs(tmp_path, defaulted, NOISE=noise, UP=up, DOWN=-up, WHOLE=np.round(up).astype(int))
    assert found["UP"] == found["DOWN"] == pytest.approx(roc_auc_score(defaulted, up))
    assert found["WHOLE"] == pytest.approx(roc_auc_score(defaulted, np.round(up)))
    assert found["NOISE"] == pytest.approx(0.5 + abs(roc_auc_score(defaulted, noise) - 0.5))
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_missing_value_counts_as_lower_than_any_other(tmp_path: Path) -> None:
    defaulted = np.arange(200) % 4 == 0
    gaps = pa.array(np.zeros(200), mask=defaulted)
    assert aucs(tmp_path, defaulted.astype(int), GAPS=gaps) == {"GAPS": 1.0}


def test_a_category_counts_as_its_share_of_defaults_and_few_clients_say_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    defaulted = (random.random(600) < 0.3).astype(int)
    kinds = np.where(random.random(600) < 0.5, "a", "b")
    kinds[defaulted == 1] = np.where(random.random(defaulted.sum()) < 0.8, "a", "b")
    found = aucs(tmp_path, defaulted, KIND=pa.array(kinds.tolist()), WHO=pa.array([f"client {i}" for i in range(600)]))
    shares = {kind: defaulted[kinds == kind].mean() for kind in "ab"}
    assert found["KIND"] == pytest.approx(roc_auc_score(defaulted, [shares[kind] for kind in kinds]))
    assert found["WHO"] == 0.5


def test_a_feature_that_tells_cohorts_apart_is_no_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many good clients some are looked at: those of the first cohort alone would differ from all defaulters."""
    monkeypatch.setattr(leakage, "MOST_GOOD_CLIENTS", 150)
    defaulted = (np.arange(900) % 10 == 0).astype(int)
    month = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 150)
    assert aucs(tmp_path, defaulted, MONTH=month)["MONTH"] == pytest.approx(0.5, abs=0.02)
