"""An empty decision log on SQLite, and the same on PostgreSQL: every test that asks for `log` runs on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from credit_platform.settings import Settings
from credit_platform_tests.postgres import postgres_server, postgres_url
from credit_platform_tests.serving.decisions.making import Intruder
from serving.decisions.log import DecisionLog

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """Settings of an empty data folder, whatever the environment says."""
    return Settings(_env_file=None, data_dir=tmp_path, decisions_url=SecretStr(""), decisions_key=None)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, embedded: Settings) -> Settings:
    """The same, with either database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return embedded.model_copy(update={"decisions_url": SecretStr(url)})


@pytest.fixture
def log(settings: Settings) -> Iterator[DecisionLog]:
    with DecisionLog.open(settings) as log:
        yield log


@pytest.fixture
def intruder(log: DecisionLog, settings: Settings) -> Iterator[Intruder]:
    intruder = Intruder(settings)
    yield intruder
    intruder.close()
