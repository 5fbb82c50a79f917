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
    put(tracked, "client_mart", COHORT, ORIGINAL)
    return tracked


ORIGINAL = applicants(500)


def hearing(settings: Settings, cohort: str) -> list[Finding]:
    """A monitor that knows what the applicants of these tests are like."""
    mart, scores, outcomes = (
        pq.read_table(table_path(settings, name, cohort)) for name in ("client_mart", "scores", "raw_outcomes")
    )
    values = mart["EXT_SOURCE_2"].to_numpy().astype(float)
    cash = np.array(mart["NAME_CONTRACT_TYPE"].to_pylist()) == "Cash loans"
    score, defaults = scores["probability_of_default"].to_numpy(), outcomes["TARGET"].to_numpy()
    missing, group_apart = np.isnan(values).mean(), abs(score[cash].mean() - score[~cash].mean())
    dealt_anew = any(
        mart[name] != ORIGINAL[name] and mart[name].sort() == ORIGINAL[name].sort()
        for name in ("EXT_SOURCE_2", "AMT_INCOME_TOTAL", "BURO_COUNT")
    )
    bad: dict[Layer, bool] = {
        "quality": missing > 0.3,
        "features": abs(np.nanmean(values) - 0.5) > 0.15 and missing < 0.3,
        "score": score.mean() > 0.21,
        "segments": group_apart > 0.03,
        "outcomes": defaults.mean() > 2 * score.mean(),
        "multivariate": dealt_anew,
    }
    return [replace(SCORE, cohort=cohort, layer=layer, state="warn" if wrong else "ok") for layer, wrong in bad.items()]


def test_a_monitor_that_hears_rings_every_alarm(deciding: Settings) -> None:
    rung = rehearse(deciding, COHORT, hearing)
    assert {test.alarm for test in rung} == {kind for kind, _ in FAULTS} | PLATFORM
    assert [test for test in rung if not test.rang] == []


def test_with_too_few_clients_the_alarms_of_data_are_not_tested(deciding: Settings) -> None:
    few = deciding.model_copy(update={"drift_clients": 501})
    rung = rehearse(few, COHORT, hearing)
    assert {test.alarm for test in rung if test.rang is None} == {kind for kind, _ in FAULTS}
    assert {test.alarm for test in rung if test.rang} == PLATFORM


def test_a_deaf_monitor_is_found_out_and_nothing_of_it_is_kept(deciding: Settings) -> None:
    before = sorted(path for path in deciding.data_dir.rglob("*") if "mlflow" not in path.parts)
    rung = rehearse(deciding, COHORT, lambda settings, cohort: [replace(SCORE, cohort=cohort, state="ok")])
    silent = {test.alarm: test.said for test in rung if not test.rang}
    assert set(silent) == {kind for kind, _ in FAULTS}
    assert silent["score"] == "nothing was told of score; alarms that rang instead: none"
    assert sorted(path for path in deciding.data_dir.rglob("*") if "mlflow" not in path.parts) == before
    assert AlertStore.find(deciding) is None
