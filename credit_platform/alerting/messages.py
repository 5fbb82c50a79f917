"""How a message reads: what, value against threshold, since when, likely cause, where to look, what to do.

One message for each run, root cause first. It names tables, columns and cohorts, never clients. Not here: how a
channel wants it (`channels.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from pydantic import TypeAdapter

from credit_platform.alerting.incidents import Event, EventKind, Severity
from credit_platform.settings import Settings

MOST_ITEMS = 10
"""How many incidents one message spells out."""

_WORDS: dict[EventKind, str] = {
    "opened": "new",
    "escalated": "worse",
    "overdue": "nobody has taken it up",
    "reminded": "still open",
    "retrained": "retrained",
    "resolved": "over",
}


@dataclass(frozen=True)
class Item:
    """What is told of one incident."""

    incident: str
    event: EventKind
    kind: str
    severity: Severity
    sentence: str
    value: float | None
    threshold: float | None
    since: str
    cause: str
    runbook: str

    @property
    def line(self) -> str:
        """The item in one line."""
        of = "" if self.value is None or self.threshold is None else f" [{self.value:.4g}, limit {self.threshold:.4g}]"
        cause = f" Likely cause: {self.cause}." if self.cause else ""
        return f"{_WORDS[self.event]}: {self.sentence}{of} Since {self.since}.{cause}"


@dataclass(frozen=True)
class Message:
    """What is sent, the same to all channels. `report` is the address of the report, empty where there is none."""

    id: str
    at: datetime
    severity: Literal["good", "warn", "critical"]
    subject: str
    model_version: str
    title: str
    items: tuple[Item, ...]
    more: int
    report: str

    @property
    def lines(self) -> list[str]:
        more = [f"and {self.more} more: credit-platform alerts list"] if self.more else []
        return [*(item.line for item in self.items), *more]

    @property
    def links(self) -> dict[str, str]:
        """Where to look, by what is there."""
        first = self.items[0]
        return {"What to do": first.runbook, **({"Report": self.report} if self.report else {})}

    @property
    def text(self) -> str:
        """The message as plain text."""
        links = [f"{name}: {address}" for name, address in self.links.items()]
        told = [] if self.severity == "good" else [f"Take it up: credit-platform alerts acknowledge {self._first} ..."]
        return "\n".join([self.title, "", *(f"- {line}" for line in self.lines), "", *links, *told])

    @property
    def _first(self) -> str:
        return self.items[0].incident

    def to_json(self) -> str:
        return ADAPTER.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Message":
        return ADAPTER.validate_json(text)


ADAPTER = TypeAdapter(Message)


def compose(settings: Settings, events: Sequence[Event], subject: str, at: datetime, report: str = "") -> Message:
    """The one message about the events of a run, which are given root causes first."""
    items = [_item(settings, event) for event in events]
    first = events[0].incident
    told = [event.incident for event in events if event.kind != "resolved"]
    severity: Literal["good", "warn", "critical"] = "good"
    if told:
        severity = "critical" if any(incident.severity == "critical" for incident in told) else "warn"
    of = f", model version {first.model_version}" if first.model_version else ""
    count = "1 incident" if len(events) == 1 else f"{len(events)} incidents"
    cause = f": {first.cause}" if first.cause and told else ""
    word = "RESOLVED" if severity == "good" else severity.upper()
    identity = f"{subject}\x1f{at.isoformat()}\x1f" + "\x1f".join(f"{e.kind}{e.incident.id}" for e in events)
    return Message(
        id=sha256(identity.encode()).hexdigest()[:16],
        at=at,
        severity=severity,
        subject=subject,
        model_version=first.model_version,
        title=f"{word} {subject}{of}: {count}{cause}",
        items=tuple(items[:MOST_ITEMS]),
        more=max(0, len(items) - MOST_ITEMS),
        report=report,
    )


def trial(settings: Settings) -> Message:
    """A message that only shows that a channel works."""
    at = datetime.now(UTC)
    sentence = "This is a trial. Nothing has happened, and nothing is to be done."
    item = Item("trial", "opened", "alarm_test", "warn", sentence, None, None, "now", "", settings.alert_runbook)
    identity = sha256(at.isoformat().encode()).hexdigest()[:16]
    return Message(identity, at, "good", "trial", "", "TRIAL of the credit platform's alerts", (item,), 0, "")


def _item(settings: Settings, event: Event) -> Item:
    incident = event.incident
    sentence = incident.sentence
    if event.kind == "resolved" and incident.resolved is not None:
        sentence = f"{incident.where or incident.sentence.rstrip('.')}: {incident.resolved.why}"
    elif event.kind == "retrained":
        sentence = f"{incident.outcome}; because of {incident.where or incident.sentence}"
    elif incident.outcome:
        sentence = f"{sentence.rstrip('.')}; {incident.outcome}"
    return Item(
        incident=incident.id,
        event=event.kind,
        kind=incident.kind,
        severity=incident.severity,
        sentence=f"{sentence.rstrip('.')}.",
        value=incident.value,
        threshold=incident.threshold,
        since=incident.since,
        cause=incident.cause,
        runbook=f"{settings.alert_runbook}#{incident.kind.replace('_', '-')}",
    )
