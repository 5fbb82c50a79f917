"""Looking decisions up, and what became of them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from credit_platform_tests.serving.decisions.making import decision, personal
from serving.decisions import log as log_module
from serving.decisions.entries import Outcome, new_id
from serving.decisions.errors import UnknownDecisionError
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

TODAY = datetime.now(UTC).date()


def test_the_decisions_on_a_client_come_newest_first_and_in_pages(log: DecisionLog) -> None:
    receipts = log.record_all([(decision(), personal(client=number % 2)) for number in range(10)])
    expected = [receipt.id for receipt in receipts[1::2]][::-1]
    first = log.of_client("1", limit=3)
    second = log.of_client(1, limit=3, before=first[-1].id)
    assert [record.id for record in [*first, *second]] == expected
    assert all(record.personal == personal(client=1) for record in first)
    assert log.of_client(1, before=second[-1].id) == log.of_client("nobody") == []


def test_monitoring_reads_on_from_a_place_in_the_chain_or_from_a_time(
    log: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_PAGE", 3)
    log.record_all([(decision(), personal())] * 4)
    log.record_outcomes([Outcome(decision_id=next(log.since()).id, defaulted=True, observed_on=TODAY, source="s")])
    between = datetime.now(UTC)
    later = log.record_all([(decision(), personal())] * 5)
    assert [record.sequence for record in log.since()] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert [record.sequence for record in log.since(sequence=4)] == [6, 7, 8, 9, 10]
    assert [record.id for record in log.since(time=between)] == [receipt.id for receipt in later]
    assert [record.id for record in log.since(time=later[2].at)][-3:] == [receipt.id for receipt in later[2:]]
    assert list(log.since(sequence=10)) == list(log.since(time=between + timedelta(days=1))) == []


def test_monitoring_can_leave_what_is_personal_sealed(log: DecisionLog) -> None:
    log.record(decision(), personal())
    (record,) = log.since(personal=False)
    assert record.decision == decision()
    assert record.personal is None


def test_an_outcome_belongs_to_its_decision(log: DecisionLog) -> None:
    mine, other = log.record_all([(decision(), personal())] * 2)
    receipt = log.record_outcome(decision_id=mine.id, defaulted=True, observed_on=date(2024, 5, 1), source="servicing")
    outcome = Outcome(decision_id=mine.id, defaulted=True, observed_on=date(2024, 5, 1), source="servicing")
    assert receipt.subject == mine.id
    assert log.get(mine.id).outcome == outcome
    assert log.outcomes(mine.id) == [outcome]
    assert log.get(other.id).outcome is None
    assert log.outcomes(other.id) == []


def test_the_same_outcome_again_is_no_new_entry_and_another_one_corrects_it(log: DecisionLog) -> None:
    made = log.record(decision(), personal())

    def report(defaulted: bool) -> int:
        return log.record_outcome(
            decision_id=made.id, defaulted=defaulted, observed_on=date(2024, 5, 1), source="servicing"
        ).sequence

    assert [report(True), report(True), report(False), report(False), report(True)] == [2, 2, 3, 3, 4]
    assert [outcome.defaulted for outcome in log.outcomes(made.id)] == [True, False, True]
    record = log.get(made.id)
    assert record.outcome
    assert record.outcome.defaulted
    assert verify(log).entries == 4


def test_many_outcomes_at_once_are_told_apart_even_among_themselves(log: DecisionLog) -> None:
    made = log.record_all([(decision(), personal())] * 3)
    outcomes = [
        Outcome(decision_id=made[i].id, defaulted=defaulted, observed_on=date(2024, 5, 1), source="servicing")
        for i, defaulted in ((0, True), (1, False), (0, True), (0, False), (2, True))
    ]
    assert [receipt.sequence for receipt in log.record_outcomes(outcomes)] == [4, 5, 4, 6, 7]
    assert [record.outcome.defaulted for record in log.since() if record.outcome] == [False, False, True]


def test_an_outcome_of_a_client_goes_to_the_last_decision_before_it_was_observed(log: DecisionLog) -> None:
    _, last = log.record_all([(decision(), personal(client=7))] * 2)
    log.record(decision(), personal(client=8))
    receipt = log.record_outcome(client=7, defaulted=False, observed_on=TODAY + timedelta(days=1), source="servicing")
    assert receipt.subject == last.id
    assert log.decision_of(7, date.max) == last.id
    for client, day in ((7, TODAY - timedelta(days=2)), (7, date.min), (9, TODAY)):
        with pytest.raises(UnknownDecisionError):
            log.record_outcome(client=client, defaulted=True, observed_on=day, source="servicing")
    with pytest.raises(ValueError, match="a decision or a client"):
        log.record_outcome(defaulted=True, observed_on=TODAY, source="servicing")


def test_an_outcome_of_no_decision_on_record_is_refused_with_all_that_came_along(log: DecisionLog) -> None:
    made = log.record(decision(), personal())
    report = log.record_outcome(decision_id=made.id, defaulted=True, observed_on=TODAY, source="servicing")
    for unknown in (new_id(0), report.id):
        outcomes = [
            Outcome(decision_id=of, defaulted=False, observed_on=TODAY, source="servicing") for of in (made.id, unknown)
        ]
        with pytest.raises(UnknownDecisionError, match=unknown):
            log.record_outcomes(outcomes)
    assert verify(log).entries == 2


def test_decisions_that_look_alike_are_all_recorded_beside_outcomes(log: DecisionLog) -> None:
    from serving.decisions.chain import Entry

    made = log.record(decision(), personal())
    outcome = Outcome(decision_id=made.id, defaulted=True, observed_on=TODAY, source="servicing")
    entries = log._entries([(decision(), personal())] * 2)
    entries.insert(1, Entry(new_id(1), 1, "outcome", outcome.to_json(), subject=made.id))
    assert [receipt.sequence for receipt in log._write(entries)] == [2, 3, 4]
