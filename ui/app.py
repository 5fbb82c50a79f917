"""The desk: `streamlit run ui/app.py`. Puts the sidebar and the pages together; what they show lies in `views/`."""

from types import ModuleType
from typing import cast

import streamlit as st

from ui import api as credit_api
from ui import login, theme, visit
from ui.answers import model
from ui.problems import UserError
from ui.settings import UiSettings
from ui.texts import LANGUAGES, NAMES, Language, Texts
from ui.views import client, monitoring, portfolio, whatif
from ui.views import model as model_page
from ui.visit import Visit

# The pages by section of the menu, each with its icon; `pages.<module>` is its title.
SECTIONS = {
    "clients": ((client, ":material/person:"), (whatif, ":material/tune:")),
    "risk": (
        (portfolio, ":material/pie_chart:"),
        (monitoring, ":material/monitor_heart:"),
        (model_page, ":material/model_training:"),
    ),
}

st.set_page_config(page_title="Credit desk", page_icon=theme.LOGO, layout="wide")


@st.cache_resource(max_entries=100)
def connection(key: str | None) -> credit_api.Api:
    """One client of the API for everybody with a key: it keeps its connections open."""
    return credit_api.connect(UiSettings(), key)


@st.cache_data(ttl=5, show_spinner=False, hash_funcs={credit_api.Api: lambda api: api.identity})
def health(api: credit_api.Api) -> model.Health:
    return model.health(api)


def language() -> Language:
    """The language that was chosen, or else the browser's where the desk speaks it."""
    if "language" not in st.session_state:
        wished = (st.context.locale or "").partition("-")[0]
        st.session_state.language = NAMES[next((each for each in LANGUAGES if each == wished), LANGUAGES[0])]
    chosen = st.sidebar.segmented_control(
        "Language · Langue",
        list(NAMES.values()),
        key="language",
        required=True,
        bind="query-params",
        width="stretch",
        label_visibility="collapsed",
    )
    # A click while the page still changes can come without a value: the language then stays what it was.
    before: Language = st.session_state.get("spoken", LANGUAGES[0])
    st.session_state.spoken = next((each for each in LANGUAGES if NAMES[each] == chosen), before)
    return cast(Language, st.session_state.spoken)


def state_of_the_model(api: credit_api.Api, t: Texts) -> None:
    """Says in the sidebar which model decides, or why none does."""
    try:
        found = health(api)
    except UserError:
        st.sidebar.markdown(f":orange[:material/error: **{t('app.not_ready')}**]")
        return
    cohorts = found.training_cohorts
    span = cohorts[0] if len(cohorts) == 1 else t("app.span", first=cohorts[0], last=cohorts[-1], number=len(cohorts))
    st.sidebar.markdown(f":blue[:material/check_circle: **{t('app.ready')}**]")
    st.sidebar.caption(
        t(
            "app.model",
            name=found.model_name,
            version=found.model_version,
            cut_off=t.percent(found.threshold),
            cohorts=span,
        )
    )


def needs_a_key(api: credit_api.Api) -> bool:
    """Whether the API refuses to talk without another key. Whatever else is wrong, the pages tell."""
    try:
        visit.model_in_force(api)
    except UserError as problem:
        return problem.key == "unauthorised"
    return False


def main() -> None:
    st.logo(theme.LOGO, size="large")
    t = Texts(language())
    settings = UiSettings()
    api = connection(st.session_state.get(login.KEY))
    if needs_a_key(api):
        st.session_state.pop(login.KEY, None)
        st.navigation([st.Page(lambda: login.show(t, settings), title=t("login.title"), url_path="login")]).run()
        return
    person = Visit(api, t, visit.palette_in_use())
    st.html(person.palette.css())
    chosen = st.navigation(
        {
            t(f"pages.sections.{section}"): [
                st.Page(visit.guarded(page.show, person), title=t(f"pages.{_name(page)}"), icon=icon)
                for page, icon in pages
            ]
            for section, pages in SECTIONS.items()
        }
    )
    state_of_the_model(api, t)
    if login.KEY in st.session_state:
        st.sidebar.button(t("login.leave"), icon=":material/logout:", on_click=st.session_state.clear)
    chosen.run()


def _name(page: ModuleType) -> str:
    return str(page.__name__).rpartition(".")[2]


main()
