"""The model: how good it is, what moves it, why its cut-off lies there, whom it treats how, and who let it decide."""

import streamlit as st

from ui.parts import card, defended, fairness, moves, quality, versions
from ui.parts.tabs import tabs
from ui.visit import Visit


def show(visit: Visit) -> None:
    st.header(visit.t("model.title", version=visit.model.version), anchor=False)
    tabs(
        visit,
        "model",
        {
            "quality": quality.show,
            "moves": moves.show,
            "defended": defended.show,
            "fairness": fairness.show,
            "versions": versions.show,
            "card": card.show,
        },
    )
