"""Tabs of a page: only the open one is put together, and what goes wrong in it is told there."""

from collections.abc import Callable, Mapping

import streamlit as st

from ui.problems import UserError
from ui.visit import Visit, tell


def tabs(visit: Visit, page: str, shows: Mapping[str, Callable[[Visit], None]]) -> None:
    """The tabs of a page; `<page>.tabs.<name>` is the title of one."""
    found = st.tabs([visit.t(f"{page}.tabs.{name}") for name in shows], on_change="rerun", key=f"{page}_tabs")
    for tab, show in zip(found, shows.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    show(visit)
                except UserError as problem:
                    tell(visit.t, problem)
