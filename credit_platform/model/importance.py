"""How much each feature moves a version's output: its mean absolute SHAP value over the reference, in log-odds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE_NAME = "importance.json"


def importance_of(names: Sequence[str], contributions: NDArray[np.float64]) -> dict[str, float]:
    """Features and their importance, strongest first, from contributions of shape (n, features)."""
    means = np.abs(contributions).mean(axis=0)
    return {names[i]: float(means[i]) for i in np.argsort(-means, kind="stable")}


def write_importance(importance: Mapping[str, float], folder: Path) -> Path:
    path = folder / FILE_NAME
    path.write_text(json.dumps(dict(importance), indent=1), "utf-8")
    return path


def read_importance(folder: Path) -> dict[str, float]:
    """Reads the importance stored in `folder`, strongest first.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    found: dict[str, float] = json.loads((folder / FILE_NAME).read_text("utf-8"))
    return found
