"""When a cause becomes an incident, when it is told, and when it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from credit_platform.alerting.incidents import (
    Event,
    Incident,
    IncidentError,
    Policy,
    Run,
    Said,
    Signal,
    acknowledge,
    judge,
    resolve,
    snooze,
    step,
    tick,
)
from credit_platform.monitoring.findings import State
from credit_platform_tests.messages import INCOME, NOON, SCORE

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
POLICY = Policy()


def play(states: str, policy: Policy = POLICY, every: timedelta = DAY) -> list[tuple[int, str]]:
    """The events of one cause in cohort after cohort: `o`k, wa`t`ch, `w`arn or `c`ritical."""
    names: dict[str, State] = {"o": "ok", "t": "watch", "w": "warn", "c": "critical"}
    incident, told = None, []
    for i, letter in enumerate(states):
        signal = replace(Signal.of(SCORE), state=names[letter], subject=f"{i:03}")
        incident, event = step(incident, signal, NOON + i * every, policy)
        if event is not None:
            told.append((i, event.kind))
            if incident is not None and incident.status == "resolved":
                incident = None
    return told


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ("ooo", []),
        ("ttt", []),
        ("w", []),
        ("wowow", []),
        ("ww", [(1, "opened")]),
        ("c", [(0, "opened")]),
        ("wc", [(1, "opened")]),
        ("wwwc", [(1, "opened"), (3, "escalated")]),
        ("wwwccc", [(1, "opened"), (3, "escalated"), (4, "overdue")]),
        ("wwoo", [(1, "opened"), (3, "resolved")]),
        ("wwowoo", [(1, "opened"), (5, "resolved")]),
        ("wwooww", [(1, "opened"), (3, "resolved"), (5, "opened")]),
        ("wowwwcccccccccooo", [(3, "opened"), (5, "escalated"), (6, "overdue"), (13, "reminded"), (15, "resolved")]),
    ],
)
def test_a_cause_is_told_when_it_is_sure_worse_due_or_over(states: str, told: list[tuple[int, str]]) -> None:
    assert play(states) == told


def test_reminders_keep_their_distance_however_often_a_cohort_is_bad() -> None:
    reminded = [i for i, kind in play("w" * 30) if kind == "reminded"]
    assert reminded == [8, 15, 22, 29]


def test_a_kind_may_be_told_at_its_first_warning() -> None:
    assert play("w", Policy(confirm_kinds={"score": 1})) == [(0, "opened")]
    assert play("ww", Policy(confirm_kinds={"outcomes": 1}, confirm=3)) == []


def test_a_cohort_that_is_judged_again_counts_once() -> None:
    signal = Signal.of(SCORE)
    first, told = step(None, signal, NOON, POLICY)
    again, told_again = step(first, signal, NOON + DAY, POLICY)
    assert told is told_again is None
    assert again is not None
    assert (again.status, again.bad) == ("suspected", 1)


def opened(signal: Signal | None = None) -> Incident:
    incident, _ = step(None, replace(signal or Signal.of(SCORE), state="critical"), NOON, POLICY)
    assert incident is not None
    return incident


def said(days: float = 10) -> Said:
    return Said("ana", "on it", NOON, NOON + days * DAY)


def test_what_is_acknowledged_is_not_reminded_of_until_then_but_told_when_worse() -> None:
    warned, _ = step(None, Signal.of(SCORE), NOON, Policy(confirm=1))
    assert warned is not None
    taken = acknowledge(warned, said())
    signals = [replace(Signal.of(SCORE), subject=f"2025-{i:02}") for i in (4, 5)]
    taken, event = step(taken, signals[0], NOON + 9 * DAY, POLICY)
    assert event is None
    _, event = step(taken, replace(signals[1], state="critical"), NOON + 9 * DAY, POLICY)
    assert event is not None
    assert (event.kind, event.incident.severity, event.incident.acknowledged) == ("escalated", "critical", None)
    _, event = step(taken, signals[1], NOON + 11 * DAY, POLICY)
    assert event is not None
    assert event.kind == "reminded"


def test_what_is_snoozed_is_silent_even_when_worse_and_told_afterwards() -> None:
    warned, _ = step(None, Signal.of(SCORE), NOON, Policy(confirm=1))
    assert warned is not None
    signal = replace(Signal.of(SCORE), state="critical", subject="2025-04")
    quiet, event = step(snooze(warned, said()), signal, NOON + DAY, POLICY)
    assert event is None
    assert quiet is not None
    _, event = tick(quiet, NOON + 11 * DAY, POLICY)
    assert event is not None
    assert event.kind == "escalated"


def test_nobody_taking_up_a_critical_incident_is_told_once() -> None:
    incident, told = opened(), []
    for hours in range(0, 100, 12):
        incident, event = tick(incident, NOON + timedelta(hours=hours), POLICY)
        told += [event.kind] if event else []
    assert told == ["overdue"]


def test_a_person_closes_an_incident_with_a_verdict_and_reason() -> None:
    closed = resolve(opened(), said(), "noise")
    assert (closed.status, closed.verdict, closed.resolved) == ("resolved", "noise", said())
    with pytest.raises(IncidentError, match="resolved already"):
        acknowledge(closed, said())
    with pytest.raises(IncidentError, match="useful or noise"):
        resolve(opened(), said(), "")
    with pytest.raises(IncidentError, match="lie ahead"):
        snooze(opened(), said(days=0))
    with pytest.raises(IncidentError, match="a name and a reason"):
        acknowledge(opened(), Said(" ", "x", NOON, NOON + DAY))


def run(*signals: Signal, subject: str = "2025-04", judged: str = "score", held: str = "", version: str = "1") -> Run:
    return Run(subject, signals, frozenset(judged.split()), frozenset(held.split()), version)


def test_a_layer_that_was_judged_and_says_nothing_of_a_cause_finds_it_well() -> None:
    incident = opened()
    changed, events = judge({incident.key: incident}, run(), NOON + MONTH, POLICY)
    assert events == []
    well = changed[incident.key]
    assert well is not None
    assert (well.good, well.status) == (1, "open")


def test_a_cause_that_is_explained_by_another_is_neither_good_nor_bad() -> None:
    incident = opened()
    held = run(replace(Signal.of(SCORE), state="critical"), held=incident.key)
    assert judge({incident.key: incident}, held, NOON + MONTH, POLICY) == ({}, [])
    assert judge({}, held, NOON + MONTH, POLICY) == ({}, [])


def test_a_layer_that_was_not_judged_says_nothing() -> None:
    incident = opened()
    assert judge({incident.key: incident}, run(judged="quality"), NOON + MONTH, POLICY) == ({}, [])


def test_an_incident_ends_with_the_first_good_cohort_of_another_version() -> None:
    incident = opened()
    changed, (event,) = judge({incident.key: incident}, run(version="2"), NOON + MONTH, POLICY)
    assert event.kind == "resolved"
    assert event.incident.resolved is not None
    assert event.incident.resolved.why == "version 2 decides, and 2025-04 is good"
    assert changed[incident.key] == event.incident


def test_root_causes_come_first_and_what_is_over_last() -> None:
    score = opened()
    ended = replace(opened(replace(Signal.of(SCORE), key="other")), good=1, subject="2025-03")
    feed = Signal.of(INCOME)
    signals = (replace(Signal.of(SCORE), key="new", state="critical"), feed)
    changed, events = judge({score.key: score, "other": ended}, run(*signals), NOON + MONTH, POLICY)
    kinds = [(event.kind, event.incident.kind) for event in events]
    assert kinds == [("opened", "quality"), ("opened", "score"), ("resolved", "score")]
    assert isinstance(events[0], Event)
    assert set(changed) == {feed.key, "new", "other", score.key}
