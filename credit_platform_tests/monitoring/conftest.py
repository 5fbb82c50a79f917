"""A small version that decides, and cohorts of applicants that it has scored."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.model import registry
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.model.conftest import store, tracked
from credit_platform_tests.tables import put
from credit_platform_tests.worlds import SCHEMA, applicants, fit_version, outcomes, register

__all__ = ["store", "tracked"]

Land = Callable[..., Settings]


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version whose profile is that of 3,000 applicants it was not fitted to."""
    rows = applicants(2_000, seed=3)
    folder = tmp_path_factory.mktemp("version")
    return fit_version(folder, SCHEMA, rows, outcomes(rows, 3), applicants(3_000, seed=4))


@pytest.fixture(scope="session")
def scorer(version: Path) -> Scorer:
    return Scorer.load(version, "1")


@pytest.fixture
def deciding(tracked: Settings, version: Path, tmp_path: Path) -> Settings:
    """Settings of a lake of its own in which the version decides; outcomes and splits have yet to come."""
    register(tracked, version, tracked.model_alias)
    return tracked.model_copy(update={"data_dir": tmp_path / "data", "mlflow_tracking_uri": tracked.tracking_uri})


@pytest.fixture
def land(deciding: Settings, scorer: Scorer) -> Land:
    """Lands applicants as a cohort and scores them; with `promised`, outcomes of as many times the promised risk."""

    def land(rows: pa.Table, cohort: str = "2025-03", promised: float = 0.0) -> Settings:
        put(deciding, "client_mart", cohort, rows)
        found = registry.fetch(deciding)
        score_cohort(deciding, Scorer.load(found.folder, found.number), cohort)
        if promised:
            risk = scorer.table_probabilities(rows) * promised
            defaulted = (np.random.default_rng(1).random(len(risk)) < risk).astype(int)
            put(deciding, "raw_outcomes", cohort, pa.table({"SK_ID_CURR": rows["SK_ID_CURR"], "TARGET": defaulted}))
        return deciding

    return land
