"""One of a few, side by side: the names in the language in use."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from ui.texts import Texts


def one_of(t: Texts, options: Sequence[str], label: str, names: str, key: str, **shown: Any) -> str:
    """The chosen option, at first the first. `label` is a text, `names` the table of texts that has the options' names.

    A click while the page still changes can come without a value: that counts as the first, too.
    """
    chosen = st.segmented_control(
        t(label),
        options,
        format_func=lambda each: t(f"{names}.{each}"),
        default=options[0],
        required=True,
        key=key,
        **shown,
    )
    return chosen or options[0]
