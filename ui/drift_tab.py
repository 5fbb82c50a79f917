"""The tab with the drift verdicts and the Evidently report of a cohort."""

from typing import Any

import streamlit as st

from ui import charts
from ui.api import Api, ApiError

_SMALLER = "<style>body { zoom: 0.66 }</style>"
"""Evidently's tables are 1070 pixels wide and cut off what does not fit; beside the sidebar a laptop leaves 820."""


def show(api: Api) -> None:
    try:
        verdicts = {verdict["cohort"]: verdict for verdict in api.drift()}
        if not verdicts:
            st.info(
                "No cohort has been compared with the training data yet. `credit-platform run` does it.",
                icon=":material/query_stats:",
            )
            return
        choosing, _ = st.columns([1, 2])
        cohort = choosing.selectbox("Cohort", list(verdicts), help="Newest first.", key="drift_cohort")
        _show_verdict(verdicts[cohort])
        st.subheader("Evidently report")
        st.iframe(_report(api, cohort) + _SMALLER, height=900)
    except ApiError as error:
        st.error(str(error), icon=":material/error:")


@st.cache_data(ttl=60, max_entries=8, show_spinner="Loading the report…", hash_funcs={Api: lambda api: api.url})
def _report(api: Api, cohort: str) -> str:
    """Megabytes that would otherwise travel at every click."""
    return api.drift_report(cohort)


def _show_verdict(verdict: dict[str, Any]) -> None:
    share, limit = charts.percent(verdict["drift_share"]), charts.percent(verdict["threshold"])
    drifted, watched = len(verdict["drifted_columns"]), len(verdict["columns"])
    with st.container(border=True):
        words, table = st.columns([1, 2], gap="medium")
        if verdict["drifted"]:
            words.markdown("## :orange[:material/warning: Drifted]")
            words.markdown(f"Cohort {verdict['cohort']} no longer looks like the training data.")
        else:
            words.markdown("## :blue[:material/check_circle: Stable]")
            words.markdown(f"Cohort {verdict['cohort']} looks like the training data.")
        left, right = words.columns(2)
        left.metric("Columns drifted", share, help=f"{drifted} of the {watched} most important features.")
        right.metric("Limit", limit, help="A cohort has drifted from this share on.")
        words.caption(
            f"{drifted} of {watched} watched columns moved, judged on all clients: values (population stability index, "
            "PSI), missing shares, unseen categories. The report below draws a sample, and values only."
        )
        table.dataframe(
            charts.shift_table(verdict),
            hide_index=True,
            width="stretch",
            column_config={
                "column": st.column_config.TextColumn(width="medium"),
                "what moved": st.column_config.TextColumn(width="medium"),
                "PSI": st.column_config.NumberColumn(format="%.3f", width="small"),
            },
        )
