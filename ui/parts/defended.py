"""Why the cut-off lies where it does: theory, its interval, and what other costs would change."""

import streamlit as st

from ui import charts, curves
from ui.answers import dossier
from ui.answers.dossier import Judged
from ui.parts import judged
from ui.visit import Visit


def show(visit: Visit) -> None:
    t = visit.t
    found = dossier.defence(visit.api)
    ratio = found.false_negative / found.false_positive
    present, theory, interval = st.columns(3)
    present.metric(t("defended.present"), t.percent(found.value, 2))
    present.caption(t("defended.chosen", cost=t.number(found.cost_per_client, 3)))
    theory.metric(t("defended.theory"), t.percent(found.theory, 2))
    theory.caption(t("defended.formula", ratio=t.number(ratio)))
    interval.metric(t("defended.interval"), t("defended.span", low=t.percent(found.low), high=t.percent(found.high)))
    interval.caption(t("defended.bootstrap"))
    if found.holds_theory:
        st.success(t("defended.holds"), icon=":material/check_circle:")
    else:
        st.warning(t("defended.fails"), icon=":material/warning:")
    low, high = found.value * (1 - found.review_margin), found.value * (1 + found.review_margin)
    st.markdown(t("defended.review", low=t.percent(low), high=t.percent(high), share=t.percent(found.review_margin, 0)))
    st.subheader(t("defended.sensitivity"), anchor=False)
    part = judged.choose(visit, "defended")
    _sensitivity(visit, part, found.value)
    st.caption(t("defended.unit"))


def _sensitivity(visit: Visit, part: Judged, present: float) -> None:
    t, rows = visit.t, part.sensitivity
    left, right = st.columns([2, 3], gap="medium", vertical_alignment="center")
    with left:
        best = [_row(visit, row.missed_default_costs, row.best_cut_off) for row in rows]
        theory = [_row(visit, row.missed_default_costs, row.in_theory) for row in rows]
        figure = curves.over_cohorts(
            visit.palette,
            {t("defended.best"): best, t("defended.in_theory"): theory},
            t("cutoff.cut_off"),
            present,
            t("cutoff.present", cut_off=t.percent(present)),
        )
        figure.update_yaxes(tickformat=".0%", rangemode="tozero")
        figure.update_xaxes(title=t("defended.ratio"))
        charts.draw(figure, t("defended.described"), "sensitivity")
    right.dataframe(
        {
            t("defended.ratio"): [t.number(row.missed_default_costs, 1) for row in rows],
            t("defended.in_theory"): [t.percent(row.in_theory) for row in rows],
            t("defended.best"): [t.percent(row.best_cut_off) for row in rows],
            t("defended.least"): [t.number(row.cost_per_client, 3) for row in rows],
            t("defended.kept"): [t.number(row.cost_at_the_present_cut_off, 3) for row in rows],
        },
        hide_index=True,
        width="stretch",
    )


def _row(visit: Visit, ratio: float, value: float) -> curves.Measured:
    return curves.Measured(visit.t.number(ratio, 1), value, value, value, visit.t.percent(value))
