"""The workflows of GitHub Actions: linted offline, pinned by commit, with no more rights than they need."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from credit_platform_tests.containers.files import REPOSITORY, TARGETS

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(path.read_text("utf-8"))["jobs"])


def test_zizmor_finds_nothing() -> None:
    program = Path(sys.executable).with_name("zizmor")
    found = subprocess.run(
        [program, "--offline", "--no-progress", "--persona", "pedantic", REPOSITORY / ".github"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
    assert used
    for line in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_rights_and_its_jobs_only_those_they_name(path: Path) -> None:
    assert yaml.safe_load(path.read_text("utf-8"))["permissions"] == {}
    for name, job in jobs(path).items():
        rights = dict(job["permissions"])
        if path.stem == "images":
            assert rights.pop("packages") == "write"
        assert rights == {"contents": "read"}, name
        assert job["timeout-minutes"] <= 60, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_make_targets_and_files_that_steps_name_are_there(path: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (REPOSITORY / "Makefile").read_text("utf-8")))
    for job in jobs(path).values():
        for script in (step["run"] for step in job["steps"] if "run" in step):
            assert set(re.findall(r"\bmake ([a-z]+)", script)) <= targets
            for file in re.findall(r"\bdocker/[\w.-]+", script):
                assert (REPOSITORY / file).exists(), file


def test_every_image_is_built_and_has_a_bill_of_materials() -> None:
    (job,) = jobs(REPOSITORY / ".github" / "workflows" / "images.yml").values()
    assert tuple(job["strategy"]["matrix"]["target"]) == TARGETS
    assert any("cyclonedx-py" in step.get("run", "") for step in job["steps"])


def test_tests_run_on_every_python_that_the_project_supports() -> None:
    supported = re.findall(
        r'requires-python = ">=(3\.\d+),<(3\.\d+)"', (REPOSITORY / "pyproject.toml").read_text("utf-8")
    )
    first, beyond = (int(each.partition(".")[2]) for each in supported[0])
    tested = jobs(REPOSITORY / ".github" / "workflows" / "ci.yml")["test"]["strategy"]["matrix"]["python"]
    assert tested == [f"3.{minor}" for minor in range(first, beyond)]
