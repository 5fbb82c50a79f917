"""The global SHAP summary: which features move the model's log-odds most, and in which direction."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit_platform.scoring.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure
    from shap import Explanation


def global_explanation(scorer: Scorer, table: "pa.Table") -> "Explanation":
    """Exact SHAP values of a table's rows, shape (rows, features), as shap's own container.

    Raises:
        ArithmeticError: the values do not add up to the model's margin.
    """
    from shap import Explanation

    values = scorer.table_contributions(table)
    probability = scorer.table_probabilities(table)
    error = float(np.max(np.abs(values.sum(axis=1) - np.log(probability / (1 - probability)))))
    if error > 1e-6:
        raise ArithmeticError(f"SHAP values miss the model's margin by {error:g}")
    return Explanation(
        values=values[:, :-1],
        base_values=values[:, -1],
        data=np.column_stack([_plottable(table, feature.name, feature.kind) for feature in scorer.schema.features]),
        feature_names=scorer.schema.names,
    )


def importance(explanation: "Explanation") -> list[tuple[str, float]]:
    """Features and their mean absolute SHAP value in log-odds, most important first."""
    strength = np.abs(explanation.values).mean(axis=0)
    order = np.argsort(-strength, kind="stable")
    return [(explanation.feature_names[i], float(strength[i])) for i in order]


def plots(explanation: "Explanation", top: int = 20) -> dict[str, "Figure"]:
    """The bar plot and the beeswarm of the strongest features."""
    import shap
    from matplotlib import pyplot as plt

    figures = {}
    for name, draw in (("bar", shap.plots.bar), ("beeswarm", shap.plots.beeswarm)):
        figure = plt.figure(figsize=(9, 7))
        draw(explanation, max_display=top, show=False, **({"plot_size": None} if name == "beeswarm" else {}))
        figure.axes[0].set_title(f"Global SHAP ({name}), log-odds of default")
        figures[f"shap_{name}"] = figure
        plt.close(figure)
    return figures


def _plottable(table: "pa.Table", name: str, kind: str) -> NDArray[np.float64]:
    """Numbers as they are; a category as its rank by name, which gives the beeswarm a colour and means nothing more."""
    column = table.column(name)
    if kind == "numeric":
        return np.asarray(column.to_numpy(), float)
    return np.asarray(column.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False), float)
