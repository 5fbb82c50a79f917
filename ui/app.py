"""The page: `streamlit run ui/app.py`. Puts the sidebar and the tabs together; what they show lies beside this file."""

import streamlit as st

from ui import api as credit_api
from ui import charts, client_tab, drift_tab

st.set_page_config(page_title="Credit decisions", layout="wide")


@st.cache_resource
def connect() -> credit_api.Api:
    """One client of the API for all visitors: it keeps its connections open."""
    return credit_api.connect()


api = connect()


def sidebar() -> str | None:
    """Shows the state of the API and of its model. Returns what is wrong, if anything is."""
    st.sidebar.title("Credit decisions", anchor=False)
    problem = None
    try:
        health = api.health()
    except credit_api.ApiError as error:
        st.sidebar.markdown(":orange[:material/error: **Not ready**]")
        problem = str(error)
    else:
        cohorts = health["training_cohorts"]
        span = cohorts[0] if len(cohorts) == 1 else f"{cohorts[0]} to {cohorts[-1]} ({len(cohorts)} cohorts)"
        st.sidebar.markdown(":blue[:material/check_circle: **Ready to decide**]")
        st.sidebar.metric(
            "Cut-off",
            charts.percent(health["threshold"]),
            help="From this probability of default on, a client is refused.",
        )
        st.sidebar.markdown(f"**Model**  \n{health['model_name']}, version {health['model_version']}")
        st.sidebar.markdown(f"**Trained on**  \n{span}")
    st.sidebar.caption(f"API at `{api.url}`")
    st.sidebar.button("Check again", icon=":material/refresh:")
    return problem


problem = sidebar()
client, drift = st.tabs(["Client", "Drift"], on_change="rerun", key="tab")
if client.open:
    with client:
        if problem:
            st.error(problem, icon=":material/error:")
        else:
            client_tab.show(api)
if drift.open:
    with drift:
        drift_tab.show(api)
