"""Pictures that several pages draw: the gauge of a decision, bars of contributions, distributions with a mark.

Every figure is drawn for a palette and gets its words from the caller; `draw` puts it on the page with a text for
those who can't see it. Not here: what is drawn when.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from ui.theme import Palette

_PLAIN = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def draw(figure: go.Figure, alt: str, key: str, **options: Any) -> Any:
    """Puts a figure on the page. `alt` says in words what it shows; `options` are those of `st.plotly_chart`."""
    return st.plotly_chart(figure, key=key, alt=alt, config=_PLAIN, **options)


def styled(figure: go.Figure, palette: Palette, height: int) -> go.Figure:
    """A figure in the desk's manner: quiet grid, no frame, hover in the page's colours."""
    axis = {"gridcolor": palette.line, "zerolinecolor": palette.muted, "linecolor": palette.line, "automargin": True}
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": palette.text, "size": 13},
        hoverlabel={"bgcolor": palette.surface, "bordercolor": palette.muted, "font": {"color": palette.text}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"color": palette.text}},
        colorway=list(palette.series),
        dragmode=False,
        bargap=0.28,
    )
    figure.update_xaxes(**axis, tickfont={"color": palette.text}, title_font={"color": palette.muted})
    figure.update_yaxes(**axis, tickfont={"color": palette.text}, title_font={"color": palette.muted})
    return figure


def gauge(
    palette: Palette, probability: float, threshold: float, review: tuple[float, float], words: Mapping[str, str]
) -> str:
    """HTML of a bar from zero to beyond the cut-off, with the zone where a person decides and a needle.

    `words` holds `probability`, `cut_off`, `described` and the names of the zones `approve` and `refuse`.
    """
    end = min(1.0, max(2.2 * threshold, 1.2 * probability, 1.15 * review[1]))
    low, high = review if review[1] > review[0] else (threshold, threshold)
    needle, cut = 100 * probability / end, 100 * threshold / end

    def zone(start: float, stop: float, decision: str) -> str:
        colour, left, width = palette.of_decision(decision), 100 * start / end, 100 * (min(stop, end) - start) / end
        if width <= 0:
            return ""
        ground = palette.faint(colour)
        if decision == "review":
            ground = f"repeating-linear-gradient(135deg,{colour}55 0 3px,{palette.faint(colour)} 3px 9px)"
        name = escape(words[decision]) if width >= 17 and decision != "review" else ""
        side = "left" if decision == "approve" else "right"
        return (
            f'<div style="position:absolute;left:{left:.2f}%;width:{width:.2f}%;height:100%;background:{ground};'
            f"border-bottom:3px solid {colour};box-sizing:border-box;text-align:{side};padding:0 .7rem;"
            f'line-height:2.3rem;font-size:.85rem;white-space:nowrap;color:{palette.text}">{name}</div>'
        )

    def label(at: float, text: str, style: str) -> str:
        # Kept off the edges, so that the text does not leave the bar.
        return (
            f'<div style="position:absolute;left:{min(max(at, 10), 90):.2f}%;transform:translateX(-50%);'
            f'white-space:nowrap;color:{palette.text};{style}">{escape(text)}</div>'
        )

    return (
        f'<div role="img" aria-label="{escape(words["described"])}" style="position:relative;height:6.3rem">'
        + label(needle, words["probability"], "top:0;font-weight:700;font-size:1.2rem")
        + '<div style="position:absolute;top:1.95rem;left:0;right:0;height:2.3rem;border-radius:.5rem;overflow:hidden">'
        + zone(0, low, "approve")
        + zone(low, high, "review")
        + zone(high, end, "refuse")
        + "</div>"
        + f'<div style="position:absolute;top:1.95rem;left:calc({cut:.2f}% - 1px);height:2.7rem;'
        f'border-left:2px dashed {palette.text}"></div>'
        + f'<div style="position:absolute;top:1.7rem;left:calc({needle:.2f}% - 2.5px);width:5px;height:2.8rem;'
        f'border-radius:3px;background:{palette.text}"></div>'
        + label(cut, words["cut_off"], "top:4.75rem;font-size:.9rem")
        + "</div>"
    )
