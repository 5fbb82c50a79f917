"""An MLflow store with labelled splits beside it; each test logs to an experiment and a model of its own."""

import re
from pathlib import Path

import pytest

from credit_platform.settings import Settings
from credit_platform_tests.worlds import write_splits


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("store"),
        mlflow_tracking_uri="",
        cross_validation_folds=2,
        threads=1,
    )
    write_splits(settings)
    return settings


@pytest.fixture
def tracked(
    store: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Settings:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    own = re.sub(r"\W", "_", request.node.name)
    return store.model_copy(update={"mlflow_experiment": own, "model_name": own})
