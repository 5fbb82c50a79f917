"""Scores and what came of them, over time."""

import streamlit as st

from ui import charts, curves
from ui.answers import monitoring
from ui.answers.monitoring import CohortPerformance
from ui.parts.judged import written, written_share
from ui.visit import Visit


def show(visit: Visit) -> None:
    t = visit.t
    found = [each for each in monitoring.performance(visit.api) if each.metrics]
    if not found:
        st.info(t("performance.none"), icon=":material/hourglass_empty:")
        return
    st.caption(t("performance.what"))
    left, right = st.columns(2, gap="medium")
    with left:
        _picture(visit, found, "auc", ("auc",))
        _picture(visit, found, "cost", ("cost_per_client",))
    with right:
        _picture(visit, found, "rates", ("default_rate", "mean_probability"))
        _picture(visit, found, "slope", ("calibration_slope",), 1.0)
    _table(visit, found)


def _picture(
    visit: Visit, found: list[CohortPerformance], name: str, metrics: tuple[str, ...], mark: float | None = None
) -> None:
    t, shares = visit.t, name == "rates"
    st.markdown(f"**{t(f'performance.pictures.{name}')}**")
    series = {
        t(f"metrics.{metric}"): [
            curves.Measured(
                each.cohort,
                value.value,
                value.low,
                value.high,
                written_share(t, value.value, value.low, value.high) if shares else written(t, value),
            )
            for each in found
            if (value := each.metrics.get(metric))
        ]
        for metric in metrics
    }
    figure = curves.over_cohorts(visit.palette, series, "", mark, t("performance.perfect") if mark else "")
    figure.update_yaxes(tickformat=".0%" if shares else None)
    charts.draw(figure, t(f"performance.described.{name}"), f"performance_{name}")


def _table(visit: Visit, found: list[CohortPerformance]) -> None:
    t = visit.t
    metrics = ("auc", "default_rate", "mean_probability", "calibration_slope", "cost_per_client")
    st.dataframe(
        {
            t("cohorts.cohort"): [each.cohort for each in found],
            t("performance.clients"): [t.number(each.clients) for each in found],
            **{
                t(f"metrics.{metric}"): [
                    written(t, value) if (value := each.metrics.get(metric)) else "" for each in found
                ]
                for metric in metrics
            },
            t("cohorts.version"): [each.model_version for each in found],
        },
        hide_index=True,
        width="stretch",
    )
