"""A client: what is decided, why, how they stand beside others, and what was decided before."""

from collections.abc import Callable

import streamlit as st

from ui.parts import beside, choosing, decision, history, reasons, waterfall
from ui.problems import UserError
from ui.visit import Visit, tell


def show(visit: Visit) -> None:
    t = visit.t
    st.header(t("client.title"), anchor=False)
    subject = choosing.choose(visit)
    if subject is None:
        return
    with st.spinner(t("client.scoring")):
        decided = choosing.explanation(visit, subject)
    threshold, number = visit.model.threshold, subject.number
    decision.show(visit, decided, threshold)
    reasons.show(visit, decided, number)
    depths: dict[str, Callable[[], None]] = {
        "came_about": lambda: waterfall.show(visit, decided, threshold),
        "beside": lambda: beside.show(visit, decided, choosing.features(visit, subject)),
    }
    if number is not None:
        depths["before"] = lambda: history.show(visit, number)
    tabs = st.tabs([t(f"client.{name}") for name in depths], on_change="rerun", key="depths")
    for tab, depth in zip(tabs, depths.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    depth()
                except UserError as problem:
                    tell(t, problem)
