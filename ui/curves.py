"""Pictures of many clients: curves over cut-offs, shares by cohort, numbers with intervals, reliability, swarms.

Drawn as those of `charts.py` are: for a palette, with the caller's words. Not here: what is drawn when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas  # noqa: F401 - plotly looks whether it is there, and may find it half imported by another visit
import plotly.graph_objects as go

from ui.charts import styled
from ui.theme import Palette

_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "diamond", "square", "x", "triangle-up")


@dataclass(frozen=True)
class Measured:
    """A number with its interval; `text` is all three in writing, `shown` what stands beside the mark."""

    name: str
    value: float
    low: float
    high: float
    text: str
    shown: str = ""


def over_cut_offs(
    palette: Palette,
    cut_offs: Sequence[float],
    values: Sequence[float],
    present: float,
    interval: tuple[float, float],
    chosen: float,
    words: Mapping[str, str],
    percent: bool,
) -> go.Figure:
    """Values over the cut-off: the interval of the one in force shaded, that one dashed, the chosen one solid.

    `words` holds `axis`, `present` and `chosen`.
    """
    figure = go.Figure()
    figure.add_vrect(
        x0=interval[0], x1=interval[1], fillcolor=palette.neutral, opacity=0.18, line_width=0, layer="below"
    )
    figure.add_scatter(
        x=list(cut_offs),
        y=list(values),
        mode="lines",
        line={"color": palette.favour, "width": 2.5},
        hovertemplate="%{x:.1%}: %{y" + (":.1%" if percent else ":.3f") + "}<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=present, line={"color": palette.text, "width": 2, "dash": "dash"})
    if chosen != present:
        figure.add_vline(x=chosen, line={"color": palette.text, "width": 2})
    apart = 1 if chosen >= present else -1
    for at, name, side in ((present, "present", -apart), (chosen, "chosen", apart)):
        if name == "present" or chosen != present:
            figure.add_annotation(
                x=at,
                y=1,
                yref="paper",
                yanchor="bottom",
                xanchor="left" if side > 0 else "right",
                text=words[name],
                showarrow=False,
                font={"size": 12},
            )
    styled(figure, palette, 270)
    figure.update_xaxes(tickformat=".0%", title=words["axis"], range=[0, max(cut_offs)], title_standoff=6)
    figure.update_yaxes(tickformat=".0%" if percent else None, rangemode="tozero")
    return figure


def stacked(
    palette: Palette,
    columns: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    colours: Sequence[str],
    texts: Mapping[str, Sequence[str]],
) -> go.Figure:
    """Shares of columns that add up to one. Every part has its name, or what `texts` says, written in it."""
    figure = go.Figure()
    for (name, shares), colour in zip(parts.items(), colours, strict=True):
        figure.add_bar(
            x=list(columns),
            y=list(shares),
            name=name,
            marker={"color": colour, "line": {"color": palette.page, "width": 1.5}},
            text=list(texts[name]),
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": _readable(colour, palette)},
            hovertemplate="%{x}, " + name + ": %{y:.1%}<extra></extra>",
        )
    styled(figure, palette, 340)
    figure.update_layout(
        barmode="stack",
        legend={"traceorder": "normal", "entrywidth": 26},
        bargap=0.22,
        uniformtext={"minsize": 10, "mode": "hide"},
    )
    figure.update_yaxes(tickformat=".0%", range=[0, 1], showgrid=False)
    figure.update_xaxes(type="category", showgrid=False)
    return figure


def boxes(
    palette: Palette, names: Sequence[str], quantiles: Sequence[tuple[float, float, float, float, float]], axis: str
) -> go.Figure:
    """A box for each name from its quantiles: 5, 25, 50, 75 and 95 %."""
    low, first, middle, third, high = (list(each) for each in zip(*quantiles, strict=True))
    figure = go.Figure()
    figure.add_box(
        x=list(names),
        lowerfence=low,
        q1=first,
        median=middle,
        q3=third,
        upperfence=high,
        line={"color": palette.favour, "width": 2},
        fillcolor=f"rgba{(*_channels(palette.favour), 0.18)}",
        showlegend=False,
        whiskerwidth=0.5,
    )
    styled(figure, palette, 340)
    figure.update_yaxes(title=axis)
    figure.update_xaxes(type="category", showgrid=False)
    return figure


def measured(
    palette: Palette,
    rows: Sequence[Measured],
    axis: str,
    mark: float | None = None,
    mark_text: str = "",
    percent: bool = False,
) -> go.Figure:
    """A dot with its interval for each row, the first on top; a dashed line at `mark`."""
    figure = go.Figure()
    names = [row.name for row in rows]
    if mark is not None:
        figure.add_vline(x=mark, line={"color": palette.text, "width": 2, "dash": "dash"})
        figure.add_annotation(
            x=mark, y=1, yref="paper", yanchor="bottom", text=mark_text, showarrow=False, font={"size": 12}
        )
    figure.add_scatter(
        x=[row.value for row in rows],
        y=names,
        mode="markers+text",
        marker={"color": palette.favour, "size": 11},
        error_x=_errors(palette, rows),
        text=[row.shown for row in rows],
        textposition="top center",
        hovertext=[row.text for row in rows],
        hovertemplate="%{y}: %{hovertext}<extra></extra>",
        showlegend=False,
    )
    styled(figure, palette, 90 + 34 * len(rows))
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], range=[-0.6, len(rows) - 0.2])
    figure.update_xaxes(title=axis, tickformat=".0%" if percent else None, title_standoff=6)
    return figure


def over_cohorts(
    palette: Palette,
    series: Mapping[str, Sequence[Measured]],
    axis: str,
    mark: float | None = None,
    mark_text: str = "",
) -> go.Figure:
    """A line with intervals for each series; the rows' names are the cohorts."""
    figure = go.Figure()
    if mark is not None:
        figure.add_hline(y=mark, line={"color": palette.muted, "width": 1.5, "dash": "dash"})
        figure.add_annotation(
            x=1, xref="paper", xanchor="right", y=mark, yanchor="bottom", text=mark_text, showarrow=False
        )
    for place, (name, rows) in enumerate(series.items()):
        colour = palette.series[place % len(palette.series)]
        figure.add_scatter(
            x=[row.name for row in rows],
            y=[row.value for row in rows],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2, "dash": _DASHES[place % len(_DASHES)]},
            marker={"color": colour, "size": 10, "symbol": _SYMBOLS[place % len(_SYMBOLS)]},
            error_y=_errors(palette, rows, colour),
            hovertext=[row.text for row in rows],
            hovertemplate="%{x}: %{hovertext}<extra>" + name + "</extra>",
        )
    styled(figure, palette, 300)
    figure.update_yaxes(title=axis)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_layout(showlegend=len(series) > 1)
    return figure


def beside(palette: Palette, bins: Sequence[str], series: Mapping[str, Sequence[float]]) -> go.Figure:
    """Shares of two groups in each bin, bar by bar; the first group is grey and hatched."""
    figure = go.Figure()
    for (name, shares), colour, pattern in zip(
        series.items(), (palette.neutral, palette.favour), ("/", ""), strict=True
    ):
        figure.add_bar(
            x=list(bins),
            y=list(shares),
            name=name,
            marker={"color": colour, "pattern": _stripes(palette, [pattern])},
            hovertemplate="%{x}: %{y:.1%}<extra>" + name + "</extra>",
        )
    styled(figure, palette, 320)
    figure.update_layout(barmode="group")
    figure.update_yaxes(tickformat=".0%")
    figure.update_xaxes(type="category", showgrid=False)
    return figure


def reliability(
    palette: Palette, predicted: Sequence[float], rows: Sequence[Measured], words: Mapping[str, str]
) -> Any:
    """Observed rates with intervals over predicted ones; on the dashed line both are equal.

    `words` holds `predicted`, `observed` and `perfect`.
    """
    figure = go.Figure()
    end = 1.08 * max(*predicted, *(row.high for row in rows))
    figure.add_scatter(
        x=[0, end],
        y=[0, end],
        mode="lines",
        name=words["perfect"],
        line={"color": palette.muted, "dash": "dash", "width": 2},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=list(predicted),
        y=[row.value for row in rows],
        mode="markers",
        name=words["observed"],
        marker={"color": palette.favour, "size": 10},
        error_y=_errors(palette, rows),
        hovertext=[row.text for row in rows],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    styled(figure, palette, 360)
    figure.update_xaxes(title=words["predicted"], tickformat=".0%", range=[0, 1.08 * max(predicted)], title_standoff=6)
    figure.update_yaxes(title=words["observed"], tickformat=".0%", range=[0, end])
    figure.update_layout(legend={"y": -0.24, "yanchor": "top"})
    return figure


def strengths(
    palette: Palette, names: Sequence[str], values: Sequence[float], texts: Sequence[str], hatched: Sequence[bool]
) -> go.Figure:
    """Bars from strong to weak; hatched ones are grey as well."""
    figure = go.Figure()
    figure.add_bar(
        orientation="h",
        x=list(values),
        y=list(names),
        text=list(texts),
        textposition="outside",
        cliponaxis=False,
        marker={
            "color": [palette.neutral if each else palette.favour for each in hatched],
            "pattern": _stripes(palette, ["/" if each else "" for each in hatched]),
        },
        hovertemplate="%{y}: %{text}<extra></extra>",
        showlegend=False,
    )
    styled(figure, palette, 60 + 30 * len(names))
    figure.update_yaxes(categoryorder="array", categoryarray=list(names)[::-1], showgrid=False)
    figure.update_xaxes(showticklabels=False, showgrid=False, range=[0, 1.4 * max([*values, 1e-9])])
    figure.update_layout(margin={"t": 8})
    return figure


def swarm(
    palette: Palette,
    names: Sequence[str],
    points: Sequence[Sequence[tuple[float, float | None]]],
    words: Mapping[str, str],
) -> go.Figure:
    """A row of points for each feature: where a client's contribution lies, and by colour and shape how high the value.

    `words` holds `low`, `middle`, `high`, `none` and `axis`.
    """
    bands = {
        "low": (palette.series[3], "triangle-down"),
        "middle": (palette.neutral, "circle"),
        "high": (palette.series[4], "triangle-up"),
        "none": (palette.muted, "x-thin-open"),
    }
    figure = go.Figure()
    spread = [_apart([contribution for contribution, _ in of]) for of in points]
    for name, (colour, symbol) in bands.items():
        inside = [(i, k) for i, of in enumerate(points) for k, (_, rank) in enumerate(of) if _band(rank) == name]
        figure.add_scatter(
            x=[points[i][k][0] for i, k in inside],
            y=[len(names) - 1 - i + spread[i][k] for i, k in inside],
            mode="markers",
            name=words[name],
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.75, "line": {"color": colour}},
            hoverinfo="skip",
        )
    figure.add_vline(x=0, line={"color": palette.muted, "width": 1.5})
    styled(figure, palette, 110 + 34 * len(names))
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=list(names)[::-1], range=[-0.7, len(names) - 0.3], showgrid=False
    )
    figure.update_yaxes(zeroline=False)
    figure.update_xaxes(title=words["axis"], title_standoff=6)
    figure.update_layout(margin={"t": 44})
    return figure


def _band(rank: float | None) -> str:
    return "none" if rank is None else "low" if rank < 1 / 3 else "high" if rank > 2 / 3 else "middle"


def _apart(contributions: Sequence[float], bins: int = 60) -> list[float]:
    """How far to move points up or down so that they lie beside, not upon, each other: at most 0.38."""
    if not contributions:
        return []
    low, high = min(contributions), max(contributions)
    width = (high - low) / bins or 1.0
    places = [int((value - low) / width) for value in contributions]
    crowd = max(places.count(place) for place in set(places))
    seen: dict[int, int] = {}
    moved = []
    for place in places:
        number = seen[place] = seen.get(place, 0) + 1
        moved.append((1 if number % 2 else -1) * (number // 2) * 0.76 / max(crowd, 8))
    return moved


def _stripes(palette: Palette, shapes: Sequence[str]) -> dict[str, Any]:
    """Stripes over the colours of bars, one shape for each or for all."""
    shape = shapes[0] if len(shapes) == 1 else list(shapes)
    return {"shape": shape, "fillmode": "overlay", "fgcolor": palette.page, "solidity": 0.25, "size": 7}


def ramp(palette: Palette, steps: int) -> list[str]:
    """Colours from good to bad by way of grey."""
    ends = (palette.favour, palette.neutral, palette.against)
    places = [2 * i / max(steps - 1, 1) for i in range(steps)]
    return [_between(ends[min(int(at), 1)], ends[min(int(at), 1) + 1], at - min(int(at), 1)) for at in places]


def _between(first: str, second: str, share: float) -> str:
    pairs = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _readable(colour: str, palette: Palette) -> str:
    """Light or dark text, whichever stands out more on a colour."""
    brightness = sum(weight * part for weight, part in zip((0.299, 0.587, 0.114), _channels(colour), strict=True))
    light, dark = sorted((palette.page, palette.text), key=lambda each: -sum(_channels(each)))
    return dark if brightness > 140 else light


def _errors(palette: Palette, rows: Sequence[Measured], colour: str = "") -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(row.high - row.value, 0) for row in rows],
        "arrayminus": [max(row.value - row.low, 0) for row in rows],
        "color": colour or palette.favour,
        "thickness": 1.8,
        "width": 5,
    }
