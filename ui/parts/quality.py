"""How well the version in force ranks, how far its probabilities can be trusted, and for whom."""

import streamlit as st

from ui import charts, curves
from ui.answers.dossier import Judged
from ui.parts import judged
from ui.parts.judged import written, written_share
from ui.visit import Visit

_HEADLINE = ("auc", "gini", "ks", "brier")
_IN_PERCENT = ("mean_probability", "default_rate", "refusal_rate")


def show(visit: Visit) -> None:
    t = visit.t
    part = judged.choose(visit, "quality")
    for column, name in zip(st.columns(len(_HEADLINE)), _HEADLINE, strict=True):
        found = part.metrics[name]
        column.metric(t(f"metrics.{name}"), t.number(found.value, 3), help=t(f"metrics.help.{name}"))
        column.caption(t("quality.interval", low=t.number(found.low, 3), high=t.number(found.high, 3)))
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**{t('quality.reliability')}**")
        _reliability(visit, part)
    with right:
        st.markdown(f"**{t('quality.grades')}**")
        _grades(visit, part)
    _metrics(visit, part)
    with st.expander(t("quality.segments"), icon=":material/groups:", key="segments", on_change="rerun") as segments:
        if segments.open:
            _segments(visit, part)


def _reliability(visit: Visit, part: Judged) -> None:
    t = visit.t
    rows = [
        curves.Measured(
            str(each.decile),
            each.observed,
            each.low,
            each.high,
            t(
                "quality.tenth",
                number=each.decile,
                predicted=t.percent(each.predicted),
                observed=written_share(t, each.observed, each.low, each.high),
            ),
        )
        for each in part.deciles
    ]
    words = {each: t(f"quality.{each}") for each in ("predicted", "observed", "perfect")}
    figure = curves.reliability(visit.palette, [each.predicted for each in part.deciles], rows, words)
    charts.draw(figure, t("quality.described_reliability"), "reliability")
    slope = part.metrics["calibration_slope"]
    verdict = "sound" if slope.low <= 1 <= slope.high else "unsound"
    st.caption(t(f"quality.slope.{verdict}", slope=written(t, slope, 2)))


def _grades(visit: Visit, part: Judged) -> None:
    t = visit.t
    rows = [
        curves.Measured(
            t("quality.grade", grade=each.grade, low=t.percent(each.start, 1), high=t.percent(each.end, 1)),
            each.observed,
            each.low,
            each.high,
            written_share(t, each.observed, each.low, each.high),
            t.percent(each.observed),
        )
        for each in part.grades
        if each.clients
    ]
    figure = curves.measured(visit.palette, rows, t("quality.observed"), percent=True)
    charts.draw(figure, t("quality.described_grades"), "judged_grades")


def _metrics(visit: Visit, part: Judged) -> None:
    t = visit.t
    with st.expander(t("quality.all"), icon=":material/table:"):
        st.dataframe(
            {
                t("swap.metric"): [t.get(f"metrics.{name}", name) for name in part.metrics],
                t("quality.value"): [
                    written_share(t, found.value, found.low, found.high) if name in _IN_PERCENT else written(t, found)
                    for name, found in part.metrics.items()
                ],
                t("quality.meaning"): [t.get(f"metrics.help.{name}", "") for name in part.metrics],
            },
            hide_index=True,
            width="stretch",
        )
        st.caption(
            t(
                "quality.without",
                approve=t.number(part.without_a_model["cost_approve_all"], 3),
                refuse=t.number(part.without_a_model["cost_refuse_all"], 3),
                psi=t.number(part.score_psi, 3),
            )
        )


def _segments(visit: Visit, part: Judged) -> None:
    t, rows = visit.t, [*part.cohorts, *part.segments]
    st.dataframe(
        {
            t("quality.by"): [t.get(f"segments.{row.by}", row.by) for row in rows],
            t("quality.group"): [t.get(f"segments.groups.{row.group}", row.group) for row in rows],
            t("cohorts.clients"): [t.number(row.clients) for row in rows],
            t("metrics.auc"): [t.number(row.auc, 3) for row in rows],
            t("quality.predicted"): [t.percent(row.predicted) for row in rows],
            t("quality.observed"): [t.percent(row.observed) for row in rows],
            t("cutoff.approval_rate"): [t.percent(row.approval_rate) for row in rows],
            t("cutoff.cost"): [t.number(row.cost_per_client, 3) for row in rows],
        },
        hide_index=True,
        width="stretch",
    )
