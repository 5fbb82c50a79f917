"""When a cause becomes an incident, whom it is told, and when it is over: a state machine without clock or disk.

A cause is a fingerprint; at most one incident is open for it. A critical signal opens one at once, a warning when it is
confirmed by further cohorts. An open one is told again when it grows worse, when nobody takes it up, and as a reminder;
it ends by itself after enough good cohorts, or by a person. A cohort that is judged again counts once.

Not here: where incidents are kept (`store.py`), and how a message reads (`messages.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, Self

from credit_platform.monitoring.findings import LAYERS, STATES, Cause, Finding, State
from credit_platform.settings import Settings

Severity = Literal["warn", "critical"]
Status = Literal["suspected", "open", "resolved"]
EventKind = Literal["opened", "escalated", "overdue", "reminded", "retrained", "resolved"]
Verdict = Literal["", "useful", "noise"]
"""What a person said of a closed incident; empty where nobody did."""

KINDS: tuple[str, ...] = (*LAYERS, "run_failure", "silence", "stopped", "alarm_test")
"""What alerts are about, root causes first: the layers of monitoring, a failed run, a cohort that nobody monitored, a
sensor or schedule that is stopped, an alarm that does not ring. Each has a section in docs/alerts.md."""

_LONGEST = timedelta(days=366)
"""For how long an incident can be acknowledged or snoozed, so that none is forgotten."""


@dataclass(frozen=True)
class Policy:
    """How much it takes to be told. `confirm` are cohorts of warnings, by kind where `confirm_kinds` says so."""

    confirm: int = 2
    confirm_kinds: Mapping[str, int] = field(default_factory=dict)
    clear: int = 2
    remind: timedelta = timedelta(days=7)
    overdue: timedelta = timedelta(days=1)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            confirm=settings.alert_confirm,
            confirm_kinds=settings.alert_confirm_kinds,
            clear=settings.alert_clear,
            remind=timedelta(days=settings.alert_remind_days),
            overdue=timedelta(hours=settings.alert_overdue_hours),
        )

    def confirmed(self, incident: "Incident") -> bool:
        needed = self.confirm_kinds.get(incident.kind, self.confirm if incident.kind in LAYERS else 1)
        return incident.state == "critical" or incident.bad >= needed

    def is_over(self, incident: "Incident") -> bool:
        return incident.good >= (self.clear if incident.kind in LAYERS else 1)


@dataclass(frozen=True)
class Signal:
    """What one run says of one cause. `subject` is the cohort, or the job or sensor, that it says it of.

    `where` is what it is about in a few words: the metric and its table, column or segment. `stands_for` are causes of
    the same layer that it is the gravest of: an incident of one of them goes on as that of this.
    """

    key: str
    kind: str
    subject: str
    state: State
    sentence: str
    where: str = ""
    value: float | None = None
    threshold: float | None = None
    clients: int = 0
    cause: Cause = ""
    model_version: str = ""
    stands_for: tuple[str, ...] = ()

    @classmethod
    def of(cls, finding: Finding) -> Self:
        about = finding.segment or ".".join(filter(None, (finding.table, finding.column)))
        return cls(
            key=finding.fingerprint,
            kind=finding.layer,
            subject=finding.cohort,
            state=finding.state,
            sentence=finding.sentence,
            where=f"{finding.metric} of {about}" if about else finding.metric,
            value=finding.value,
            threshold=finding.threshold,
            clients=finding.clients,
            cause=finding.cause,
            model_version=finding.model_version,
        )

    @property
    def is_bad(self) -> bool:
        return STATES.index(self.state) >= STATES.index("warn")


@dataclass(frozen=True)
class Run:
    """What one run of monitoring, or of the graph, found.

    `judged` are the kinds it looked at: their incidents that no signal speaks of are well. `held` are causes of which
    it can't tell, because an earlier layer explains them or kept them from being judged.
    """

    subject: str
    signals: tuple[Signal, ...] = ()
    judged: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    model_version: str = ""


@dataclass(frozen=True)
class Said:
    """What a person decided, until when it holds, and why."""

    by: str
    why: str
    at: datetime
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.until is not None and at < self.until


@dataclass(frozen=True)
class Incident:
    """One cause from its first bad cohort on. `state` and what follows it are as the newest run found them.

    `since` is the first bad cohort, `bad` and `good` count cohorts in a row; `severity` is the worst that was told,
    `told_at` when. `outcome` is what came of the retraining that it asked for.
    """

    id: str
    key: str
    kind: str
    status: Status
    severity: Severity
    since: str
    subject: str
    bad: int
    good: int
    state: State
    sentence: str
    where: str
    value: float | None
    threshold: float | None
    clients: int
    cause: Cause
    model_version: str
    first_at: datetime
    last_at: datetime
    told_at: datetime | None = None
    overdue_told: bool = False
    acknowledged: Said | None = None
    snoozed: Said | None = None
    resolved: Said | None = None
    verdict: Verdict = ""
    outcome: str = ""

    def is_quiet(self, at: datetime) -> bool:
        """Whether a person has asked not to be reminded yet."""
        return any(said is not None and said.holds(at) for said in (self.acknowledged, self.snoozed))


@dataclass(frozen=True)
class Event:
    """Something to tell of an incident."""

    kind: EventKind
    incident: Incident


class IncidentError(ValueError):
    """What a person asked for can't be done with an incident."""


class ResolvedError(IncidentError):
    """The incident is over."""


def step(
    present: Incident | None, signal: Signal, at: datetime, policy: Policy
) -> tuple[Incident | None, Event | None]:
    """What a signal makes of the incident of its cause, None where there is none, and what is to be told of it."""
    if not signal.is_bad:
        return (None, None) if present is None else _well(present, signal.subject, signal.model_version, at, policy)
    incident = _suspected(signal, at) if present is None else _seen_again(present, signal, at)
    if incident.status == "suspected":
        if not policy.confirmed(incident):
            return incident, None
        return _told(replace(incident, status="open", severity=_severity(incident.state)), "opened", at)
    return _due(incident, at, policy)


def judge(
    present: Mapping[str, Incident], run: Run, at: datetime, policy: Policy
) -> tuple[dict[str, Incident | None], list[Event]]:
    """What a run makes of the incidents that are not resolved, by key; and what is to be told, root causes first."""
    changed: dict[str, Incident | None] = {}
    events: list[Event | None] = []
    said = {signal.key: signal for signal in run.signals if signal.key not in run.held}
    for key, signal in said.items():
        known = present.get(key) or _under_another_name(present, signal)
        incident, event = step(known, signal, at, policy)
        if incident is not None or key in present:
            changed[key] = incident
        events.append(event)
    for key, incident in present.items():
        if incident.kind in run.judged and key not in said and key not in run.held:
            changed[key], event = _well(incident, run.subject, run.model_version, at, policy)
            events.append(event)
    return changed, in_order(event for event in events if event is not None)


def tick(incident: Incident, at: datetime, policy: Policy) -> tuple[Incident, Event | None]:
    """What the mere passing of time makes of an open incident: a reminder, or that nobody has taken it up."""
    return _due(incident, at, policy) if incident.status == "open" and not incident.good else (incident, None)


def acknowledge(incident: Incident, said: Said) -> Incident:
    """Somebody works on it: no reminders until then, but it is told when it grows worse.

    Raises:
        IncidentError: it is over, or name, reason or a date to come are missing.
    """
    return replace(_asked(incident, said, dated=True), acknowledged=said)


def snooze(incident: Incident, said: Said) -> Incident:
    """Nothing at all is told of it until then.

    Raises:
        IncidentError: it is over, or name, reason or a date to come are missing.
    """
    return replace(_asked(incident, said, dated=True), snoozed=said)


def resolve(incident: Incident, said: Said, verdict: Verdict) -> Incident:
    """A person closes it and says whether it was worth telling. What is bad in a later cohort is another incident.

    Raises:
        IncidentError: it is over already, or name, reason or verdict are missing.
    """
    if verdict not in ("useful", "noise"):
        raise IncidentError("say whether the alert was useful or noise")
    return replace(_asked(incident, said, dated=False), status="resolved", resolved=said, verdict=verdict)


def retrained(incident: Incident, outcome: str, at: datetime) -> tuple[Incident, Event]:
    """What came of the training that the incident asked for."""
    return _told(replace(incident, outcome=outcome), "retrained", at)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Root causes first, the grave before the others."""

    def rank(event: Event) -> tuple[bool, int, bool, str]:
        incident = event.incident
        return (event.kind == "resolved", KINDS.index(incident.kind), incident.severity == "warn", incident.where)

    return sorted(events, key=rank)


def _under_another_name(present: Mapping[str, Incident], signal: Signal) -> Incident | None:
    """The incident of a cause that the signal stands for, an open one if there is; it goes on under the signal's."""
    others = [present[key] for key in signal.stands_for if key in present] if signal.is_bad else []
    oldest = min(others, key=lambda incident: (incident.status != "open", incident.first_at), default=None)
    return None if oldest is None else replace(oldest, key=signal.key)


def _suspected(signal: Signal, at: datetime) -> Incident:
    identity = sha256(f"{signal.key}\x1f{signal.subject}\x1f{at.isoformat()}".encode()).hexdigest()[:12]
    return Incident(
        id=identity,
        key=signal.key,
        kind=signal.kind,
        status="suspected",
        severity=_severity(signal.state),
        since=signal.subject,
        bad=1,
        good=0,
        first_at=at,
        last_at=at,
        **_latest(signal),
    )


def _seen_again(incident: Incident, signal: Signal, at: datetime) -> Incident:
    another = signal.subject != incident.subject
    return replace(
        incident,
        bad=incident.bad + another if not incident.good else 1,
        good=0,
        last_at=at,
        **_latest(signal),
    )


def _latest(signal: Signal) -> dict[str, Any]:
    """What an incident takes from the newest signal of its cause."""
    names = ("subject", "state", "sentence", "where", "value", "threshold", "clients", "cause", "model_version")
    return {name: getattr(signal, name) for name in names}


def _due(incident: Incident, at: datetime, policy: Policy) -> tuple[Incident, Event | None]:
    """What is to be told of an open incident that is still bad."""
    worse = incident.state == "critical" and incident.severity == "warn"
    if worse and not (incident.snoozed and incident.snoozed.holds(at)):
        return _told(replace(incident, severity="critical", acknowledged=None, overdue_told=False), "escalated", at)
    if incident.told_at is None or incident.is_quiet(at):
        return incident, None
    waited = at - incident.told_at
    taken_up = incident.acknowledged is not None or incident.snoozed is not None
    if incident.severity == "critical" and not taken_up and not incident.overdue_told and waited >= policy.overdue:
        return _told(replace(incident, overdue_told=True), "overdue", at)
    return _told(incident, "reminded", at) if waited >= policy.remind else (incident, None)


def _well(
    incident: Incident, subject: str, model_version: str, at: datetime, policy: Policy
) -> tuple[Incident | None, Event | None]:
    """A good cohort: the end of a suspicion, or one more on the way to the end of an incident.

    A new version brings a reference of its own; where its first cohort is good, what was told of the old one is over.
    """
    if incident.status == "suspected":
        return None, None
    counts = not incident.good or subject != incident.subject
    another_model = incident.model_version not in ("", model_version)
    well = replace(incident, good=incident.good + counts, bad=0, subject=subject, state="ok", last_at=at)
    if not (another_model or policy.is_over(well)):
        return well, None
    why = f"version {model_version} decides, and {subject} is good" if another_model else f"good again in {subject}"
    over = replace(well, status="resolved", resolved=Said("monitoring", why, at))
    return _told(over, "resolved", at)


def _told(incident: Incident, kind: EventKind, at: datetime) -> tuple[Incident, Event]:
    told = replace(incident, told_at=at)
    return told, Event(kind, told)


def _asked(incident: Incident, said: Said, dated: bool) -> Incident:
    if incident.status == "resolved":
        raise ResolvedError(f"incident {incident.id} is resolved already")
    if not said.by.strip() or not said.why.strip():
        raise IncidentError("a name and a reason are needed")
    if dated and (said.until is None or not said.at < said.until <= said.at + _LONGEST):
        raise IncidentError("the time until which it holds has to lie ahead, within a year")
    return incident


def _severity(state: State) -> Severity:
    return "critical" if state == "critical" else "warn"
