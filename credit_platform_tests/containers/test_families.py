"""Versions of each family where only what an API installs is present: they score, or say which extra is missing."""

import subprocess
from pathlib import Path

import pytest

from credit_platform.model.families import FAMILIES
from credit_platform_tests.containers.files import REPOSITORY, bare_environment, carried_by, closure
from credit_platform_tests.model.test_version import write

PIPELINES = [family for family in FAMILIES if family != "catboost"]
SCORES = """
import sys
from pathlib import Path
from credit_platform.scoring.scorer import Scorer

scorer = Scorer.load(Path(sys.argv[1]), "7")
print(scorer.score_row({"EXT_SOURCE_2": 0.1}).decision, len(scorer.explain({}).contributions))
"""


@pytest.fixture(scope="module", params=PIPELINES)
def version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp(request.param), request.param).folder


def scored(python: Path, version: Path) -> subprocess.CompletedProcess[str]:
    command = [python, "-c", SCORES, version]
    return subprocess.run(
        command, cwd=REPOSITORY, env={"PATH": "/usr/bin"}, capture_output=True, text=True, timeout=120, check=False
    )


def test_an_api_with_the_extra_scores_and_explains_a_pipeline(version: Path, tmp_path: Path) -> None:
    extra = closure(["credit-platform[serving-sklearn]"])
    done = scored(bare_environment(tmp_path / "venv", carried_by("api") | extra), version)
    assert done.returncode == 0, done.stderr
    decision, contributions = done.stdout.split()
    assert decision in ("approve", "review", "refuse")
    assert int(contributions) > 0


def test_an_api_without_it_says_what_a_pipeline_takes_and_what_to_install(version: Path, tmp_path: Path) -> None:
    done = scored(bare_environment(tmp_path / "venv", carried_by("api")), version)
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert "MissingLibraryError" in said
    assert "scikit-learn, skops" in said
    assert "install credit-platform[serving-sklearn]" in said
