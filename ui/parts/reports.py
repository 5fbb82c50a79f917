"""Evidently's page on a cohort: to look at, to take away, or to bring along."""

import streamlit as st

from ui.answers import monitoring
from ui.parts import verdicts
from ui.parts.framed import framed
from ui.parts.segments import one_of
from ui.problems import ApiError, UserError
from ui.visit import Visit

_HEIGHT = 1_000
_ABOUT = ("drift", "outcomes")
_SCALE = 0.7
"""Evidently's pages are made for windows as wide as the desk with its menu."""


def show(visit: Visit) -> None:
    ways = {"kept": _kept, "brought": _brought}
    way = one_of(visit.t, list(ways), "reports.way", "reports.ways", "reports_way", label_visibility="collapsed")
    ways[way](visit)


def _kept(visit: Visit) -> None:
    t, found = visit.t, verdicts.of_cohorts(visit)
    if not found:
        return
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        cohort = verdicts.pick(visit, found, "reports").cohort
    with right:
        about = one_of(t, _ABOUT, "reports.about", "reports.abouts", "reports_about")
    try:
        page = monitoring.report(visit.api, cohort, about)
    except ApiError as error:
        if error.key != "not-found":
            raise
        st.info(t(f"reports.missing.{about}", cohort=cohort), icon=":material/inventory_2:")
        return
    st.download_button(
        t("reports.download"),
        page,
        file_name=f"{about}-{cohort}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
    )
    framed(page.decode("utf-8", "replace"), t("reports.title", name=cohort), _HEIGHT, _SCALE)


def _brought(visit: Visit) -> None:
    t = visit.t
    file = st.file_uploader(t("reports.file"), type=["html"], key="report_file", help=t("reports.help"))
    if file is None:
        return
    try:
        page = file.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("no-report", name=file.name) from None
    if "<html" not in page[:5_000].lower():
        raise UserError("no-report", name=file.name)
    framed(page, t("reports.title", name=file.name), _HEIGHT, _SCALE)
