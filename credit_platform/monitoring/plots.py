"""Pictures of drift."""

from typing import TYPE_CHECKING

from credit_platform.monitoring.drift import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def drift_bars(verdict: Verdict, top: int = 20) -> "Figure":
    """PSI of the features that moved most; drifted ones are hatched as well as coloured."""
    from matplotlib.figure import Figure

    shown = sorted(verdict.columns, key=lambda column: column.psi)[-top:]
    figure = Figure(figsize=(7, 0.28 * len(shown) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for i, column in enumerate(shown):
        axes.barh(
            i, column.psi, color="#c0392b" if column.drifted else "#1f5fa8", hatch="//" if column.drifted else None
        )
    axes.set_yticks(range(len(shown)), [column.column for column in shown], fontsize=7)
    axes.set(xlabel="PSI against the training reference", title=f"Cohort {verdict.cohort}: drift by feature")
    return figure
