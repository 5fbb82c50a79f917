"""The form in which another loan is described, made from what the API says can be changed."""

import streamlit as st

from ui.answers.whatif import Changeable, Way, WhatIf
from ui.visit import Visit

_LOAN, _GOODS, _INSTALMENT = "AMT_CREDIT", "AMT_GOODS_PRICE", "AMT_ANNUITY"
Changes = dict[str, float | str]


def form(visit: Visit, found: WhatIf) -> Changes:
    """The values of all fields, as they were last asked about; at first those of the application."""
    t = visit.t
    for field in found.fields:
        st.session_state.setdefault(_key(found.sk_id_curr, field.field), field.value)
    with st.form(f"whatif_{found.sk_id_curr}"):
        columns = st.columns(2, gap="medium")
        for place, field in enumerate(found.fields):
            with columns[place % 2]:
                _input(visit, found.sk_id_curr, field)
        sent, again, _ = st.columns([1.3, 1.6, 2])
        sent.form_submit_button(t("changing.ask"), type="primary", icon=":material/calculate:", width="stretch")
        again.form_submit_button(
            t("changing.again"), icon=":material/undo:", on_click=_reset, args=(found,), width="stretch"
        )
    values: Changes = {f.field: st.session_state[_key(found.sk_id_curr, f.field)] for f in found.fields}
    st.caption(_derived(visit, values))
    return values


def take(found: WhatIf, way: Way) -> None:
    """Puts a way into the form, the rest as it was asked for."""
    _reset(found)
    for change in way.changes:
        st.session_state[_key(found.sk_id_curr, change.field)] = change.after


def _input(visit: Visit, number: int, field: Changeable) -> None:
    t, key = visit.t, _key(number, field.field)
    asked = t("changing.asked", value=field.value_text)
    if field.choices:
        st.selectbox(
            field.label,
            list(field.choices),
            format_func=lambda each: field.choices[each][:1].upper() + field.choices[each][1:],
            key=key,
            help=asked,
            persist_state="session",
        )
    elif field.low is not None and field.high is not None:
        bounds = t("changing.bounds", low=t.number(field.low), high=t.number(field.high))
        st.number_input(
            field.label,
            field.low,
            field.high,
            step=1000.0 if field.high > 100_000 else 100.0,
            format="%.0f",
            key=key,
            help=f"{asked} {bounds}",
            persist_state="session",
        )


def _derived(visit: Visit, values: Changes) -> str:
    """How many instalments that makes, and how much the client pays at once."""
    t = visit.t
    loan, goods, instalment = (float(values.get(name, 0)) for name in (_LOAN, _GOODS, _INSTALMENT))
    said = []
    if loan and instalment:
        said.append(t("changing.instalments", number=t.number(loan / instalment)))
    if goods > loan:
        said.append(t("changing.down_payment", amount=t.number(goods - loan)))
    return " ".join(said)


def _reset(found: WhatIf) -> None:
    for field in found.fields:
        st.session_state[_key(found.sk_id_curr, field.field)] = field.value


def _key(number: int, field: str) -> str:
    return f"whatif_{number}_{field}"
