"""Who is approved, by the attributes that must not decide."""

import streamlit as st

from ui import charts, curves
from ui.answers.dossier import Audited, Interval, Judged
from ui.parts import judged
from ui.parts.judged import written
from ui.visit import Visit

_FOUR_FIFTHS = 0.8


def show(visit: Visit) -> None:
    t = visit.t
    st.markdown(t("fairness.what"))
    part = judged.choose(visit, "fairness")
    if not part.fairness:
        st.info(t("fairness.none"), icon=":material/info:")
        return
    _verdict(visit, part)
    rows = [
        curves.Measured(_name(visit, each), each.impact_ratio, each.low, each.high, _ratio(visit, each))
        for each in part.fairness
    ]
    figure = curves.measured(visit.palette, rows, t("fairness.ratio"), _FOUR_FIFTHS, t("fairness.rule"))
    charts.draw(figure, t("fairness.described"), "fairness")
    st.dataframe(
        {
            t("quality.by"): [t.get(f"segments.{each.by}", each.by) for each in part.fairness],
            t("quality.group"): [t.get(f"segments.groups.{each.group}", each.group) for each in part.fairness],
            t("cohorts.clients"): [t.number(each.clients) for each in part.fairness],
            t("cutoff.approval_rate"): [t.percent(each.approval_rate) for each in part.fairness],
            t("fairness.ratio"): [_ratio(visit, each) for each in part.fairness],
            t("fairness.good_refused"): [t.percent(each.good_clients_refused) for each in part.fairness],
            t("metrics.default_rate"): [t.percent(each.default_rate) for each in part.fairness],
        },
        hide_index=True,
        width="stretch",
    )
    st.caption(t("fairness.how"))


def _verdict(visit: Visit, part: Judged) -> None:
    t = visit.t
    below = [_name(visit, each) for each in part.fairness if each.high < _FOUR_FIFTHS]
    unsure = [_name(visit, each) for each in part.fairness if each.low < _FOUR_FIFTHS <= each.high]
    if below:
        st.warning(t("fairness.below", groups="; ".join(below)), icon=":material/warning:")
    elif unsure:
        st.info(t("fairness.unsure", groups="; ".join(unsure)), icon=":material/help:")
    else:
        st.success(t("fairness.kept"), icon=":material/check_circle:")


def _name(visit: Visit, each: Audited) -> str:
    t = visit.t
    by, group = t.get(f"segments.{each.by}", each.by), t.get(f"segments.groups.{each.group}", each.group)
    return t("fairness.group", by=by, group=group)


def _ratio(visit: Visit, each: Audited) -> str:
    return written(visit.t, Interval(value=each.impact_ratio, low=each.low, high=each.high), 2)
