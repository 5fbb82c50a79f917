"""The model card of the version in force, to read and to take away."""

import streamlit as st

from ui.answers import dossier
from ui.parts.framed import framed
from ui.problems import ApiError
from ui.visit import Visit, remembered


def show(visit: Visit) -> None:
    t, version = visit.t, visit.model.version
    try:
        card = remembered("card", version, lambda: dossier.card(visit.api))
    except ApiError as error:
        if error.key != "not-found":
            raise
        st.info(t("card.none", version=version), icon=":material/inbox:")
        return
    words, taking = st.columns([3, 1], vertical_alignment="center")
    words.caption(t("card.what", version=version))
    taking.download_button(
        t("card.download"),
        card.encode(),
        file_name=f"model-card-{version}.html",
        mime="text/html",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
    )
    framed(card, t("card.title", version=version), 900)
