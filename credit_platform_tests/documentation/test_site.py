"""The documentation: it builds without a warning, its commands are commands, and what it promises to hold is there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
import yaml
from fastapi import FastAPI
from starlette.routing import Match

from credit_platform import cli
from credit_platform.settings import Settings
from serving.app import create_app
from serving.reference import reference_markdown

REPOSITORY = Path(__file__).parents[2]
PAGES = (REPOSITORY / "README.md", REPOSITORY / "SECURITY.md", *sorted((REPOSITORY / "docs").rglob("*.md")))
BLOCK = re.compile(r"(<!-- excerpt: (?P<reason>[^>]+) -->\n *)?```sh\n(?P<body>.*?)```", re.S)
SERVED = r"localhost:8000|http://127\.0\.0\.1:8000|https://credit\.example"
"""Where the pages say that the API is."""
INSTALLED = {"dagster", "dg", "mlflow", "streamlit", "uvicorn", "ray"}
EVERYWHERE = {"export", "source", "openssl", "echo", "pip", "python", ".venv/bin/python", "chmod", "git"}


def commands() -> Iterator[tuple[str, str]]:
    """Every command line of the pages, with its page; those of excerpts, which give their reason, are left out."""
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text("utf-8")):
            if block["reason"]:
                assert len(block["reason"].split()) > 3, page
                continue
            for line in block["body"].replace("\\\n", " ").splitlines():
                without_comment = line.partition("  #")[0].partition("   #")[0].strip()
                for command in filter(None, re.split(r" \| | && ", without_comment)):
                    if not command.startswith("#"):
                        yield str(page.relative_to(REPOSITORY)), command


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("docs")))


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "/v1/predict" in (tmp_path / "site" / "rest" / "index.html").read_text("utf-8")


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_a_command_of_the_documentation_is_one(page: str, command: str, api: FastAPI) -> None:
    words = shlex.split(command)
    while words and re.fullmatch(r"\w+=\S*", words[0]):
        words.pop(0)
    program = words[0]
    if program == "credit-platform":
        _parse(typer.main.get_command(cli.app), words[1:])
    elif program == "make":
        targets = re.findall(r"(?m)^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"))
        assert {word for word in words[1:] if "=" not in word} <= set(targets)
    elif program == "curl":
        _routed(api, words)
    elif words[:2] == ["docker", "compose"]:
        assert (REPOSITORY / words[words.index("--file") + 1]).exists()
    elif program.startswith("docker/"):
        assert os.access(REPOSITORY / program, os.X_OK)
    elif program in INSTALLED:
        assert Path(sys.executable).with_name(program).exists()
    else:
        assert program in EVERYWHERE, f"{page} has a command that no test knows; mark it as an excerpt, with a reason"


def _parse(command: click.Command, words: list[str]) -> None:
    """Parses what was typed as the command line itself would, and calls nothing."""
    with command.make_context("credit-platform", [word for word in words if word != "[...]"]) as context:
        if isinstance(command, click.Group):
            name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None, name
            _parse(found, rest)


def _routed(api: FastAPI, words: list[str]) -> None:
    served = next(found for word in words if (found := re.match(f"(?:{SERVED})(/[^?]*)", word)))
    path = served[1]
    posts = "-X" in words or any(word in ("-d", "-F", "--data", "--data-binary") for word in words)
    scope = {"type": "http", "path": path, "method": "POST" if posts else "GET", "headers": []}
    assert any(route.matches(scope)[0] is Match.FULL for route in api.router.routes), path


def test_every_alert_of_prometheus_has_its_paragraph() -> None:
    rules = yaml.safe_load((REPOSITORY / "docker" / "prometheus" / "alerts.yaml").read_text("utf-8"))
    named = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert named <= set(re.findall(r"(?m)^### (\w+)$", (REPOSITORY / "docs" / "operations.md").read_text("utf-8")))


def test_the_tour_names_every_asset() -> None:
    from credit_platform.definitions import defs

    assets = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    tour = (REPOSITORY / "docs" / "tour.md").read_text("utf-8")
    assert {name for name in assets if not name.startswith("raw_") and f"`{name}`" not in tour} == set()


def test_the_reference_has_every_operation_and_every_schema(api: FastAPI) -> None:
    document = api.openapi()
    text = reference_markdown(document)
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"## {method.upper()} {path}\n" in text
    linked = set(re.findall(r"\]\(#([\w-]+)\)", text))
    headings = {heading.lower() for heading in re.findall(r"(?m)^### (.+)$", text)}
    assert linked <= headings
