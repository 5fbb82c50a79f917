"""What scores promise and outcomes say: the numbers against scikit-learn's and each other, and logged features."""

from datetime import date

import numpy as np
import pytest

from credit_platform.monitoring.forecast import forecast
from credit_platform.monitoring.layers.outcomes import realised
from credit_platform.monitoring.layers.skew import LEAST, compare
from credit_platform.monitoring.served import Served
from drift_frames import frame, observed, profile_of

COSTS = (10.0, 1.0)


def probabilities(seed: int, clients: int = 20_000) -> np.ndarray:
    return np.random.default_rng(seed).beta(1.2, 10, clients)


def outcomes(probability: np.ndarray, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(len(probability)) < probability).astype(float)


def test_realised_numbers_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

    p = probabilities(1, 900).round(2)
    y = outcomes(p, 2)
    found = realised(y, p, 0.1, COSTS)
    false, true, _ = roc_curve(y, p)
    assert found["auc"].value == pytest.approx(roc_auc_score(y, p))
    assert found["ks"].value == pytest.approx((true - false).max())
    assert found["brier"].value == pytest.approx(brier_score_loss(y, p))


def test_a_calibrated_version_keeps_its_promises_within_their_errors() -> None:
    z = np.array(
        [[n.z for n in realised(outcomes(p, s), p, 0.1, COSTS).values()] for s in range(40) for p in [probabilities(s)]]
    )
    auc, gini, _, brier, rate, cost = z.T
    for measured in (auc, gini, brier, rate, cost):
        assert abs(measured.mean()) < 0.5
        assert 0.6 < measured.std() < 1.4


def test_a_forecast_is_blind_to_clients_who_pay_otherwise() -> None:
    p = probabilities(1)
    found = realised(outcomes(np.minimum(2 * p, 1), 2), p, 0.1, COSTS)
    assert forecast(p, 0.1, COSTS).default_rate == pytest.approx(p.mean())
    assert found["default_rate"].z > 10
    assert found["default_rate"].promised == pytest.approx(p.mean())


def served(rows: dict[int, dict[str, object]], **changed: object) -> list[Served]:
    return [Served(client, date(2026, 3, 1), "1", {**row, **changed}) for client, row in rows.items()]


def test_logged_features_have_to_be_the_marts_to_the_last_bit() -> None:
    table = frame(1, 200, 5)
    cohort = observed(profile_of(table), {n: b.count(table.column(n)) for n, b in profile_of(table).bins.items()})
    rows = {place: {**row, "C9": None} for place, row in enumerate(table.to_pylist())}
    (same,) = compare(cohort, served(rows, C9=float("nan")), rows)
    assert (same.state, same.value) == ("ok", 0.0)
    (other,) = compare(cohort, served(rows, C0=1.0), rows)
    assert (other.state, other.value) == ("critical", pytest.approx(1 / 6))
    assert "C0 among them" in other.sentence
    (lacking,) = compare(cohort, [Served(s.client, s.day, "1", {"C1": s.inputs["C1"]}) for s in served(rows)], rows)
    assert lacking.state == "ok"
    assert compare(cohort, served(rows)[: LEAST - 1], rows) == []
