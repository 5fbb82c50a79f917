"""The container files as the tests see them: the Dockerfile's stages, the compose file, the lock."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
DOCKER = REPOSITORY / "docker"
TARGETS = ("code-location", "dagster", "mlflow", "api", "ui")


@dataclass
class Stage:
    """One stage of the Dockerfile: its name, what it starts from, and its instructions as (keyword, rest)."""

    name: str
    parent: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [rest for found, rest in self.instructions if found == keyword]


@cache
def stages() -> dict[str, Stage]:
    text = re.sub(r"(?m)^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text("utf-8")).replace("\\\n", " ")
    found: dict[str, Stage] = {}
    stage = None
    for line in filter(None, map(str.strip, text.splitlines())):
        keyword, rest = line.split(maxsplit=1)
        if keyword == "FROM":
            parent, _, name = rest.split()
            stage = found[name] = Stage(name, parent)
        elif stage is not None:
            stage.instructions.append((keyword, rest))
    return found


def with_parents(name: str) -> Iterator[Stage]:
    """A stage and those it is built on, nearest first."""
    while name in stages():
        yield stages()[name]
        name = stages()[name].parent


def installed_by(target: str) -> list[str]:
    """What a target's environment is made of: requirements by name, and the project's with its extras."""
    (environment,) = [rest.split()[0] for rest in stages()[target].all("COPY") if rest.startswith("--from=")]
    wanted: list[str] = []
    for command in stages()[environment.removeprefix("--from=")].all("RUN"):
        words = shlex.split(command)
        if "--constraint" not in words:
            continue
        extras = [words[i + 1] for i, word in enumerate(words) if word == "--extra"]
        named = [w for w in words[3:] if re.fullmatch(r"[a-z0-9-]+", w) and not w.startswith("--") and w not in extras]
        wanted += [f"credit-platform[{','.join(extras)}]"] if "pyproject.toml" in words else named
    return wanted


@cache
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8")))


@cache
def locked() -> frozenset[str]:
    """The names in the lock."""
    lines = (REPOSITORY / "requirements.lock").read_text("utf-8").splitlines()
    return frozenset(canonicalize_name(line.split("==")[0]) for line in lines if "==" in line)


@cache
def _present() -> dict[str, Distribution]:
    return {canonicalize_name(found.name): found for found in distributions()}


def _requirements(name: str, extras: frozenset[str]) -> list[Requirement]:
    if name == "credit-platform":
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
        optional = [line for extra in extras for line in project["optional-dependencies"][extra]]
        return [Requirement(line) for line in (*project["dependencies"], *optional)]
    return [Requirement(line) for line in _present()[name].requires or ()]


def carried_by(target: str) -> frozenset[str]:
    """Every distribution in an image."""
    excludes = (DOCKER / "api-excludes.txt").read_text("utf-8").splitlines() if target == "api" else ()
    return closure(installed_by(target), frozenset(line for line in excludes if not line.startswith("#")))


def closure(wanted: Iterable[str], without: frozenset[str] = frozenset()) -> frozenset[str]:
    """Every distribution that an installation of these brings to this Python, the project itself left out."""
    seen: dict[str, frozenset[str]] = {}
    waiting = [Requirement(line) for line in wanted]
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if name in without or (name in seen and extras <= seen[name]):
            continue
        seen[name] = extras | seen.get(name, frozenset())
        # An extra of the project itself has no marker; one of another distribution has.
        waiting += [
            needed
            for needed in _requirements(name, seen[name])
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in ("", *seen[name]))
        ]
    return frozenset(seen) - {"credit-platform"}


def bare_environment(folder: Path, names: Iterable[str]) -> Path:
    """A virtual environment of links in which nothing but these distributions is installed. Returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    tops: dict[str, set[str]] = {}
    files: dict[str, list[str]] = {}
    for name, found in _present().items():
        record = (found.read_text("RECORD") or "").splitlines()
        files[name] = [line.split(",")[0] for line in record if not line.startswith(("../", '"'))]
        for file in files[name]:
            tops.setdefault(file.split("/")[0], set()).add(name)
    chosen = set(names)
    for name in chosen:
        home = Path(str(_present()[name].locate_file("")))
        for file in files[name]:
            top = file.split("/")[0]
            # A folder that other distributions fill too, such as a namespace package, is linked file by file.
            link = site / (top if tops[top] <= chosen else file)
            if not link.is_symlink() and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(home / link.relative_to(site))
    return python
