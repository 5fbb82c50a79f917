"""A client: what is decided, why, how they stand beside others, and what was decided before."""

import streamlit as st

from ui.parts import choosing, decision
from ui.visit import Visit


def show(visit: Visit) -> None:
    t = visit.t
    st.header(t("client.title"), anchor=False)
    subject = choosing.choose(visit)
    if subject is None:
        return
    with st.spinner(t("client.scoring")):
        decided = choosing.explanation(visit, subject)
    decision.show(visit, decided, visit.model.threshold)
