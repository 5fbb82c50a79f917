"""Pictures that several pages draw: the gauge of a decision, bars of contributions, distributions with a mark.

Every figure is drawn for a palette and gets its words from the caller; `draw` puts it on the page with a text for
those who can't see it. Not here: what is drawn when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise
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


def _pattern(palette: Palette, shape: str) -> dict[str, Any]:
    """Stripes over a bar's colour, so that a side can be told without it."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": palette.page, "solidity": 0.2, "size": 7}


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


@dataclass(frozen=True)
class Step:
    """A bar: what it is called, how far it moves the log-odds, that in writing, and what it stands for when clicked."""

    name: str
    move: float
    text: str
    key: str = ""


def waterfall(
    palette: Palette,
    steps: Sequence[Step],
    start: float,
    cut_off: float,
    review: tuple[float, float],
    ticks: Mapping[float, str],
    words: Mapping[str, str],
) -> go.Figure:
    """From where everybody starts to one client, bar by bar, in log-odds that are written as probabilities.

    `ticks` maps log-odds to what stands at the axis. `cut_off` and the ends of `review` are log-odds. `words` holds
    `start`, `end`, `against`, `favour`, `axis` and `cut_off`.
    """
    ends = list(accumulate((step.move for step in steps), initial=start))
    names = [words["start"], *(step.name for step in steps), words["end"]]
    figure = go.Figure()
    if review[1] > review[0]:
        figure.add_vrect(
            x0=review[0], x1=review[1], fillcolor=palette.neutral, opacity=0.18, line_width=0, layer="below"
        )
    figure.add_vline(x=cut_off, line={"color": palette.text, "width": 2, "dash": "dash"})
    for side, colour, pattern, chosen in (
        (words["against"], palette.against, "", [i for i, step in enumerate(steps) if step.move > 0]),
        (words["favour"], palette.favour, "/", [i for i, step in enumerate(steps) if step.move <= 0]),
    ):
        figure.add_bar(
            orientation="h",
            name=side,
            y=[steps[i].name for i in chosen],
            base=[ends[i] for i in chosen],
            x=[steps[i].move for i in chosen],
            customdata=[[steps[i].key, side] for i in chosen],
            marker={"color": colour, "pattern": _pattern(palette, pattern)},
            text=[steps[i].text for i in chosen],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}<br>%{customdata[1]} (%{text})<extra></extra>",
            unselected={"marker": {"opacity": 0.6}},
        )
    figure.add_scatter(
        x=[ends[0], ends[-1]],
        y=[names[0], names[-1]],
        mode="markers",
        marker={"color": palette.text, "size": 12, "symbol": ["circle-open", "diamond"], "line": {"width": 2.5}},
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=cut_off, y=1, yref="paper", yanchor="bottom", text=words["cut_off"], showarrow=False, font={"size": 12}
    )
    styled(figure, palette, 70 + 34 * len(names))
    low, high = min(*ends, cut_off), max(*ends, cut_off)
    room = 0.12 * (high - low or 1)
    shown = {at: text for at, text in ticks.items() if low - room <= at <= high + room}
    figure.update_xaxes(
        range=[low - room, high + room], tickvals=list(shown), ticktext=list(shown.values()), title=words["axis"]
    )
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], showgrid=False)
    figure.update_layout(barmode="overlay", legend={"y": 1.06, "x": 1, "xanchor": "right"}, margin={"t": 48})
    return figure


def contributions(palette: Palette, steps: Sequence[Step], words: Mapping[str, str]) -> go.Figure:
    """Bars to the right for what speaks against the client, to the left for what speaks for them; strongest on top.

    `words` holds `against`, `favour` and `axis`, which has no ticks: the bars tell their numbers.
    """
    figure = go.Figure()
    for side, colour, pattern, chosen in (
        (words["against"], palette.against, "", [step for step in steps if step.move > 0]),
        (words["favour"], palette.favour, "/", [step for step in steps if step.move <= 0]),
    ):
        figure.add_bar(
            orientation="h",
            name=side,
            y=[step.name for step in chosen],
            x=[step.move for step in chosen],
            marker={"color": colour, "pattern": _pattern(palette, pattern)},
            text=[step.text for step in chosen],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    reach = 1.25 * max((abs(step.move) for step in steps), default=1.0)
    styled(figure, palette, 80 + 34 * len(steps))
    figure.update_xaxes(range=[-reach, reach], showticklabels=False, showgrid=False, title=words["axis"])
    figure.update_yaxes(categoryorder="array", categoryarray=[step.name for step in steps][::-1], showgrid=False)
    figure.update_layout(barmode="overlay", showlegend=True)
    return figure


def distribution(
    palette: Palette,
    bins: Sequence[float],
    everybody: Sequence[float],
    alike: Sequence[float],
    mark: float | None,
    ticks: Mapping[float, str],
    words: Mapping[str, str],
    height: int = 260,
) -> go.Figure:
    """Shares between edges: filled for everybody, a line for those alike, a mark for the client.

    `words` holds `everybody`, `alike`, `client` and `axis`; `ticks` maps values to what stands at the axis.
    """
    figure = go.Figure()
    middles = [(low + high) / 2 for low, high in pairwise(bins)]
    widths = [high - low for low, high in pairwise(bins)]
    shown = [f"{100 * share:.1f}" for share in everybody]
    figure.add_bar(
        x=middles,
        y=everybody,
        width=widths,
        name=words["everybody"],
        marker={"color": palette.neutral, "opacity": 0.45, "line": {"width": 0}},
        customdata=shown,
        hovertemplate="%{customdata} %<extra>" + words["everybody"] + "</extra>",
    )
    if any(alike):
        edges = [edge for low, high in pairwise(bins) for edge in (low, high)]
        figure.add_scatter(
            x=edges,
            y=[share for share in alike for _ in (0, 1)],
            mode="lines",
            name=words["alike"],
            line={"color": palette.favour, "width": 2},
            hoverinfo="skip",
        )
    if mark is not None:
        at = min(max(mark, bins[0]), bins[-1])
        figure.add_vline(x=at, line={"color": palette.against, "width": 3})
        figure.add_annotation(
            x=at,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=words["client"],
            showarrow=False,
            font={"color": palette.against, "size": 13},
        )
    styled(figure, palette, height)
    figure.update_xaxes(
        tickvals=list(ticks), ticktext=list(ticks.values()), showgrid=False, title=words["axis"], title_standoff=6
    )
    figure.update_yaxes(showticklabels=False, rangemode="tozero", showgrid=False)
    figure.update_layout(bargap=0, legend={"y": -0.28, "yanchor": "top"}, margin={"t": 28})
    return figure


def categories(
    palette: Palette,
    names: Sequence[str],
    everybody: Sequence[float],
    alike: Sequence[float],
    mark: str | None,
    words: Mapping[str, str],
) -> go.Figure:
    """Shares by category, the client's own one named: grey for everybody, blue for those alike.

    `words` holds `everybody`, `alike` and `client`.
    """
    labels = [f"<b>{name} ◀ {words['client']}</b>" if name == mark else name for name in names]
    figure = go.Figure()
    for name, shares, colour, pattern in (
        (words["alike"], alike, palette.favour, "/"),
        (words["everybody"], everybody, palette.neutral, ""),
    ):
        figure.add_bar(
            orientation="h",
            y=labels,
            x=shares,
            name=name,
            marker={"color": colour, "pattern": _pattern(palette, pattern)},
            text=[f"{100 * share:.0f} %" if share else "" for share in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra>" + name + "</extra>",
        )
    styled(figure, palette, 90 + 38 * len(labels))
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], showgrid=False)
    figure.update_xaxes(showticklabels=False, showgrid=False, range=[0, 1.2 * max((*everybody, *alike, 0.01))])
    figure.update_layout(legend={"y": -0.05, "yanchor": "top", "traceorder": "reversed"}, margin={"t": 8})
    return figure
