"""What every page is given, and what pages have in common: telling of errors, and answers that are remembered.

Not here: the sidebar and which pages there are (`app.py`), and what a page shows (`views/`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from ui.answers import model
from ui.answers.model import Model
from ui.api import Api
from ui.problems import ApiError, UserError
from ui.texts import Texts
from ui.theme import DARK, LIGHT, Palette

T = TypeVar("T")
_MOST_REMEMBERED = 50


@dataclass(frozen=True)
class Visit:
    """A person at the desk: the API as their key opens it, their language, and the colours they see."""

    api: Api
    t: Texts
    palette: Palette

    @property
    def model(self) -> Model:
        """The model in force, at most ten seconds ago.

        Raises:
            ApiError: there is none, or this person may not know.
        """
        return model_in_force(self.api)


@st.cache_data(ttl=10, max_entries=100, show_spinner=False, hash_funcs={Api: lambda api: api.identity})
def model_in_force(api: Api) -> Model:
    """The model as one connection sees it; connections are kept, one for each key."""
    return model.model(api)


def palette_in_use() -> Palette:
    return DARK if st.context.theme.type == "dark" else LIGHT


def tell(t: Texts, problem: UserError) -> None:
    """Says what is wrong and what to do about it."""
    sentence = t(f"problems.{problem.key}", **{"detail": getattr(problem, "detail", ""), **problem.values})
    if isinstance(problem, ApiError) and problem.fields:
        sentence += "\n" + "".join(f"\n- `{_short(f)}` {t.get(f'problems.fields.{p}', p)}" for f, p in problem.fields)
    st.error(sentence, icon=":material/error:")


def guarded(show: Callable[[Visit], None], visit: Visit) -> Callable[[], None]:
    """A page that tells of what goes wrong instead of failing. Streamlit names its address after the module."""

    def page() -> None:
        try:
            show(visit)
        except UserError as problem:
            tell(visit.t, problem)

    page.__name__ = show.__module__.rpartition(".")[2]
    return page


def remembered(group: str, key: object, make: Callable[[], T]) -> T:
    """What `make` gave for this key in this browser session, so that a click elsewhere asks nobody again.

    Decisions are put on record when they are asked for: looking at one must not ask for it anew at every click.
    """
    kept: dict[object, T] = st.session_state.setdefault(f"remembered_{group}", {})
    if key not in kept:
        made = make()
        while len(kept) >= _MOST_REMEMBERED:
            del kept[next(iter(kept))]
        kept[key] = made
    return kept[key]


def _short(field: str) -> str:
    return field.removeprefix("features.").removeprefix("path.")
