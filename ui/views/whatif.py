"""What if: another loan for the same client, decided by the real pipeline beside the one asked for."""

import streamlit as st

from ui.answers import whatif
from ui.parts import approval, changing, choosing, outcomes
from ui.problems import ApiError, UserError
from ui.visit import Visit, remembered


def show(visit: Visit) -> None:
    t = visit.t
    st.header(t("whatif.title"), anchor=False)
    st.caption(t("whatif.what"))
    subject = choosing.by_number(visit)
    if subject is None or subject.number is None:
        return
    number, language = subject.number, t.language
    try:
        found = remembered("whatif", (number, language), lambda: whatif.fields(visit.api, number, language))
    except ApiError as error:
        raise (UserError("no-records", number=number) if error.key == "not-found" else error) from None
    values = changing.form(visit, found)
    key = (number, tuple(values.items()), language, visit.model.version)
    with st.spinner(t("whatif.deciding")):
        simulated = remembered("simulation", key, lambda: whatif.simulate(visit.api, number, values, language))
    outcomes.show(visit, simulated, visit.model.threshold)
    approval.show(visit, found)
