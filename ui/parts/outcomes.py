"""What is decided about the loan asked for and about another one, side by side, and what moved between them."""

import streamlit as st

from ui import charts
from ui.answers.model import Threshold
from ui.answers.whatif import Moved, Outcome, Simulation
from ui.parts.decision import gauge_of
from ui.theme import DECISION_COLOURS, DECISION_ICONS
from ui.visit import Visit

_MOST_MOVED = 6
_LEAST = 0.005
"""Log-odds below which a family did not move for people."""


def show(visit: Visit, found: Simulation, threshold: Threshold) -> None:
    t = visit.t
    asked, changed = st.columns(2, gap="medium")
    with asked:
        _outcome(visit, t("outcomes.asked"), found.original, threshold)
    if not found.changes:
        changed.info(t("outcomes.nothing"), icon=":material/tune:")
        return
    with changed:
        _outcome(visit, t("outcomes.changed"), found.changed, threshold, found.original)
    st.caption(t("outcomes.no_decision", version=found.model_version))
    moved = [each for each in found.families if abs(each.after - each.before) >= _LEAST][:_MOST_MOVED]
    if moved:
        st.subheader(t("outcomes.moved"), anchor=False)
        _moved(visit, moved)


def _outcome(visit: Visit, title: str, outcome: Outcome, threshold: Threshold, before: Outcome | None = None) -> None:
    t = visit.t
    with st.container(border=True):
        st.markdown(f":gray[{title}]")
        colour, icon = DECISION_COLOURS[outcome.decision], DECISION_ICONS[outcome.decision]
        st.markdown(f"### :{colour}[{icon} {t(f'decision.{outcome.decision}')}]")
        st.html(gauge_of(visit, outcome.probability_of_default, threshold))
        columns = st.columns(3)
        risk = points = None
        if before is not None:
            change = 100 * (outcome.probability_of_default - before.probability_of_default)
            risk = t("outcomes.points", points=t.number(change, 1, signed=True))
            points = t.number(outcome.score - before.score, signed=True)
        # Grey and without arrows: fewer is better in one, worse in the other.
        columns[0].metric(
            t("decision.probability"),
            t.percent(outcome.probability_of_default),
            risk,
            delta_color="off",
            delta_arrow="off",
        )
        columns[1].metric(t("decision.score"), t.number(outcome.score), points, delta_color="off", delta_arrow="off")
        columns[2].metric(t("decision.grade"), outcome.grade)


def _moved(visit: Visit, moved: list[Moved]) -> None:
    t = visit.t
    steps = [charts.Step(each.title, by := each.after - each.before, t.number(by, 2, signed=True)) for each in moved]
    words = {
        "against": t("outcomes.worse"),
        "favour": t("outcomes.better"),
        "axis": t("outcomes.axis"),
    }
    charts.draw(charts.contributions(visit.palette, steps, words), t("outcomes.described"), "whatif_moved")
