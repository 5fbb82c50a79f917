"""Pages that somebody else wrote: model cards and reports, which may run scripts of their own.

They are shown in a frame without an origin, from which nothing of the desk can be reached, and may load nothing from
anywhere.
"""

from html import escape

import streamlit.components.v1 as components

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob: data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:"
)


def framed(page: str, title: str, height: int, scale: float = 1.0) -> None:
    """Shows a page of HTML in so many pixels; a scale below 1 makes room for a wide one."""
    guarded = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{page}'
    components.html(
        f'<iframe title="{escape(title)}" sandbox="allow-scripts" srcdoc="{escape(guarded)}" '
        f'style="width:{100 / scale:.1f}%;height:{(height - 12) / scale:.0f}px;transform:scale({scale});'
        'transform-origin:0 0;border:1px solid #8894a2;border-radius:8px;box-sizing:border-box;background:#fff">'
        "</iframe>",
        height=height,
    )
