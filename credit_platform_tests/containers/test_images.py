"""The images, as far as they can be proven where none can be built: what they copy, install, import and run as."""

import ast
import fnmatch
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from credit_platform_tests.containers.files import (
    REPOSITORY,
    TARGETS,
    bare_environment,
    carried_by,
    locked,
    stages,
    with_parents,
)
from credit_platform_tests.worlds import write_version


def test_every_file_that_is_copied_exists_and_is_part_of_the_build_context() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").split()
    sources = [
        source
        for stage in stages().values()
        for rest in stage.all("COPY")
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (REPOSITORY / source).exists(), source
        assert not any(fnmatch.fnmatch(source.removeprefix("./"), pattern) for pattern in ignored), source


def test_what_is_copied_from_another_stage_comes_from_one_that_is_there() -> None:
    for stage in stages().values():
        for rest in stage.all("COPY"):
            if rest.startswith("--from="):
                assert rest.split()[0].removeprefix("--from=") in stages()


@pytest.mark.parametrize("target", TARGETS)
def test_all_that_an_image_installs_is_in_the_lock(target: str) -> None:
    assert carried_by(target) - locked() == set()


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_does_not_run_as_root_and_is_watched(target: str) -> None:
    users = [user for stage in with_parents(target) for user in reversed(stage.all("USER"))]
    assert users[0] == "1000"
    assert stages()[target].all("HEALTHCHECK")
    assert not any("pip" in command for stage in with_parents(target) for command in stage.all("RUN"))


def test_the_api_carries_nothing_that_orchestrates_trains_or_draws_pages() -> None:
    carried = carried_by("api")
    unwanted = {"dagster", "dagster-webserver", "evidently", "mlflow", "streamlit", "ray", "matplotlib", "plotly"}
    assert carried & unwanted == set()


def test_the_api_runs_on_what_its_image_installs_and_nothing_else(tmp_path: Path) -> None:
    version = write_version(tmp_path / "version")
    python = bare_environment(tmp_path / "venv", carried_by("api"))
    script = "import mlflow, psycopg; mlflow.MlflowClient('http://127.0.0.1:9'); import dagster"
    probe = subprocess.run([python, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert "No module named 'dagster'" in probe.stderr, probe.stderr
    served = subprocess.Popen(
        [python, "-m", "credit_platform_tests.serving.served", tmp_path / "data", version],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stdout is not None
        port = served.stdout.readline().strip()
        assert port, served.communicate(timeout=10)[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            answer = client.post("/v1/explain", json={"features": {}})
            assert answer.json()["decision"] in ("approve", "review", "refuse")
            for path in ("/v1/health", "/metrics", "/openapi.json", "/docs"):
                assert client.get(path).status_code == 200, path
    finally:
        served.terminate()
        served.communicate(timeout=20)


@pytest.mark.parametrize(
    ("target", "packages", "optional"),
    [("ui", ("ui",), set()), ("code-location", ("credit_platform", "serving"), {"ray", "fastapi", "starlette"})],
)
def test_what_code_imports_is_in_its_image(target: str, packages: tuple[str, ...], optional: set[str]) -> None:
    """By name, wherever an import stands. Ray is an argument of the build; the code location serves nothing."""
    brought = carried_by(target)
    provided = {
        module for module, by in packages_distributions().items() if {canonicalize_name(name) for name in by} & brought
    }
    own = {"credit_platform", "serving", "ui"} if target == "code-location" else {"ui"}
    if target == "code-location":
        optional = optional | {"uvicorn", "prometheus_client", "fastapi_offline", "python_multipart"}
    known = provided | own | optional | set(sys.stdlib_module_names)
    missing = {
        (str(path.relative_to(REPOSITORY)), module)
        for package in packages
        for path in (REPOSITORY / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for module in _imported(node)
        if module not in known
    }
    assert missing == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module.partition(".")[0]]
    return []


def test_the_wheel_takes_along_every_file_that_modules_read() -> None:
    packed = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    left_out = [
        str(path.relative_to(REPOSITORY))
        for package in ("credit_platform", "serving")
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".py"
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in packed["*"])
    ]
    assert left_out == []
    folders = {
        path.parent for package in ("credit_platform", "serving") for path in (REPOSITORY / package).rglob("*.sql")
    }
    assert all((folder / "__init__.py").exists() for folder in folders)
