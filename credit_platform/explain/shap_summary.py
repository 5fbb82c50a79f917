"""The global SHAP summary: which features move the model's log-odds most, and in which direction."""

import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.lake import current
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure
    from shap import Explanation

TABLE = "shap_summary"
_SWARM = "swarm.json"

Points = list[tuple[float, float | None]]
"""A feature's SHAP values, each with the rank of its value from 0, the lowest, to 1; None for gaps and categories."""


def global_explanation(scorer: Scorer, table: "pa.Table") -> "Explanation":
    """Exact SHAP values of a table's rows, shape (rows, features), as shap's own container.

    Raises:
        ArithmeticError: the values do not add up to the model's margin.
    """
    from shap import Explanation

    values = scorer.table_contributions(table)
    error = float(np.max(np.abs(values.sum(axis=1) - scorer.table_margins(table))))
    if error > 1e-6:
        raise ArithmeticError(f"SHAP values miss the model's margin by {error:g}")
    return Explanation(
        values=values[:, :-1],
        base_values=values[:, -1],
        data=_plottable(table, scorer.schema),
        feature_names=scorer.schema.names,
    )


def importance(explanation: "Explanation") -> list[tuple[str, float]]:
    """Features and their mean absolute SHAP value in log-odds, most important first."""
    strength = np.abs(explanation.values).mean(axis=0)
    order = np.argsort(-strength, kind="stable")
    return [(explanation.feature_names[i], float(strength[i])) for i in order]


def swarm(
    explanation: "Explanation", categories: Collection[str], top: int = 20, points: int = 200
) -> dict[str, Points]:
    """What a beeswarm of the strongest features shows, of some rows.

    Ranks stand for values, and each feature is sorted by itself: nobody's row can be put together from it.
    """
    rows = np.unique(np.linspace(0, len(explanation.values) - 1, points).astype(int))
    found: dict[str, Points] = {}
    for name, _ in importance(explanation)[:top]:
        place = explanation.feature_names.index(name)
        values = explanation.data[:, place]
        known = np.sort(values[np.isfinite(values)])
        spread = max(len(known) - 1, 1)
        ranks = (np.searchsorted(known, values) + np.searchsorted(known, values, "right") - 1) / 2 / spread
        found[name] = sorted(
            (
                (float(explanation.values[row, place]), round(float(ranks[row]), 3))
                if name not in categories and np.isfinite(values[row])
                else (float(explanation.values[row, place]), None)
                for row in rows
            ),
            key=lambda point: point[0],
        )
    return found


def write_swarm(points: Mapping[str, Points], version: str, folder: Path) -> Path:
    path = folder / _SWARM
    path.write_text(json.dumps({"model_version": version, "features": dict(points)}), "utf-8")
    return path


def swarm_of(settings: Settings, version: str) -> dict[str, Points]:
    """What was written of a version; empty where the summary in force is another version's, or there is none."""
    published = current(settings, TABLE)
    stored = _read(published.folder() / _SWARM) if published else {}
    return dict(stored["features"]) if stored.get("model_version") == version else {}


@lru_cache(2)
def _read(path: Path) -> dict[str, Any]:
    """Read once: a version's files never change, and its id is part of the path."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def plots(explanation: "Explanation", top: int = 20) -> dict[str, "Figure"]:
    """The bar plot and the beeswarm of the strongest features, and how each of the very strongest acts on its own."""
    import shap
    from matplotlib import pyplot as plt

    # Without the others: shap would add them up into one bar that dwarfs all that is to be seen.
    names = [name for name, _ in importance(explanation)[:top]]
    places = [explanation.feature_names.index(name) for name in names]
    strongest = shap.Explanation(
        explanation.values[:, places], explanation.base_values, explanation.data[:, places], feature_names=names
    )
    figures = {}
    for name, draw in (("bar", shap.plots.bar), ("beeswarm", shap.plots.beeswarm)):
        figure = plt.figure(figsize=(9, 7))
        draw(strongest, max_display=top, show=False, **({"plot_size": None} if name == "beeswarm" else {}))
        figure.axes[0].set_title(
            f"Global SHAP ({name}): the strongest {len(names)} of {len(explanation.feature_names)} features"
        )
        figure.axes[0].set_xlabel(f"{'mean absolute ' if name == 'bar' else ''}SHAP value, log-odds of default")
        figures[f"shap_{name}"] = figure
        plt.close(figure)
    figures["shap_dependence"] = _dependence(explanation)
    return figures


def _dependence(explanation: "Explanation", features: int = 6) -> "Figure":
    """A feature's value against its SHAP value; the outermost hundredth of the values is left out of the picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    names = [name for name, _ in importance(explanation)[:features]]
    for axes, name in zip(figure.subplots(2, 3).flat, names, strict=False):
        place = explanation.feature_names.index(name)
        value, shap_value = explanation.data[:, place], explanation.values[:, place]
        axes.scatter(value, shap_value, s=6, alpha=0.4, color="#1f5fa8")
        axes.axhline(0, color="grey", linewidth=0.8)
        if np.isfinite(value).any():
            low, high = np.nanquantile(value, [0.01, 0.99])
            axes.set_xlim(low, high if high > low else low + 1)
        axes.set(xlabel=name, ylabel="SHAP, log-odds")
    figure.suptitle("Global SHAP (dependence): how the strongest features act")
    return figure


def _plottable(table: "pa.Table", schema: FeatureSchema) -> NDArray[np.float64]:
    """Numbers as they are; a category as its rank by name, which gives the beeswarm a colour and means nothing more."""
    frame = model_frame(table, schema)
    for name in schema.category_names:
        frame[name] = np.unique(frame[name], return_inverse=True)[1]
    return frame.to_numpy(float)
