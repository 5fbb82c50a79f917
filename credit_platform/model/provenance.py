"""What a version is made with: clients, data, code, libraries, machine; taken down when it is trained.

The model card shows it; it is what somebody needs to train the version again. Not here: what was found (`card.py`).
"""

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from credit_platform.features.splits import parts_of
from credit_platform.lake import Version

_LIBRARIES = (
    "catboost",
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "duckdb",
    "mlflow",
    "dagster",
    "optbinning",
    "shap",
)


def made_with(splits: Version) -> dict[str, Any]:
    """Plain data, for JSON: when, the parts of the splits, and digests and versions of all that takes part."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parts": _parts(splits),
        "data": {
            **{f"client_mart of {cohort}": content for cohort, content in splits.facts.get("client_mart", {}).items()},
            "feature_splits": splits.content,
        },
        "code": code_digest(),
        "machine": f"{platform.system()} on {platform.machine()}",
        "libraries": {"Python": platform.python_version(), **{name: metadata.version(name) for name in _LIBRARIES}},
    }


def _parts(splits: Version) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows = []
    for part in parts_of(splits.folder()):
        labels = pq.read_table(splits.file(f"y_{part}.parquet"), columns=["cohort", "TARGET"])
        defaults = int(labels.column("TARGET").to_numpy().sum())
        cohorts = sorted(labels.column("cohort").unique().to_pylist())
        rows.append({"part": part, "cohorts": cohorts, "clients": labels.num_rows, "defaults": defaults})
    return rows


@cache
def code_digest() -> str:
    """SHA-256 of the package's source files, by path and content."""
    digest = sha256()
    for path, content in sorted(_sources(files("credit_platform"), "")):
        digest.update(path.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def _sources(folder: Traversable, above: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{above}/{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, path)
        elif entry.name.endswith((".py", ".sql", ".toml")):
            yield path, entry.read_bytes()
