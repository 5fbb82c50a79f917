"""Scores, grades and decisions, cohort by cohort."""

import streamlit as st

from ui import charts, curves
from ui.answers import portfolio
from ui.answers.portfolio import ScoredCohort
from ui.texts import Texts
from ui.visit import Visit

_LEAST_WRITTEN = 0.04
_DECISIONS = ("approve", "review", "refuse")


def show(visit: Visit) -> None:
    t = visit.t
    found = [cohort for cohort in portfolio.cohorts(visit.api) if cohort.clients]
    if not found:
        st.info(t("cohorts.none"), icon=":material/inbox:")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**{t('cohorts.grades')}**")
        _grades(visit, found)
    with right:
        st.markdown(f"**{t('cohorts.points')}**")
        figure = curves.boxes(
            visit.palette,
            [cohort.cohort for cohort in found],
            [(p.p5, p.p25, p.p50, p.p75, p.p95) for cohort in found if (p := cohort.points)],
            t("cohorts.axis"),
        )
        charts.draw(figure, t("cohorts.described_points"), "cohorts_points")
    _table(t, found)
    st.caption(t("cohorts.how"))


def _grades(visit: Visit, found: list[ScoredCohort]) -> None:
    names = sorted({grade for cohort in found for grade in cohort.grades})
    shares = {name: [cohort.grades.get(name, 0) / cohort.clients for cohort in found] for name in names}
    texts = {
        name: [f"{name} {visit.t.percent(share, 0)}" if share >= _LEAST_WRITTEN else "" for share in of]
        for name, of in shares.items()
    }
    colours = curves.ramp(visit.palette, len(names))
    figure = curves.stacked(visit.palette, [cohort.cohort for cohort in found], shares, colours, texts)
    charts.draw(figure, visit.t("cohorts.described_grades"), "cohorts_grades")


def _table(t: Texts, found: list[ScoredCohort]) -> None:
    st.dataframe(
        {
            t("cohorts.cohort"): [cohort.cohort for cohort in found],
            t("cohorts.clients"): [t.number(cohort.clients) for cohort in found],
            **{
                t(f"cohorts.decisions.{name}"): [
                    t.percent(cohort.decisions.get(name, 0) / cohort.clients) for cohort in found
                ]
                for name in _DECISIONS
            },
            t("cohorts.mean"): [t.percent(cohort.mean_probability) for cohort in found],
            t("cohorts.version"): [cohort.model_version for cohort in found],
        },
        hide_index=True,
        width="stretch",
    )
