"""Monitoring: whether the model still faces the clients it was made for, and what somebody has to look at."""

import streamlit as st

from ui.parts import drift, incidents, performance, reports, verdicts
from ui.parts.tabs import tabs
from ui.visit import Visit


def show(visit: Visit) -> None:
    st.header(visit.t("monitoring.title"), anchor=False)
    tabs(
        visit,
        "monitoring",
        {
            "verdicts": verdicts.show,
            "drift": drift.show,
            "performance": performance.show,
            "incidents": incidents.show,
            "reports": reports.show,
        },
    )
