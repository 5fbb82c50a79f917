"""The portfolio: where the cut-off lies and what moving it would do, cohorts as they were scored, who would flip."""

import streamlit as st

from ui.parts import batch, cohorts, cutoff, swap
from ui.parts.tabs import tabs
from ui.visit import Visit


def show(visit: Visit) -> None:
    st.header(visit.t("portfolio.title"), anchor=False)
    tabs(
        visit,
        "portfolio",
        {"cutoff": cutoff.show, "cohorts": cohorts.show, "swap": swap.show, "batch": batch.show},
    )
