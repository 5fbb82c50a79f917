"""Incidents: what is open, and what a person decides about it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import streamlit as st

from ui.answers import monitoring
from ui.answers.monitoring import Alert
from ui.parts.segments import one_of
from ui.parts.verdicts import COLOURS, ICONS
from ui.problems import UserError
from ui.visit import Visit, tell

_STATES = ("open", "suspected", "resolved")
_DAYS = 7


def show(visit: Visit) -> None:
    t = visit.t
    if said := st.session_state.pop("incident_decided", None):
        st.toast(said, icon=":material/check:")
    status = one_of(
        t, _STATES, "incidents.which", "incidents.statuses", "incidents_status", label_visibility="collapsed"
    )
    found = monitoring.alerts(visit.api, status)
    seen = t.moment(found.heartbeat_at) if found.heartbeat_at else t("incidents.never")
    st.caption(
        t("incidents.alive", at=seen) + " " + t("incidents.worth", useful=found.useful, all=found.useful + found.noise)
    )
    if not found.alerts:
        st.success(t(f"incidents.none.{status}"), icon=":material/check_circle:")
    for alert in found.alerts:
        _incident(visit, alert)


def _incident(visit: Visit, alert: Alert) -> None:
    t = visit.t
    with st.container(border=True):
        what, actions = st.columns([3, 2], gap="medium")
        severity = f":{COLOURS[alert.severity]}[:material/{ICONS[alert.severity]}: **{_severity(visit, alert)}**]"
        kind = t.get(f"verdicts.layers.{alert.kind}", alert.kind)
        what.markdown(f"{severity} · **{kind}**  \n{alert.sentence}")
        about = [t("incidents.since", since=alert.since, subject=alert.subject)]
        if alert.cause:
            about.append(t.get(f"verdicts.causes.{alert.cause.replace(' ', '_')}", alert.cause))
        what.caption(" · ".join(about))
        for name in ("acknowledged", "snoozed", "resolved"):
            if said := getattr(alert, name):
                until = t("incidents.until", until=t.moment(said.until)) if said.until else ""
                what.markdown(t(f"incidents.{name}", by=said.by, why=said.why, until=until))
        if alert.status != "resolved":
            with actions:
                _actions(visit, alert)
        with what.expander(t("incidents.history"), key=f"history_{alert.id}", on_change="rerun") as opened:
            if opened.open:
                for event in monitoring.history(visit.api, alert.id).history:
                    st.markdown(f"{t.moment(event.at)} · **{event.who}** · {event.said or event.kind}")


def _actions(visit: Visit, alert: Alert) -> None:
    t = visit.t
    for what, icon in (("acknowledge", "back_hand"), ("snooze", "notifications_off"), ("resolve", "task_alt")):
        with (
            st.popover(t(f"incidents.{what}"), icon=f":material/{icon}:", width="stretch"),
            st.form(f"{what}_{alert.id}", border=False),
        ):
            body = _asked(visit, what, alert)
            if st.form_submit_button(t("incidents.send"), type="primary"):
                _decide(visit, alert, what, body)


def _asked(visit: Visit, what: str, alert: Alert) -> dict[str, Any]:
    t, key = visit.t, f"{what}_{alert.id}"
    body: dict[str, Any] = {}
    if what == "resolve":
        verdict = st.radio(
            t("incidents.worthwhile"),
            ("useful", "noise"),
            format_func=lambda each: t(f"incidents.verdicts.{each}"),
            key=f"{key}_verdict",
        )
        body["verdict"] = verdict
    else:
        today = datetime.now(UTC).date()
        until = st.date_input(
            t("incidents.until_when"), today + timedelta(days=_DAYS), min_value=today, key=f"{key}_until"
        )
        body["until"] = datetime.combine(until if isinstance(until, date) else today, time.max, UTC).isoformat()
    body["why"] = st.text_input(t("incidents.why"), max_chars=500, key=f"{key}_why").strip()
    body["by"] = st.text_input(t("incidents.by"), max_chars=100, key=f"{key}_by").strip() or None
    return body


def _decide(visit: Visit, alert: Alert, what: str, body: dict[str, Any]) -> None:
    try:
        if not body["why"]:
            raise UserError("no-why")
        monitoring.decide(visit.api, alert.id, what, body)
    except UserError as problem:
        tell(visit.t, problem)
        return
    st.session_state.incident_decided = visit.t(f"incidents.done.{what}")
    st.rerun()


def _severity(visit: Visit, alert: Alert) -> str:
    return visit.t(f"verdicts.states.{alert.severity}")
