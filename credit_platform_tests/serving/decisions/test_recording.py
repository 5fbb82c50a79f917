"""Putting decisions on record: exactly, durably, from many callers at once."""

import asyncio
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from credit_platform.settings import Settings
from credit_platform_tests.serving.decisions.making import decision, personal
from serving.decisions import writer
from serving.decisions.entries import first_id, micros, moment, new_id
from serving.decisions.errors import DecisionLogBusyError, DecisionLogError, UnknownDecisionError
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

FEATURES = st.dictionaries(
    st.text(max_size=20),
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.text(),
    max_size=30,
)


@pytest.fixture
def embedded_log(embedded: Settings) -> Iterator[DecisionLog]:
    with DecisionLog.open(embedded) as log:
        yield log


def bits(features: dict[str, Any]) -> list[Any]:
    """Names, types and bits, in their order."""
    return [
        (name, type(value), struct.pack("d", value) if isinstance(value, float) else value)
        for name, value in features.items()
    ]


def test_a_decision_is_read_back_as_it_was_recorded(log: DecisionLog) -> None:
    given_decision, given_personal = decision(extra={"build": "1.2", "ms": 3.5}), personal()
    receipt = log.record(given_decision, given_personal)
    record = log.get(receipt.id)
    assert (record.decision, record.personal) == (given_decision, given_personal)
    assert (record.id, record.sequence, record.at) == (receipt.id, 1, receipt.at)
    assert abs(datetime.now(UTC) - record.at) < timedelta(minutes=1)
    assert record.hash == receipt.hash
    assert record.outcome is None
    assert log.inputs(receipt.id) == given_personal.inputs
    assert list(log.inputs(receipt.id)) == list(given_personal.inputs)


def test_a_decision_about_nobody_and_with_nothing_optional_is_recorded_too(log: DecisionLog) -> None:
    plain = decision(score=None, grade=None, shadow=None)
    nobody = personal(client=None, inputs={}, reasons=(), source={})
    record = log.get(log.record(plain, nobody).id)
    assert (record.decision, record.personal) == (plain, nobody)


@given(FEATURES, st.floats(0, 1))
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_features_come_back_to_the_bit(
    embedded_log: DecisionLog, features: dict[str, Any], probability: float
) -> None:
    receipt = embedded_log.record(decision(probability_of_default=probability), personal(inputs=features))
    assert bits(embedded_log.inputs(receipt.id)) == bits(features)
    found = embedded_log.get(receipt.id).decision.probability_of_default
    assert struct.pack("d", found) == struct.pack("d", probability)


def test_odd_numbers_and_texts_come_back_to_the_bit(log: DecisionLog) -> None:
    odd = {
        "minus zero": -0.0,
        "smallest": 5e-324,
        "third": 1 / 3,
        "whole": 1.0,
        "integer": 1,
        "large": 2**80,
        "not a number": "NaN, Infinity",
        "zero byte": "a\x00b",
        "emoji 😀": "Zürich ☃ \u2028",
        "nested": {"list": [1.5, None, True, {"a": "b"}]},
    }
    assert bits(log.inputs(log.record(decision(), personal(inputs=odd)).id)) == bits(odd)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"A": 1.0, "B": float("nan")}, "inputs.B is not a finite number"),
        ({"A": "NaN", "B": [1.0, float("-inf")]}, r"inputs.B\[1\] is not a finite number"),
        ({"A": {"B": object()}}, "inputs.A.B is a object"),
        ({"A": "\ud800"}, "inputs.A is not valid Unicode"),
        ({object(): 1}, "has no JSON form"),
    ],
)
def test_what_can_not_be_recorded_exactly_is_refused_by_name(
    embedded_log: DecisionLog, inputs: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        embedded_log.record(decision(), personal(inputs=inputs))
    assert list(embedded_log.since()) == []


def test_an_unknown_decision_is_an_error(log: DecisionLog) -> None:
    for look_up in (log.get, log.inputs):
        with pytest.raises(UnknownDecisionError):
            look_up(new_id(0))


def test_many_threads_and_tasks_get_each_their_own_receipt(log: DecisionLog) -> None:
    def in_a_thread(number: int) -> tuple[int, str]:
        return number, log.record(decision(), personal(client=number, inputs={"number": number})).id

    async def in_a_task(number: int) -> tuple[int, str]:
        return number, (await log.record_async(decision(), personal(client=number, inputs={"number": number}))).id

    async def in_tasks() -> list[tuple[int, str]]:
        return list(await asyncio.gather(*(in_a_task(number) for number in range(100, 140))))

    with ThreadPoolExecutor(9) as threads:
        tasks = threads.submit(asyncio.run, in_tasks())
        made = [*threads.map(in_a_thread, range(40)), *tasks.result()]
    assert len(made) == 80
    assert all(log.inputs(made_id) == {"number": number} for number, made_id in made)
    assert [record.sequence for record in log.since()] == list(range(1, 81))
    assert verify(log).problem is None
    assert log.waiting == 0


def test_decisions_made_together_are_recorded_in_one_go(log: DecisionLog) -> None:
    receipts = log.record_all([(decision(), personal(client=number)) for number in range(300)])
    assert [receipt.sequence for receipt in receipts] == list(range(1, 301))
    assert asyncio.run(log.record_all_async([(decision(), personal())] * 2))[1].sequence == 302
    assert log.record_all([]) == asyncio.run(log.record_all_async([])) == []
    assert log.get(receipts[299].id).personal == personal(client=299)


class SlowWrites:
    """Holds up the writer until it is told to go on."""

    def __init__(self, log: DecisionLog, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started, self.go_on = threading.Event(), threading.Event()
        self.batches: list[int] = []
        append = log._append

        def slow(connection: Any, entries: Any) -> Any:
            self.batches.append(len(entries))
            self.started.set()
            assert self.go_on.wait(10)
            return append(connection, entries)

        monkeypatch.setattr(log, "_append", slow)


def test_what_arrives_during_a_commit_shares_the_next_one(
    embedded_log: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, slow = embedded_log, SlowWrites(embedded_log, monkeypatch)

    async def record() -> None:
        first = asyncio.create_task(log.record_async(decision(), personal()))
        await asyncio.to_thread(slow.started.wait, 10)
        others = [asyncio.create_task(log.record_async(decision(), personal())) for _ in range(30)]
        await asyncio.sleep(0)
        assert log.waiting == 31
        slow.go_on.set()
        await asyncio.gather(first, *others)

    asyncio.run(record())
    assert slow.batches == [1, 30]


def test_more_than_the_log_can_hold_is_refused_at_once(
    embedded_log: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 3)
    log, slow = embedded_log, SlowWrites(embedded_log, monkeypatch)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(log.record, decision(), personal())]
        assert slow.started.wait(10)
        waiting.append(threads.submit(log.record_all, [(decision(), personal())] * 2))
        while log.waiting < 3:
            time.sleep(0.01)
        with pytest.raises(DecisionLogBusyError, match="3 records wait"):
            log.record(decision(), personal())
        slow.go_on.set()
        for one in waiting:
            one.result(10)
    assert len(list(log.since())) == 3


def test_a_caller_that_gives_up_before_its_turn_leaves_no_record(
    embedded_log: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, slow = embedded_log, SlowWrites(embedded_log, monkeypatch)
    monkeypatch.setattr(writer, "PATIENCE_SECONDS", 0.2)

    async def record() -> None:
        first = asyncio.create_task(log.record_async(decision(), personal()))
        await asyncio.to_thread(slow.started.wait, 10)
        cancelled = asyncio.create_task(log.record_async(decision(), personal()))
        await asyncio.sleep(0)
        cancelled.cancel()
        late = await asyncio.gather(
            first,
            log.record_async(decision(), personal()),
            asyncio.to_thread(log.record, decision(), personal()),
            return_exceptions=True,
        )
        assert [type(error) for error in late] == [DecisionLogError] * 3
        assert "within 0.2 seconds" in str(late[1])

    asyncio.run(record())
    slow.go_on.set()
    monkeypatch.undo()
    log.record(decision(), personal(client="next"))
    # The first one was being written: it is on record without having been answered, which does no harm.
    assert [record.personal.client for record in log.since() if record.personal] == [100002, "next"]


def test_closing_writes_what_waits_and_takes_nothing_more_on(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = DecisionLog.open(embedded)
    slow = SlowWrites(log, monkeypatch)
    with ThreadPoolExecutor(21) as threads:
        waiting = [threads.submit(log.record, decision(), personal()) for _ in range(20)]
        while log.waiting < 20:
            time.sleep(0.01)
        closing = threads.submit(log.close)
        while not log._writer._closed:
            time.sleep(0.01)
        with pytest.raises(DecisionLogError, match="closed"):
            log.record(decision(), personal())
        slow.go_on.set()
        closing.result(10)
        receipts = [one.result(10) for one in waiting]
    with DecisionLog.open(embedded, create=False) as log:
        assert {record.id for record in log.since()} == {receipt.id for receipt in receipts}
        assert verify(log).heads == 1


def test_ids_sort_by_time_to_the_microsecond() -> None:
    times = [0, 1, 999, 1000, 1_700_000_000_000_000, 1_700_000_000_000_001, 1_700_000_000_001_000]
    ids = [new_id(at) for at in times]
    assert ids == sorted(ids)
    assert all(first_id(at) < made < first_id(at + 1) for at, made in zip(times, ids, strict=True))
    assert all(made[14] == "7" and made[19] in "89ab" for made in ids)
    assert [micros(moment(at)) for at in times] == times
    with pytest.raises(ValueError, match="zone"):
        micros(datetime(2024, 1, 1))
