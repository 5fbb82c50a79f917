"""Pictures: the gauge of a decision, the bars of an explanation, the shifts of a drift verdict.

Blue speaks for the client and orange against, a pair that colour-blind people tell apart; a word or a side always
says the same. Both read well on light and on dark pages.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import altair as alt
import pandas as pd

FOR, AGAINST = "#3987c9", "#d9730d"
_SIDES = {True: "speaks against the client", False: "speaks for the client"}


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def number(value: float | str | None) -> str:
    """A feature's value as people write it."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def gauge(probability: float, threshold: float) -> str:
    """HTML of a bar from zero to beyond the cut-off, with a needle at the probability."""
    end = min(1.0, max(2 * threshold, 1.2 * probability))
    cut, needle = 100 * threshold / end, 100 * probability / end

    def label(at: float, text: str, style: str) -> str:
        # Kept off the edges, so that the text does not leave the bar.
        return (
            f'<div style="position:absolute;left:{min(max(at, 9), 91):.2f}%;transform:translateX(-50%);'
            f'white-space:nowrap;{style}">{escape(text)}</div>'
        )

    def zone(start: float, width: float, colour: str, text: str) -> str:
        # The word stands away from the needle, and nowhere if it would not fit.
        side = "right" if needle < start + width / 2 else "left"
        return (
            f'<div style="position:absolute;left:{start:.2f}%;width:{width:.2f}%;height:2.2rem;line-height:2.2rem;'
            f"background:{colour}38;box-sizing:border-box;text-align:{side};padding:0 .7rem;"
            f'font-size:.85rem">{text if width >= 18 else ""}</div>'
        )

    described = f"Probability of default {percent(probability)}, cut-off {percent(threshold)}"
    return (
        f'<div role="img" aria-label="{described}" style="position:relative;height:6.2rem;margin:.2rem 0">'
        + label(needle, percent(probability), "top:0;font-weight:600;font-size:1.15rem")
        + '<div style="position:absolute;top:1.9rem;left:0;right:0;height:2.2rem;border-radius:.5rem;overflow:hidden">'
        + zone(0, cut, FOR, "approve")
        + zone(cut, 100 - cut, AGAINST, "refuse")
        + "</div>"
        + f'<div style="position:absolute;top:1.9rem;left:{cut:.2f}%;height:2.6rem;'
        'border-left:2px dashed currentColor"></div>'
        + f'<div style="position:absolute;top:1.7rem;left:calc({needle:.2f}% - 2px);width:4px;height:2.6rem;'
        'border-radius:2px;background:currentColor"></div>'
        + label(cut, f"cut-off {percent(threshold)}", "top:4.6rem;font-size:.9rem")
        + "</div>"
    )


def contribution_table(contributions: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The contributions as rows for people."""
    return pd.DataFrame(
        {
            "feature": [c["feature"] for c in contributions],
            "value": [number(c["value"]) for c in contributions],
            "contribution": [c["contribution"] for c in contributions],
            "side": [
                _SIDES[c["contribution"] > 0] if c["contribution"] else "makes no difference" for c in contributions
            ],
            "meaning": [c["meaning"] for c in contributions],
        }
    )


def contributions(table: pd.DataFrame) -> alt.LayerChart:
    """Bars to the left for what lowers the risk, to the right for what raises it; strongest on top."""
    shown = table.assign(label=table["feature"] + "  =  " + table["value"])
    reach = float(shown["contribution"].abs().max() or 1) * 1.25
    base = alt.Chart(shown).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=420, labelPadding=8, ticks=False)),
        x=alt.X(
            "contribution:Q",
            scale=alt.Scale(domain=[-reach, reach]),
            title="◀ lowers the risk  ·  log-odds of default  ·  raises the risk ▶",
        ),
        tooltip=[
            alt.Tooltip("feature:N", title="Feature"),
            alt.Tooltip("value:N", title="Value"),
            alt.Tooltip("meaning:N", title="Meaning"),
            alt.Tooltip("contribution:Q", title="Log-odds", format="+.3f"),
        ],
    )
    colour = alt.Color(
        "side:N",
        scale=alt.Scale(domain=[_SIDES[False], _SIDES[True]], range=[FOR, AGAINST]),
        legend=alt.Legend(orient="top", title=None, labelLimit=300),
    )
    bars = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.7}).encode(color=colour)
    zero = alt.Chart(pd.DataFrame({"at": [0]})).mark_rule(opacity=0.6).encode(x="at:Q")
    chart: alt.LayerChart = (bars + zero).properties(height=max(120, 30 * len(shown) + 70))
    return chart


def shift_table(verdict: Mapping[str, Any]) -> pd.DataFrame:
    """The watched columns of a verdict and what moved in them, in the verdict's order: furthest moved first."""
    drifted, reasons = set(verdict["drifted_columns"]), verdict["reasons"]
    rows = [
        (name, "; ".join(reasons.get(name, [])) or ("drifted" if name in drifted else "stable"), psi)
        for name, psi in verdict["columns"].items()
    ]
    return pd.DataFrame(rows, columns=["column", "what moved", "PSI"])
