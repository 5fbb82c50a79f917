"""A fitted version for the scorer's tests."""

from pathlib import Path

import pytest

from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.worlds import write_version


@pytest.fixture(scope="session")
def version_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_version(tmp_path_factory.mktemp("version"))


@pytest.fixture(scope="session")
def scorer(version_folder: Path) -> Scorer:
    return Scorer.load(version_folder, "7")
