"""How far a cohort's columns have moved from those the version was made with, by table and by column."""

from collections import defaultdict

import streamlit as st

from ui import charts, curves
from ui.answers import monitoring
from ui.answers.monitoring import ColumnDrift, Verdict
from ui.parts import verdicts
from ui.problems import ApiError
from ui.visit import Visit

_MOST = 15


def show(visit: Visit) -> None:
    t, found = visit.t, verdicts.of_cohorts(visit)
    if not found:
        return
    _scores(visit, found)
    verdict = verdicts.pick(visit, found, "drift")
    columns = [column for column in verdict.details if column.psi is not None]
    if not columns:
        st.info(t("drift.none"), icon=":material/inbox:")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**{t('drift.tables')}**")
        _tables(visit, columns)
    with right:
        st.markdown(f"**{t('drift.columns')}**")
        _columns(visit, columns)
    _bins(visit, verdict, columns)
    _list(visit, verdict.details)


def _scores(visit: Visit, found: list[Verdict]) -> None:
    """The score's distance from the reference, cohort by cohort."""
    t = visit.t
    rows = [
        curves.Measured(verdict.cohort, psi, psi, psi, t.number(psi, 3))
        for verdict in reversed(found)
        if (psi := verdict.score_psi) is not None
    ]
    if not rows:
        return
    st.markdown(f"**{t('drift.score')}**")
    figure = curves.over_cohorts(visit.palette, {t("drift.psi"): rows}, t("drift.psi"), 0.1, t("drift.limit"))
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(height=230)
    charts.draw(figure, t("drift.described_score"), "drift_score")


def _tables(visit: Visit, columns: list[ColumnDrift]) -> None:
    t = visit.t
    moved: dict[str, list[ColumnDrift]] = defaultdict(list)
    for column in columns:
        moved[column.table].append(column)
    st.dataframe(
        {
            t("drift.table"): [t.get(f"drift.table_names.{table}", table) for table in moved],
            t("drift.moved"): [t("drift.of", moved=sum(c.moved for c in of), columns=len(of)) for of in moved.values()],
            t("drift.weight"): [t.percent(sum(c.importance for c in of if c.moved), 0) for of in moved.values()],
        },
        hide_index=True,
        width="stretch",
    )
    st.caption(t("drift.how"))


def _columns(visit: Visit, columns: list[ColumnDrift]) -> None:
    t = visit.t
    furthest = sorted(columns, key=lambda column: -(column.psi or 0.0))[:_MOST]
    figure = curves.strengths(
        visit.palette,
        [f"{'▲ ' if column.moved else ''}{column.column}" for column in furthest],
        [column.psi or 0.0 for column in furthest],
        [t.number(column.psi or 0.0, 3) for column in furthest],
        [not column.moved for column in furthest],
    )
    charts.draw(figure, t("drift.described_columns"), "drift_columns")


def _bins(visit: Visit, verdict: Verdict, columns: list[ColumnDrift]) -> None:
    """One column's distribution in the reference and in the cohort."""
    t = visit.t
    st.markdown(f"**{t('drift.beside')}**")
    names = [column.column for column in sorted(columns, key=lambda column: -(column.psi or 0.0))]
    chosen = st.selectbox(t("drift.column"), names, key="drift_column", width=420)
    try:
        found = monitoring.bins(visit.api, verdict.cohort, chosen)
    except ApiError as error:
        if error.key != "not-found":
            raise
        st.info(t("drift.not_counted"), icon=":material/inbox:")
        return
    before, now = (max(sum(counts), 1) for counts in zip(*((b.reference, b.clients) for b in found), strict=True))
    figure = curves.beside(
        visit.palette,
        [t("drift.missing") if each.missing else each.label for each in found],
        {
            t("drift.reference"): [each.reference / before for each in found],
            t("drift.cohort", cohort=verdict.cohort): [each.clients / now for each in found],
        },
    )
    charts.draw(figure, t("drift.described_bins", column=chosen, cohort=verdict.cohort), "drift_bins")


def _list(visit: Visit, columns: list[ColumnDrift]) -> None:
    t = visit.t
    with st.expander(t("drift.all", number=t.number(len(columns))), icon=":material/list:"):
        st.dataframe(
            {
                t("drift.column"): [column.column for column in columns],
                t("drift.table"): [t.get(f"drift.table_names.{column.table}", column.table) for column in columns],
                t("drift.psi"): [column.psi for column in columns],
                t("drift.missing_before"): [t.percent(column.missing_reference) for column in columns],
                t("drift.missing_now"): [t.percent(column.missing) for column in columns],
                t("drift.importance"): [t.percent(column.importance) for column in columns],
                t("drift.moved"): [t(f"drift.{'yes' if column.moved else 'no'}") for column in columns],
            },
            hide_index=True,
            width="stretch",
        )
