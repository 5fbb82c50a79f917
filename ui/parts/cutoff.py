"""The cut-off, movable: how many would be approved, how many of them default, and what it would cost."""

import streamlit as st

from ui import charts, curves
from ui.answers.dossier import CutOff, Judged, change
from ui.parts import judged
from ui.texts import Texts
from ui.visit import Visit

_FURTHEST = 3.5
"""How many times the cut-off in force the last one shown is."""


def show(visit: Visit) -> None:
    t, threshold = visit.t, visit.model.threshold
    st.markdown(t("cutoff.what"))
    part = judged.choose(visit, "cutoff")
    rows = _shown(part, threshold.value)
    present = next((i for i, row in enumerate(rows) if row.cut_off >= threshold.value), len(rows) - 1)
    place = st.select_slider(
        t("cutoff.move"),
        list(range(len(rows))),
        value=present,
        format_func=lambda i: t.percent(rows[i].cut_off, 2),
        key=f"cut_off_{part.part}",
    )
    chosen, in_force = rows[place], rows[present]
    _numbers(t, in_force, chosen)
    _sentence(t, in_force, chosen)
    _pictures(visit, rows, in_force, chosen)
    st.caption(
        t(
            "cutoff.interval",
            value=t.percent(threshold.value, 2),
            low=t.percent(threshold.low),
            high=t.percent(threshold.high),
            ratio=t.number(threshold.costs.false_negative / threshold.costs.false_positive),
        )
    )


def _shown(part: Judged, value: float) -> list[CutOff]:
    return [row for row in part.strategy if row.cut_off <= _FURTHEST * value] or part.strategy


def _numbers(t: Texts, before: CutOff, after: CutOff) -> None:
    cut_off, approved, bad, cost = st.columns(4)
    moved = after != before
    cut_off.metric(
        t("cutoff.cut_off"),
        t.percent(after.cut_off, 2),
        _points(t, before.cut_off, after.cut_off, moved),
        delta_color="off",
        delta_arrow="off",
    )
    approved.metric(
        t("cutoff.approval_rate"),
        t.percent(after.approval_rate),
        _points(t, before.approval_rate, after.approval_rate, moved),
        delta_color="off",
        delta_arrow="off",
    )
    bad.metric(
        t("cutoff.bad_rate"),
        t.percent(after.bad_rate),
        _points(t, before.bad_rate, after.bad_rate, moved),
        delta_color="off",
        delta_arrow="off",
        help=t("cutoff.bad_rate_help"),
    )
    cost.metric(
        t("cutoff.cost"),
        t.number(after.cost_per_client, 3),
        t.number(after.cost_per_client - before.cost_per_client, 3, signed=True) if moved else None,
        delta_color="off",
        delta_arrow="off",
        help=t("cutoff.cost_help"),
    )


def _points(t: Texts, before: float, after: float, moved: bool) -> str | None:
    return t("cutoff.points", points=t.number(100 * (after - before), 1, signed=True)) if moved else None


def _sentence(t: Texts, before: CutOff, after: CutOff) -> None:
    if after == before:
        st.info(t("cutoff.unmoved"), icon=":material/swap_horiz:")
        return
    found = change(before, after, 1000)
    st.info(
        t(
            f"cutoff.{'looser' if found.approved > 0 else 'stricter'}",
            approved=t.number(abs(found.approved)),
            defaults=t.number(abs(found.defaults)),
        )
        + " "
        + t(f"cutoff.{'dearer' if found.cost > 0 else 'cheaper'}", cost=t.number(abs(found.cost))),
        icon=":material/swap_horiz:",
    )


def _pictures(visit: Visit, rows: list[CutOff], before: CutOff, after: CutOff) -> None:
    t, threshold = visit.t, visit.model.threshold
    words = {
        "axis": t("cutoff.axis"),
        "present": t("cutoff.present", cut_off=t.percent(before.cut_off)),
        "chosen": t("cutoff.chosen", cut_off=t.percent(after.cut_off)),
    }
    pictures = {
        "cost": [row.cost_per_client for row in rows],
        "approval_rate": [row.approval_rate for row in rows],
        "bad_rate": [row.bad_rate for row in rows],
    }
    for column, (name, values) in zip(st.columns(3, gap="medium"), pictures.items(), strict=True):
        with column:
            st.markdown(f"**{t(f'cutoff.{name}')}**")
            figure = curves.over_cut_offs(
                visit.palette,
                [row.cut_off for row in rows],
                values,
                before.cut_off,
                (threshold.low, threshold.high),
                after.cut_off,
                words,
                percent=name != "cost",
            )
            charts.draw(figure, t(f"cutoff.described.{name}"), f"cutoff_{name}")
