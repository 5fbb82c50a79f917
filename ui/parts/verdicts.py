"""The verdict on every cohort, layer by layer, and what was found of one of them."""

from collections.abc import Sequence

import streamlit as st

from ui.answers import monitoring
from ui.answers.monitoring import Finding, Verdict
from ui.visit import Visit

ICONS = {"ok": "check_circle", "watch": "visibility", "warn": "warning", "critical": "error"}
COLOURS = {"ok": "blue", "watch": "gray", "warn": "orange", "critical": "orange"}
_BAD = ("critical", "warn")
_MARKS = {"ok": "✓", "watch": "◦", "warn": "▲", "critical": "■"}


def of_cohorts(visit: Visit) -> list[Verdict]:
    """The verdicts, the newest cohort first; where there is none the person is told."""
    found = monitoring.verdicts(visit.api)
    if not found:
        st.info(visit.t("verdicts.none"), icon=":material/inbox:")
    return found


def pick(visit: Visit, found: Sequence[Verdict], key: str) -> Verdict:
    """One cohort's verdict, by default the newest one's."""
    cohorts = {verdict.cohort: verdict for verdict in found}
    chosen = st.selectbox(visit.t("cohorts.cohort"), list(cohorts), key=f"{key}_cohort", width=260)
    return cohorts[chosen]


def show(visit: Visit) -> None:
    t, found = visit.t, of_cohorts(visit)
    if not found:
        return
    newest = found[0]
    st.markdown(f"### {_state(visit, newest.state)} · {newest.cohort}")
    st.markdown(newest.sentence)
    layers = [layer for layer in _LAYERS if any(layer in verdict.layers for verdict in found)]
    st.dataframe(
        {
            t("cohorts.cohort"): [verdict.cohort for verdict in found],
            t("verdicts.whole"): [_mark(visit, verdict.state) for verdict in found],
            **{
                t(f"verdicts.layers.{layer}"): [
                    _mark(visit, verdict.layers[layer]) if layer in verdict.layers else "" for verdict in found
                ]
                for layer in layers
            },
        },
        hide_index=True,
        width="stretch",
    )
    st.caption(t("verdicts.how"))
    st.subheader(t("verdicts.findings"), anchor=False)
    _findings(visit, pick(visit, found, "verdicts"))


_LAYERS = ("quality", "skew", "score", "segments", "outcomes", "features", "multivariate")
"""In the order in which they are judged: the first broken one explains those after it."""


def _findings(visit: Visit, verdict: Verdict) -> None:
    t = visit.t
    bad = [finding for finding in verdict.findings if finding.state in _BAD]
    if not bad:
        st.success(t("verdicts.fine", cohort=verdict.cohort), icon=":material/check_circle:")
    for finding in sorted(bad, key=lambda each: (bool(each.explained_by), _BAD.index(each.state))):
        _finding(visit, finding)
    for state in ("watch", "ok"):
        others = [finding for finding in verdict.findings if finding.state == state]
        if others:
            with st.expander(t(f"verdicts.others.{state}", number=len(others)), icon=f":material/{ICONS[state]}:"):
                for finding in others:
                    layer = t.get(f"verdicts.layers.{finding.layer}", finding.layer)
                    st.markdown(f"**{layer}** · {finding.sentence}")


def _finding(visit: Visit, finding: Finding) -> None:
    t = visit.t
    with st.container(border=True):
        what, state = st.columns([4, 1])
        what.markdown(f"**{t.get(f'verdicts.layers.{finding.layer}', finding.layer)}** · {finding.sentence}")
        state.markdown(_state(visit, finding.state))
        said = [t.get(f"verdicts.causes.{finding.cause.replace(' ', '_')}", finding.cause)] if finding.cause else []
        if finding.explained_by:
            layer = t.get(f"verdicts.layers.{finding.explained_by}", finding.explained_by)
            said.append(t("verdicts.explained", layer=layer))
        if said:
            what.caption(" · ".join(said))


def _state(visit: Visit, state: str) -> str:
    return f":{COLOURS.get(state, 'gray')}[:material/{ICONS.get(state, 'help')}: {visit.t(f'verdicts.states.{state}')}]"


def _mark(visit: Visit, state: str) -> str:
    return f"{_MARKS.get(state, '')} {visit.t(f'verdicts.states.{state}')}"
