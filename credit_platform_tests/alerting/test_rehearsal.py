"""The test of the alarms itself: a monitor that hears rings them all, a deaf one is found out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from credit_platform.alerting.rehearsal import FAULTS, rehearse
from credit_platform.alerting.store import AlertStore
from credit_platform.lake import table_path
from credit_platform.monitoring.findings import Finding, Layer
from credit_platform.settings import Settings
from credit_platform_tests.messages import SCORE
from credit_platform_tests.tables import put
from credit_platform_tests.worlds import applicants, register, write_version

COHORT = "2025-03"
PLATFORM = {"run_failure", "stopped"}


@pytest.fixture
def deciding(tracked: Settings, tmp_path: Path) -> Settings:
    register(tracked, write_version(tmp_path / "version"), tracked.model_alias)
    put(tracked, "client_mart", COHORT, applicants(500))
    return tracked


def numbers(settings: Settings) -> tuple[float, float, float, float]:
    """Missing share, mean, mean score and defaults of the cohort in a lake."""
    mart, scores, outcomes = (
        pq.read_table(table_path(settings, name, COHORT)) for name in ("client_mart", "scores", "raw_outcomes")
    )
    column = mart["EXT_SOURCE_2"].to_numpy().astype(float)
    return (
        float(np.isnan(column).mean()),
        float(np.nanmean(column)),
        float(scores["probability_of_default"].to_numpy().mean()),
        float(outcomes["TARGET"].to_numpy().mean()),
    )


def hearing(settings: Settings, cohort: str) -> list[Finding]:
    """A monitor that knows what the applicants of these tests are like."""
    missing, mean, score, defaults = numbers(settings)
    bad: dict[Layer, bool] = {
        "quality": missing > 0.3,
        "features": abs(mean - 0.5) > 0.15 and missing < 0.3,
        "score": score > 0.21,
        "outcomes": defaults > 2 * score,
    }
    return [replace(SCORE, cohort=cohort, layer=layer, state="warn" if wrong else "ok") for layer, wrong in bad.items()]


def test_a_monitor_that_hears_rings_every_alarm(deciding: Settings) -> None:
    rung = rehearse(deciding, COHORT, hearing)
    assert {test.alarm for test in rung} == {kind for kind, _ in FAULTS} | PLATFORM
    assert [test for test in rung if not test.rang] == []


def test_a_deaf_monitor_is_found_out_and_nothing_of_it_is_kept(deciding: Settings) -> None:
    before = sorted(path for path in deciding.data_dir.rglob("*") if "mlflow" not in path.parts)
    rung = rehearse(deciding, COHORT, lambda settings, cohort: [replace(SCORE, cohort=cohort, state="ok")])
    silent = {test.alarm: test.said for test in rung if not test.rang}
    assert set(silent) == {kind for kind, _ in FAULTS}
    assert silent["score"] == "nothing was told of score; alarms that rang instead: none"
    assert sorted(path for path in deciding.data_dir.rglob("*") if "mlflow" not in path.parts) == before
    assert AlertStore.find(deciding) is None
