"""Puts alerting together: what runs say becomes incidents, messages and mail; people take them up and close them.

The same run may be given again: a cohort counts once, and what was told is not told again. Not here: the rules
(`incidents.py`).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from credit_platform.alerting import incidents
from credit_platform.alerting.channels import Channel, Log, channels_of
from credit_platform.alerting.incidents import Event, Incident, Policy, Run, Said, Verdict
from credit_platform.alerting.log import log_path
from credit_platform.alerting.messages import compose
from credit_platform.alerting.outbox import deliver
from credit_platform.alerting.store import AlertStore, Transaction
from credit_platform.monitoring.findings import LAYERS
from credit_platform.settings import Settings

logger = logging.getLogger(__name__)


def observe(settings: Settings, runs: Iterable[Run], at: datetime | None = None) -> list[Event]:
    """What runs, the oldest cohort first, make of the incidents. One message tells what there is to tell, root causes
    first; what began and ended within these runs is not told. Returns what was told.

    Raises:
        AlertStoreError: nothing was changed.
    """
    at, policy = at or now(), Policy.of(settings)
    told: dict[str, Event] = {}
    subject = ""
    with AlertStore.of(settings) as store:
        with store.transaction() as write:
            for run in runs:
                run = _newest_only(write, run, at)
                present = write.unresolved()
                changed, events = incidents.judge(present, run, at, policy)
                _keep(write, present, changed)
                for event in events:
                    before = told.pop(event.incident.id, None)
                    if not (event.kind == "resolved" and before and before.kind == "opened"):
                        told[event.incident.id] = event
                    write.note(event.incident, event.kind, "monitoring", _said(event), at)
                if events:
                    subject = run.subject
            _post(write, settings, list(told.values()), subject, at)
        _deliver(settings, store, at)
    return incidents.in_order(told.values())


def remind(settings: Settings, at: datetime | None = None) -> list[Event]:
    """Tells what nobody has taken up, or is still open, by the mere passing of time; and delivers what is due."""
    at, policy = at or now(), Policy.of(settings)
    events = []
    with AlertStore.of(settings) as store:
        with store.transaction() as write:
            for present in write.unresolved().values():
                incident, event = incidents.tick(present, at, policy)
                if event is not None:
                    write.put(incident)
                    write.note(incident, event.kind, "monitoring", _said(event), at)
                    events.append(event)
            subject = events[0].incident.subject if events else ""
            _post(write, settings, events, subject, at)
        _deliver(settings, store, at)
    return events


def link_outcome(
    settings: Settings, identities: Sequence[str], outcome: str, at: datetime | None = None
) -> list[Event]:
    """Ties what came of a training to the incidents that asked for it, and tells it."""
    at = at or now()
    events = []
    with AlertStore.of(settings) as store:
        with store.transaction() as write:
            for identity in identities:
                present = write.incident(identity)
                if present is None or present.outcome == outcome:
                    continue
                incident, event = incidents.retrained(present, outcome, at)
                write.put(incident)
                write.note(incident, event.kind, "monitoring", outcome, at)
                events.append(event)
            _post(write, settings, events, "retraining", at)
        _deliver(settings, store, at)
    return events


def acknowledge(settings: Settings, identity: str, by: str, why: str, until: datetime) -> Incident:
    """Takes an incident up: no reminders until then.

    Raises:
        UnknownIncidentError: there is none of this id.
        IncidentError: it can't be acknowledged; the message says why.
    """
    return _decide(settings, identity, Said(by, why, now(), until), "acknowledged", incidents.acknowledge)


def snooze(settings: Settings, identity: str, by: str, why: str, until: datetime) -> Incident:
    """Silences an incident until then, even where it grows worse.

    Raises:
        UnknownIncidentError: there is none of this id.
        IncidentError: it can't be snoozed; the message says why.
    """
    return _decide(settings, identity, Said(by, why, now(), until), "snoozed", incidents.snooze)


def resolve(settings: Settings, identity: str, by: str, why: str, verdict: Verdict) -> Incident:
    """Closes an incident, as useful or as noise.

    Raises:
        UnknownIncidentError: there is none of this id.
        IncidentError: it can't be closed; the message says why.
    """
    said = Said(by, why, now())
    return _decide(settings, identity, said, f"resolved as {verdict}", lambda i, s: incidents.resolve(i, s, verdict))


class UnknownIncidentError(LookupError):
    """There is no incident of this id."""


def now() -> datetime:
    return datetime.now(UTC)


def _decide(
    settings: Settings, identity: str, said: Said, what: str, change: Callable[[Incident, Said], Incident]
) -> Incident:
    store = AlertStore.find(settings)
    if store is None:
        raise UnknownIncidentError(identity)
    said = replace(said, by=_printable(said.by), why=_printable(said.why))
    with store, store.transaction() as write:
        present = write.incident(identity)
        if present is None:
            raise UnknownIncidentError(identity)
        changed = change(present, said)
        write.put(changed)
        until = f" until {said.until:%Y-%m-%d %H:%M} UTC" if said.until else ""
        write.note(changed, what.split()[0], said.by, f"{what}{until}: {said.why}", said.at)
        return changed


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()


def _newest_only(write: Transaction, run: Run, at: datetime) -> Run:
    """A run without the layers that have been judged for a newer cohort: old cohorts judged again are no news."""
    layers = {*run.judged, *(signal.kind for signal in run.signals)} & set(LAYERS)
    past = set()
    for layer in layers:
        newest = write.mark(f"newest {layer}")
        if newest is not None and newest[0] > run.subject:
            past.add(layer)
        elif newest is None or newest[0] != run.subject:
            write.set_mark(f"newest {layer}", run.subject, at)
    signals = tuple(signal for signal in run.signals if signal.kind not in past)
    return Run(run.subject, signals, run.judged - past, run.held, run.model_version)


def _keep(write: Transaction, present: dict[str, Incident], changed: dict[str, Incident | None]) -> None:
    for key, incident in changed.items():
        if incident is not None:
            write.put(incident)
        elif key in present:
            write.drop(present[key])


def _post(write: Transaction, settings: Settings, events: Sequence[Event], subject: str, at: datetime) -> None:
    if not events:
        return
    ordered = incidents.in_order(events)
    report = f"{settings.api_url}/v1/drift/{subject}/report" if ordered[0].incident.kind in LAYERS else ""
    if subject == "retraining" or ordered[0].incident.kind == "quality":
        report = ""
    write.send(compose(settings, ordered, subject, at, report), tuple(_channels(settings)))


def _deliver(settings: Settings, store: AlertStore, at: datetime) -> None:
    deliver(store, _channels(settings), at, timedelta(days=settings.alert_give_up_days))


def _channels(settings: Settings) -> dict[str, Channel]:
    """The channels; the log alone where the settings are wrong about the others, for an incident must not be lost."""
    try:
        return channels_of(settings)
    except ValueError as error:
        logger.error("alerts go to alerts.log alone: %s", error)
        return {"log": Log(log_path(settings))}


def _said(event: Event) -> str:
    incident = event.incident
    return incident.resolved.why if event.kind == "resolved" and incident.resolved else incident.sentence
