"""Why: what worked most against the client, in words, and behind each reason the very rows it came from."""

import streamlit as st

from ui.answers import client
from ui.answers.client import Explanation, Reason, Records
from ui.visit import Visit, remembered

_MOST_FOR = 3


def show(visit: Visit, decided: Explanation, number: int | None) -> None:
    """The reasons; rows are shown for a client of the mart, whose number is known."""
    t = visit.t
    st.subheader(t("reasons.title"), anchor=False)
    st.caption(t("reasons.worded"))
    if not decided.reasons:
        st.info(t("reasons.none"), icon=":material/thumb_up:")
    for place, reason in enumerate(decided.reasons, 1):
        _reason(visit, place, reason, number)
    spoken = [f for f in decided.families if f.contribution < 0 and not f.protected][:_MOST_FOR]
    if spoken:
        st.markdown(
            f":blue[:material/add_circle: **{t('reasons.favour')}**] " + " · ".join(family.title for family in spoken)
        )


def _reason(visit: Visit, place: int, reason: Reason, number: int | None) -> None:
    t = visit.t
    with st.container(border=True):
        words, weight = st.columns([5, 1], vertical_alignment="center")
        advice = f"  \n:gray[:material/lightbulb: {reason.advice}]" if reason.advice else ""
        words.markdown(f"**{place}. {reason.family}**  \n{reason.text}{advice}")
        weight.metric(t("reasons.share"), t.percent(reason.share, 0), help=t("reasons.share_help"))
        if number is None:
            return
        rows = st.expander(
            t("reasons.rows"), icon=":material/table_rows:", on_change="rerun", key=f"rows_{reason.code}"
        )
        if rows.open:
            with rows:
                _rows(visit, number, reason.code)


def _rows(visit: Visit, number: int, family: str) -> None:
    t = visit.t
    found = remembered(
        "records", (number, family, t.language), lambda: client.records(visit.api, number, family, t.language)
    )
    if not found.rows:
        st.markdown(t("reasons.no_rows", title=found.title))
    elif found.total == 1 and not found.tells:
        st.markdown(f"**{found.title}** · {t('reasons.cohort', cohort=found.cohort)}")
        _field_by_field(visit, found)
    else:
        st.markdown(
            f"**{found.title}** · "
            + t("reasons.telling", telling=found.telling, total=found.total, tells=found.tells, cohort=found.cohort)
        )
        marked = {t("reasons.mark"): [t("reasons.marked") if row.telling else "" for row in found.rows]}
        columns = {name: [row.cells[i].text for row in found.rows] for i, name in enumerate(found.columns)}
        st.dataframe(marked | columns, hide_index=True, width="stretch", alt=found.title)


def _field_by_field(visit: Visit, found: Records) -> None:
    t = visit.t
    (row,) = found.rows
    st.dataframe(
        {t("reasons.field"): found.columns, t("reasons.value"): [cell.text for cell in row.cells]},
        hide_index=True,
        width="stretch",
        alt=found.title,
    )
