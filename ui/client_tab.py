"""The tab where a client is chosen, decided upon and explained. What it shows is what the API answered."""

import json
from typing import Any

import streamlit as st

from ui import charts
from ui.api import Api, ApiError

_SUGGESTED = 8
_BY_NUMBER, _BY_FEATURES = "Client number", "Features as JSON"


def show(api: Api) -> None:
    way = st.radio(
        "How to choose the client", [_BY_NUMBER, _BY_FEATURES], horizontal=True, label_visibility="collapsed"
    )
    try:
        features = _features_of_client(api) if way == _BY_NUMBER else _features_from_json(api)
        if features is not None:
            with st.spinner("Scoring…"):
                explanation = api.explain(features)
            _show_decision(explanation)
            _show_explanation(explanation)
    except ApiError as error:
        st.error(str(error), icon=":material/error:")


def _features_of_client(api: Api) -> dict[str, Any] | None:
    suggestions, hint = _suggestions(api)
    typing, picking = st.columns([1, 2], vertical_alignment="top")
    typed = typing.text_input(
        "SK_ID_CURR", max_chars=30, key="sk_id_curr", placeholder="for example 100001", on_change=_drop_suggestion
    ).strip()
    if suggestions:
        picking.pills(hint, suggestions, key="suggestion", on_change=_take_suggestion)
    elif hint:
        st.warning(hint, icon=":material/info:")
    if not typed:
        st.info("Type a client's number or choose one to see the decision and its reasons.", icon=":material/search:")
        return None
    if not (typed.isascii() and typed.isdigit()):
        raise ApiError("A client number (SK_ID_CURR) has digits only, such as 100001.")
    client = api.client_features(typed)
    st.subheader(f"Client {client['sk_id_curr']}")
    st.caption(f"Features from cohort {client['cohort']}, the newest that holds this client.")
    features: dict[str, Any] = client["features"]
    return features


def _suggestions(api: Api) -> tuple[list[str], str]:
    try:
        found = api.clients(_SUGGESTED)
    except ApiError as error:
        return [], str(error)
    return [str(number) for number in found["clients"]], f"Or one of cohort {found['cohort']}"


def _take_suggestion() -> None:
    if st.session_state.suggestion is not None:
        st.session_state.sk_id_curr = st.session_state.suggestion


def _drop_suggestion() -> None:
    st.session_state.suggestion = None


def _features_from_json(api: Api) -> dict[str, Any] | None:
    example = json.dumps(api.model()["example"], indent=2, ensure_ascii=False)
    with st.form("features"):
        text = st.text_area("Features of one client", height=220, placeholder=example, key="features_text")
        left, right = st.columns([1, 5], vertical_alignment="center")
        sent = left.form_submit_button("Score", type="primary", icon=":material/calculate:")
        right.caption("One JSON object of feature names and values. Any subset will do; what is left out is missing.")
    # Kept, so that touching another control does not lose the client.
    if sent:
        st.session_state.features_sent = text
    text = st.session_state.get("features_sent", "")
    if not text.strip():
        if sent:
            raise ApiError("Paste the features first; the grey text shows what they look like.")
        return None
    try:
        features = json.loads(text)
    except ValueError as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ApiError(f"This is not valid JSON{where}. Names and texts need double quotes.") from None
    except RecursionError:
        raise ApiError("This JSON is nested too deeply. One flat object of names and values is enough.") from None
    if not isinstance(features, dict):
        raise ApiError("The features must be one JSON object, such as the grey text shows.")
    # The body of /predict may be pasted as it is.
    inner = features.get("features")
    return inner if len(features) == 1 and isinstance(inner, dict) else features


def _show_decision(answer: dict[str, Any]) -> None:
    probability, threshold = answer["probability_of_default"], answer["threshold"]
    refused = answer["decision"] == "refuse"
    points = 100 * abs(probability - threshold)
    distance = "less than 0.1 points" if points < 0.1 else f"{points:.1f} points"
    side = "above" if refused else "below"
    with st.container(border=True):
        words, picture = st.columns([2, 3], gap="large", vertical_alignment="center")
        icon, colour = (":material/cancel:", "orange") if refused else (":material/check_circle:", "blue")
        words.markdown(f"## :{colour}[{icon} {'Refuse' if refused else 'Approve'}]")
        words.markdown(
            f"The probability of default is **{charts.percent(probability)}**, {distance} {side} "
            f"the cut-off of {charts.percent(threshold)}."
        )
        words.caption(f"Decided by model version {answer['model_version']}.")
        picture.html(charts.gauge(probability, threshold))
    for name in answer["unknown_categories"]:
        st.warning(f"{name} holds a category that the model never saw in training.", icon=":material/help:")


def _show_explanation(answer: dict[str, Any]) -> None:
    every = charts.contribution_table(answer["contributions"])
    heading, slider = st.columns([2, 1], vertical_alignment="bottom")
    heading.subheader("What the decision rests on")
    most = min(30, len(every))
    wanted = slider.slider("Reasons shown", 1, most, min(10, most)) if most > 1 else 1
    st.altair_chart(
        charts.contributions(every.head(wanted)),
        width="stretch",
        alt="Bars of the strongest contributions; the table below holds the same numbers.",
    )
    missing = answer["missing_features"]
    known = len(every) - len(missing)
    st.caption(
        f"Contributions add up from the average client ({answer['baseline']:+.2f} log-odds) to this one "
        f"({answer['margin']:+.2f}). {known} of {len(every)} features were known."
    )
    with st.expander(f"All {len(every)} contributions with their meaning"):
        st.dataframe(
            every,
            hide_index=True,
            width="stretch",
            column_config={"contribution": st.column_config.NumberColumn("log-odds", format="%+.4f")},
        )
    if missing:
        with st.expander(f"{len(missing)} missing features"):
            st.write(", ".join(f"`{name}`" for name in missing))
