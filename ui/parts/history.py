"""What was decided about the client before, from the decision log."""

import streamlit as st

from ui.answers import client
from ui.visit import Visit


def show(visit: Visit, number: int) -> None:
    t = visit.t
    found = client.past_decisions(visit.api, number).decisions
    if not found:
        st.info(t("history.none"), icon=":material/history:")
        return
    st.caption(t("history.what"))
    st.dataframe(
        {
            t("history.at"): [t.moment(each.at) for each in found],
            t("history.decision"): [t(f"decision.{each.decision}") for each in found],
            t("decision.probability"): [t.percent(each.probability_of_default) for each in found],
            t("decision.grade"): [each.grade or "" for each in found],
            t("history.kind"): [t.get(f"history.kinds.{each.kind}", each.kind) for each in found],
            t("history.caller"): [each.caller for each in found],
            t("history.version"): [each.model_version for each in found],
            t("history.id"): [each.decision_id for each in found],
        },
        hide_index=True,
        width="stretch",
    )
