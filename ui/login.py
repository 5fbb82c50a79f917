"""Where a person gives their key of the API. It is kept for this browser session only, and nowhere else."""

import streamlit as st

from ui import api as credit_api
from ui.answers import model
from ui.problems import UserError
from ui.settings import UiSettings
from ui.texts import Texts
from ui.visit import tell

KEY = "api_key"


def show(t: Texts, settings: UiSettings) -> None:
    """The form. A key that the API takes is remembered, and the page runs again with it."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.header(t("login.title"), anchor=False)
        st.markdown(t("login.why"))
        with st.form("login"):
            key = st.text_input(t("login.key"), type="password", max_chars=200, help=t("login.help")).strip()
            sent = st.form_submit_button(t("login.enter"), type="primary", icon=":material/login:")
        if not sent:
            return
        if not key or not key.isascii():
            tell(t, UserError("no-key"))
            return
        try:
            model.model(credit_api.connect(settings, key))
        except UserError as problem:
            if problem.key == "no-model":  # the key is right; there is no model yet
                st.session_state[KEY] = key
                st.rerun()
            tell(t, UserError("wrong-key") if problem.key == "unauthorised" else problem)
            return
        st.session_state[KEY] = key
        st.rerun()
