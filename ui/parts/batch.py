"""A file of clients decided piece by piece, with progress, and what was decided to take away."""

import io
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import streamlit as st

from ui.answers import portfolio
from ui.problems import UserError
from ui.visit import Visit, tell

_KINDS = ("csv", "parquet")
_PIECE = 1_000
_SHOWN = 200


def show(visit: Visit) -> None:
    t = visit.t
    st.markdown(t("batch.what"))
    file = st.file_uploader(t("batch.file"), type=list(_KINDS), key="batch_file", help=t("batch.help"))
    if file is None:
        return
    content = file.getvalue()
    pieces, rows = _pieces(file.name, content)
    digest = sha256(content).hexdigest()
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    reasons = left.segmented_control(
        t("batch.reasons"), list(range(5)), default=2, required=True, key="batch_reasons", help=t("batch.reasons_help")
    )
    label = t("batch.decide", rows=t.number(rows))
    if right.button(label, type="primary", icon=":material/play_arrow:", disabled=not rows):
        st.session_state.batch_decided = (digest, _decide(visit, pieces, rows, reasons or 0))
    kept, answers = st.session_state.get("batch_decided", ("", []))
    if kept == digest and answers:
        _result(visit, file.name, answers, rows)


def _pieces(name: str, content: bytes) -> tuple[Callable[[], Iterator[tuple[str, bytes, int]]], int]:
    """What brings the file in pieces of whole rows, each with its name and number of rows; and how many rows it has.

    Cells of a CSV stay as they are written.
    """
    import pandas as pd

    parquet = name.lower().endswith(".parquet")
    try:
        table = (
            pd.read_parquet(io.BytesIO(content))
            if parquet
            else pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig")
        )
    except Exception:
        # Whatever its parsers say of a file that is none, people hear what to do.
        raise UserError("no-table", name=name) from None

    def pieces() -> Iterator[tuple[str, bytes, int]]:
        for start in range(0, len(table), _PIECE):
            piece = table.iloc[start : start + _PIECE]
            sent = piece.to_parquet(index=False) if parquet else piece.to_csv(index=False).encode()
            yield f"piece.{'parquet' if parquet else 'csv'}", sent, len(piece)

    return pieces, len(table)


def _decide(visit: Visit, pieces: Callable[[], Iterator[tuple[str, bytes, int]]], rows: int, reasons: int) -> list[str]:
    """The answers to the pieces, up to the first that can't be decided on; the person is told of that one."""
    t, answers, done = visit.t, [], 0
    bar = st.progress(0.0, t("batch.deciding", done=t.number(0), rows=t.number(rows)))
    for name, content, count in pieces():
        try:
            answers.append(portfolio.decide(visit.api, name, content, t.language, reasons))
        except UserError as problem:
            bar.empty()
            tell(t, problem)
            if done:
                st.warning(t("batch.stopped", done=t.number(done), rows=t.number(rows)), icon=":material/info:")
            return answers
        done += count
        bar.progress(done / rows, t("batch.deciding", done=t.number(done), rows=t.number(rows)))
    bar.empty()
    return answers


def _result(visit: Visit, name: str, answers: list[str], rows: int) -> None:
    import pandas as pd

    t = visit.t
    decided = pd.concat([pd.read_csv(io.StringIO(answer), dtype={"model_version": str}) for answer in answers])
    counts = decided["decision"].value_counts()
    st.markdown(
        t(
            "batch.decided",
            rows=t.number(len(decided)),
            of=t.number(rows),
            **{each: t.number(int(counts.get(each, 0))) for each in ("approve", "review", "refuse")},
        )
    )
    st.download_button(
        t("batch.download"),
        decided.to_csv(index=False).encode(),
        file_name=f"{name.rpartition('.')[0]}-decided.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    st.dataframe(_readable(visit, decided.head(_SHOWN)), hide_index=True, width="stretch", height=300)
    if len(decided) > _SHOWN:
        st.caption(t("batch.shown", shown=t.number(_SHOWN)))


def _readable(visit: Visit, decided: Any) -> dict[str, list[Any]]:
    t = visit.t
    shown = {
        "SK_ID_CURR": ["" if number != number else str(int(number)) for number in decided["SK_ID_CURR"]],
        t("history.decision"): [t(f"decision.{each}") for each in decided["decision"]],
        t("decision.probability"): [t.percent(each) for each in decided["probability_of_default"]],
        t("decision.score"): [t.number(each) for each in decided["score"]],
        t("decision.grade"): list(decided["grade"]),
    }
    for place in range(1, 5):
        if f"reason_{place}" in decided:
            reasons = decided[f"reason_{place}"].fillna("")
            shown[t("batch.reason", number=place)] = list(reasons)
    return shown
