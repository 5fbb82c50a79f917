"""How a client is chosen: by number, by pasted features, or out of an uploaded file."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from ui.answers import client
from ui.answers.client import Explanation
from ui.answers.model import Features
from ui.parts.filed import by_file
from ui.parts.segments import one_of
from ui.parts.subject import Subject
from ui.problems import ApiError, UserError
from ui.visit import Visit, remembered

_SUGGESTED = 8
_LONGEST_NUMBER = 19


def choose(visit: Visit) -> Subject | None:
    """The client somebody wants to see, None until they have said.

    Raises:
        UserError: what was given is none.
    """
    ways: dict[str, Callable[[Visit], Subject | None]] = {
        "number": by_number,
        "features": _by_features,
        "file": by_file,
    }
    way = one_of(
        visit.t,
        list(ways),
        "choosing.way",
        "choosing.ways",
        "way",
        persist_state="session",
        label_visibility="collapsed",
    )
    return ways[way](visit)


def explanation(visit: Visit, subject: Subject) -> Explanation:
    """The decision on somebody with its explanation; asked for, and put on record, once in a session and language.

    Raises:
        UserError: the API does not give it, or knows no such client.
    """
    language = visit.t.language
    if subject.number is None:
        key = json.dumps(subject.features, sort_keys=True)
        return remembered("explanation", (key, language), lambda: client.explain(visit.api, subject.known, language))
    number = subject.number
    with _unknown(number):
        return remembered("explanation", (number, language), lambda: client.explain_client(visit.api, number, language))


def features(visit: Visit, subject: Subject) -> Features:
    """What the model reads of somebody."""
    if subject.number is None:
        return subject.known
    number = subject.number
    with _unknown(number):
        return remembered("features", number, lambda: client.client(visit.api, number).features)


@contextmanager
def _unknown(number: int) -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        raise (UserError("client-unknown", number=number) if error.key == "not-found" else error) from None


def by_number(visit: Visit) -> Subject | None:
    """The client of a number that was typed or picked."""
    t = visit.t
    typing, picking = st.columns([1, 2.4], vertical_alignment="top", gap="medium")
    typed = typing.text_input(
        "SK_ID_CURR",
        max_chars=30,
        key="sk_id_curr",
        placeholder=t("choosing.example"),
        on_change=_drop_suggestion,
        persist_state="session",
    ).strip()
    with picking:
        _suggest(visit)
    if not typed:
        st.info(t("choosing.start"), icon=":material/search:")
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < _LONGEST_NUMBER and int(typed) > 0):
        raise UserError("client-number")
    return Subject(int(typed), None)


def _suggest(visit: Visit) -> None:
    try:
        found = client.clients(visit.api, _SUGGESTED)
    except ApiError as error:
        st.warning(visit.t(f"problems.{error.key}", detail=error.detail, **error.values), icon=":material/info:")
        return
    st.pills(
        visit.t("choosing.suggested", cohort=found.cohort),
        [str(number) for number in found.clients],
        key="suggestion",
        on_change=_take_suggestion,
    )


def _take_suggestion() -> None:
    if st.session_state.suggestion is not None:
        st.session_state.sk_id_curr = st.session_state.suggestion


def _drop_suggestion() -> None:
    st.session_state.suggestion = None


def _by_features(visit: Visit) -> Subject | None:
    t = visit.t
    example = json.dumps(visit.model.example, indent=2, ensure_ascii=False)
    with st.form("features"):
        text = st.text_area(
            t("choosing.features"), height=220, placeholder=example, key="features_text", persist_state="session"
        )
        left, right = st.columns([1, 5], vertical_alignment="center")
        sent = left.form_submit_button(t("choosing.score"), type="primary", icon=":material/calculate:")
        right.caption(t("choosing.features_help"))
    # Kept, so that touching another control does not lose the client.
    if sent:
        st.session_state.features_sent = text
    text = st.session_state.get("features_sent", "")
    if not text.strip():
        if sent:
            raise UserError("no-features")
        return None
    return Subject(None, _parsed(text))


def _parsed(text: str) -> dict[str, Any]:
    try:
        features = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError("no-json", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise UserError("too-deep") from None
    if not isinstance(features, dict):
        raise UserError("no-object")
    # The body of /predict may be pasted as it is.
    inner = features.get("features")
    return inner if isinstance(inner, dict) and features.keys() <= {"features", "sk_id_curr"} else features
