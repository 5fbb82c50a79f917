"""What tests share: settings with a data folder of their own, the committed samples, a tiny delivery landed."""

import shutil
from pathlib import Path

import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
COHORT = "2025-01"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty data folder, without any .env file."""
    return Settings(_env_file=None, data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The committed delivery: a folder per cohort, outcomes for the first ones."""
    return SAMPLES


@pytest.fixture
def delivery() -> TinyDelivery:
    """A faultless delivery of a few clients."""
    return TinyDelivery()


@pytest.fixture(scope="session")
def _tiny_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    settings = Settings(_env_file=None, data_dir=folder / "data")
    land(settings, TinyDelivery().write(folder / COHORT))
    return settings.data_dir


@pytest.fixture
def landed(settings: Settings, _tiny_landing: Path) -> Settings:
    """Settings of a data folder in which the tiny delivery has been landed as 2025-01."""
    shutil.copytree(_tiny_landing, settings.data_dir)
    return settings


@pytest.fixture(scope="session")
def _tiny_lake(tmp_path_factory: pytest.TempPathFactory, _tiny_landing: Path) -> Path:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("lake") / "data")
    shutil.copytree(_tiny_landing, settings.data_dir)
    for name in (*TABLE_NAMES, "outcomes"):
        ingest(settings, name, COHORT)
    return settings.data_dir


@pytest.fixture
def lake(settings: Settings, _tiny_lake: Path) -> Settings:
    """Settings of a data folder in which the tiny delivery has been landed and ingested as 2025-01."""
    shutil.copytree(_tiny_lake, settings.data_dir)
    return settings
