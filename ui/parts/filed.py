"""A file of applications: all of them decided, and one of them to be looked at."""

import io
from hashlib import sha256
from typing import Any

import streamlit as st

from ui.answers import client
from ui.answers.client import FileDecision
from ui.answers.model import Features
from ui.parts.subject import Subject
from ui.problems import UserError
from ui.visit import Visit, remembered

_KINDS = ("csv", "parquet")
_KEY = "SK_ID_CURR"


def by_file(visit: Visit) -> Subject | None:
    """The client of the row that was chosen.

    Raises:
        UserError: the file is no table, or the API can't decide on it.
    """
    t = visit.t
    file = st.file_uploader(t("filed.file"), type=list(_KINDS), key="applications", help=t("filed.help"))
    if file is None:
        st.info(t("filed.start"), icon=":material/upload_file:")
        return None
    content = file.getvalue()
    rows = _rows(file.name, content)
    digest = sha256(content).hexdigest()
    with st.spinner(t("filed.deciding", rows=t.number(len(rows)))):
        decided = remembered(
            "file",
            (digest, t.language),
            lambda: client.decide_file(visit.api, file.name, content, t.language),
        )
    chosen = _choose(visit, decided)
    return None if chosen is None else Subject(None, _features(visit, rows.iloc[chosen].to_dict()))


def _rows(name: str, content: bytes) -> Any:
    """The table in the file, as pandas reads it."""
    import pandas as pd

    try:
        if name.lower().endswith(".parquet"):
            return pd.read_parquet(io.BytesIO(content))
        return pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", low_memory=False)
    except Exception:
        # Whatever its parsers say of a file that is none, people hear what to do.
        raise UserError("no-table", name=name) from None


def _choose(visit: Visit, decided: list[FileDecision]) -> int | None:
    t = visit.t
    counts = {each: sum(row.decision == each for row in decided) for each in ("approve", "review", "refuse")}
    st.markdown(
        t("filed.decided", rows=t.number(len(decided)), **{name: t.number(count) for name, count in counts.items()})
    )
    table = {
        _KEY: [row.SK_ID_CURR for row in decided],
        t("history.decision"): [t(f"decision.{row.decision}") for row in decided],
        t("decision.probability"): [100 * row.probability_of_default for row in decided],
        t("decision.score"): [row.score for row in decided],
        t("decision.grade"): [row.grade for row in decided],
        t("filed.reason"): [row.reason_1 or "" for row in decided],
    }
    picked = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(300, 40 + 35 * len(decided)),
        on_select="rerun",
        selection_mode="single-row",
        key="applications_table",
        column_config={t("decision.probability"): st.column_config.NumberColumn(format="%.1f %%")},
    )
    st.caption(t("filed.pick"))
    chosen = picked["selection"]["rows"]
    return chosen[0] if chosen else None


def _features(visit: Visit, row: dict[str, Any]) -> Features:
    """What the model reads of a row; empty cells are missing."""
    found: Features = {}
    for feature in visit.model.features:
        value = row.get(feature.name)
        if value is not None and value == value:  # NaN is not equal to itself
            found[feature.name] = str(value) if feature.kind == "category" else float(value)
    return found
