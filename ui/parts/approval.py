"""What it would take to be approved: the smallest plausible changes of the loan, each scored by the API."""

import streamlit as st

from ui.answers import whatif
from ui.answers.whatif import Way, Ways, WhatIf
from ui.parts import changing
from ui.visit import Visit, remembered


def show(visit: Visit, found: WhatIf) -> None:
    t, number = visit.t, found.sk_id_curr
    st.subheader(t("approval.title"), anchor=False)
    with st.spinner(t("approval.looking")):
        ways = remembered(
            "ways", (number, t.language, visit.model.version), lambda: whatif.ways(visit.api, number, t.language)
        )
    if ways.approved:
        st.success(t("approval.approved"), icon=":material/check_circle:")
        return
    enough = [way for way in ways.ways if way.suffices]
    if not enough:
        _none(visit, ways)
        return
    st.caption(t("approval.how", tried=t.number(ways.tried)))
    for way in enough:
        _way(visit, found, way)


def _way(visit: Visit, found: WhatIf, way: Way) -> None:
    t = visit.t
    with st.container(border=True):
        words, probability, taking = st.columns([4, 1.2, 1.1], vertical_alignment="center")
        changes = "  \n".join(
            t("approval.change", label=c.label, before=t.number(c.before), after=t.number(c.after)) for c in way.changes
        )
        words.markdown(f"**{t(f'approval.ways.{way.name}')}**  \n{changes}")
        probability.metric(t("decision.probability"), t.percent(way.probability_of_default))
        taking.button(
            t("approval.take"), key=f"take_{way.name}", on_click=changing.take, args=(found, way), width="stretch"
        )


def _none(visit: Visit, ways: Ways) -> None:
    t = visit.t
    lowest = min((way.probability_of_default for way in ways.ways), default=ways.probability_of_default)
    st.info(
        t(
            "approval.none",
            tried=t.number(ways.tried),
            lowest=t.percent(min(lowest, ways.probability_of_default)),
            cut_off=t.percent(ways.threshold),
        ),
        icon=":material/block:",
    )
