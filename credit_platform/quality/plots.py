"""Pictures of quality: how a cohort's volumes and gaps compare with those of the cohorts before it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from credit_platform.quality.estimates import Key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = "osD^vP*X"
"""Lines are told apart by their marks as well as by their colours."""


def trend_plot(trends: Mapping[Key, Mapping[str, float]], columns: int = 6) -> "Figure":
    """By cohort: applications, the share of parents with rows in each table, and the gaps that moved most."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    volume, coverage, gaps = figure.subplots(1, 3)
    cohorts = sorted({cohort for values in trends.values() for cohort in values})
    applications = trends.get(Key("application", "", "applications"), {})
    volume.bar(range(len(cohorts)), [applications.get(cohort, 0) for cohort in cohorts], color="#1f5fa8")
    covered = {key.table: values for key, values in trends.items() if key.measure == "coverage"}
    missing = {f"{key.table}.{key.column}": values for key, values in trends.items() if key.measure == "missing"}
    moved = sorted(missing, key=lambda name: -(max(missing[name].values()) - min(missing[name].values())))
    _lines(coverage, cohorts, covered)
    _lines(gaps, cohorts, {name: missing[name] for name in moved[:columns]})
    for axes, title in ((volume, "Applications"), (coverage, "Share of parents with rows"), (gaps, "Missing share")):
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(len(cohorts)), cohorts, fontsize=7, rotation=45 if len(cohorts) > 4 else 0)
        axes.tick_params(axis="y", labelsize=7)
    return figure


def _lines(axes: "Axes", cohorts: list[str], series: Mapping[str, Mapping[str, float]]) -> None:
    """One line per series; a cohort it lacks leaves a gap."""
    for mark, (name, values) in zip(_MARKS, series.items(), strict=False):
        shares = [values.get(cohort, float("nan")) for cohort in cohorts]
        axes.plot(range(len(cohorts)), shares, marker=mark, markersize=4, linewidth=1.2, label=name)
    axes.set_ylim(-0.03, 1.03)
    if series:
        axes.legend(fontsize=6, loc="best")
