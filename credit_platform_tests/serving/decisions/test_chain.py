"""Changing the log behind its back: the database refuses, and where its triggers are gone, the verification tells."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from credit_platform.settings import Settings
from credit_platform_tests.serving.decisions.making import Intruder, decision, personal
from serving.decisions import verification
from serving.decisions.chain import digest_of, link
from serving.decisions.entries import Outcome, Receipt, new_id
from serving.decisions.erasure import erase
from serving.decisions.errors import DecisionLogError
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

COLUMNS = ("sequence", "id", "at", "event", "subject", "body", "sealed", "hash", "mac")


@pytest.fixture
def receipts(log: DecisionLog) -> list[Receipt]:
    """Six decisions, an outcome and an erasure: eight entries."""
    made = log.record_all([(decision(), personal(client=number)) for number in range(6)])
    log.record_outcome(decision_id=made[0].id, defaulted=True, observed_on=made[0].at.date(), source="servicing")
    erase(log, 5, by="dpo")
    return made


def problem(log: DecisionLog, *heads: Path) -> str:
    return verify(log, heads).problem or ""


def row(intruder: Intruder, sequence: int) -> dict[str, Any]:
    (found,) = intruder(f"select {', '.join(COLUMNS)} from decision_records where sequence = {sequence}")
    return {name: bytes(v) if isinstance(v, memoryview) else v for name, v in zip(COLUMNS, found, strict=True)}


def put(intruder: Intruder, values: dict[str, Any]) -> None:
    names = ", ".join(f":{name}" for name in COLUMNS)
    intruder(f"insert into decision_records ({', '.join(COLUMNS)}) values ({names})", **values)


@contextmanager
def changed(intruder: Intruder, table: str, key: str, column: str, value: Any) -> Iterator[None]:
    ((before,),) = intruder(f"select {column} from {table} where {key}")
    intruder(f"update {table} set {column} = :value where {key}", value=value)
    yield
    back = key if column != "sequence" else f"sequence = {value}"
    intruder(f"update {table} set {column} = :value where {back}", value=before)


def test_an_untouched_log_verifies_and_says_how_far_it_got(log: DecisionLog, receipts: list[Receipt]) -> None:
    told: list[tuple[int, int]] = []
    report = verify(log, progress=lambda done, total: told.append((done, total)))
    assert (report.entries, report.decisions, report.erased, report.heads, report.problem) == (8, 6, 1, 1, None)
    assert told == [(8, 8)]
    assert report.newest == verify(log).newest != receipts[-1].hash


def test_an_empty_log_verifies(log: DecisionLog) -> None:
    report = verify(log)
    assert (report.entries, report.heads, report.problem) == (0, 0, None)


def test_the_database_refuses_to_change_or_delete_what_is_on_record(
    log: DecisionLog, receipts: list[Receipt], intruder: Intruder
) -> None:
    attempts = ["update decision_records set body = '{}' where sequence = 3", "delete from decision_records"]
    if intruder.is_sqlite:
        attempts += [
            "insert or replace into decision_records select * from decision_records where sequence = 3",
            "insert into decision_records select 99, 'x', at, event, null, body, sealed, hash, mac"
            " from decision_records where sequence = 3",
        ]
    else:
        attempts += [
            "truncate decision_records",
            "insert into decision_records select * from decision_records on conflict (id) do update set body = '{}'",
        ]
    for attempt in attempts:
        with pytest.raises(DBAPIError, match="append-only"):
            intruder(attempt)
    assert not problem(log)


def test_a_change_of_any_column_is_found_and_named(
    log: DecisionLog, receipts: list[Receipt], intruder: Intruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_PAGE", 2)
    intruder.disarm()
    other = row(intruder, 5)
    changes = {
        "id": new_id(1),
        "at": other["at"],
        "event": "erasure",
        "subject": other["id"],
        "body": other["body"].replace("approve", "refuse"),
        "sealed": other["sealed"],
        "hash": other["hash"],
        "mac": other["mac"],
    }
    for column, value in changes.items():
        with changed(intruder, "decision_records", "sequence = 3", column, value):
            assert problem(log).startswith("entry 3 "), column
    for column in ("subject", "sealed"):
        with changed(intruder, "decision_records", "sequence = 3", column, b"" if column == "sealed" else ""):
            assert problem(log).startswith("entry 3 "), column
    with changed(intruder, "decision_records", "sequence = 3", "sequence", -3):
        assert problem(log) == "entry -3 was put in"
    with changed(intruder, "decision_records", "sequence = 8", "sequence", 80):
        assert problem(log) == "entry 8 is missing"
    assert not problem(log)


def test_a_change_of_a_key_is_found_and_named(log: DecisionLog, receipts: list[Receipt], intruder: Intruder) -> None:
    third = f"id = '{receipts[2].id}'"
    for column in ("client", "wrapped"):
        ((other,),) = intruder(f"select {column} from decision_keys where id = '{receipts[3].id}'")
        for value in (other, bytes(32), b""):
            with changed(intruder, "decision_keys", third, column, value):
                assert problem(log).startswith(f"the key of entry 3 (decision {receipts[2].id}) was changed"), column
    with pytest.raises(DecisionLogError), changed(intruder, "decision_keys", third, "wrapped", bytes(64)):
        log.get(receipts[2].id)


def test_what_was_written_by_sqlite_rules_alone_is_found(embedded: Settings) -> None:
    with DecisionLog.open(embedded) as log:
        log.record_all([(decision(), personal())] * 3)
        intruder = Intruder(embedded)
        intruder.disarm()
        for column, value in (("body", 7), ("at", "now"), ("hash", "text"), ("sealed", "text")):
            with changed(intruder, "decision_records", "sequence = 2", column, value):
                assert problem(log).startswith("entry 2 "), column
        intruder("update decision_records set body = cast(x'ff' as text) where sequence = 2")
        assert problem(log) == "entry 2 can't be read"
        intruder.close()


def test_a_deleted_entry_is_found_and_named(log: DecisionLog, receipts: list[Receipt], intruder: Intruder) -> None:
    intruder.disarm()
    intruder("delete from decision_records where sequence = 4")
    assert problem(log) == "entry 4 is missing"
    # To close the gap takes renumbering, and then the hashes are not right.
    for sequence in range(5, 9):
        intruder(f"update decision_records set sequence = {sequence - 1} where sequence = {sequence}")
    assert problem(log).startswith("entry 4 (decision ")


def test_entries_that_changed_places_are_found(log: DecisionLog, receipts: list[Receipt], intruder: Intruder) -> None:
    intruder.disarm()
    third, fourth = row(intruder, 3), row(intruder, 4)
    intruder("delete from decision_records where sequence in (3, 4)")
    put(intruder, fourth | {"sequence": 3})
    put(intruder, third | {"sequence": 4})
    assert problem(log).startswith(f"entry 3 (decision {receipts[3].id}) is not what was put on record")


def test_an_entry_put_in_between_is_found(log: DecisionLog, receipts: list[Receipt], intruder: Intruder) -> None:
    intruder.disarm()
    for sequence in range(8, 3, -1):
        intruder(f"update decision_records set sequence = {sequence + 1} where sequence = {sequence}")
    put(intruder, row(intruder, 3) | {"sequence": 4, "id": new_id(1)})
    assert problem(log).startswith("entry 4 (decision ")


def forged(intruder: Intruder, like: int, **changes: Any) -> dict[str, Any]:
    """An entry with a hash that is right, which anyone can compute; only the code is not."""
    entry = row(intruder, like) | changes
    content = digest_of(*(entry[name] for name in ("id", "at", "event", "subject", "body", "sealed")))
    return entry | {"hash": link(row(intruder, entry["sequence"] - 1)["hash"], entry["sequence"], content)}


def test_an_entry_forged_at_the_end_is_found(log: DecisionLog, receipts: list[Receipt], intruder: Intruder) -> None:
    put(intruder, forged(intruder, 1, sequence=9, id=new_id(1)))
    assert "was not put on record by this log" in problem(log)


def test_a_history_rewritten_with_right_hashes_is_found(
    log: DecisionLog, receipts: list[Receipt], intruder: Intruder
) -> None:
    intruder.disarm()
    body = row(intruder, 3)["body"].replace("approve", "refuse")
    for sequence in range(3, 9):
        entry = forged(intruder, sequence, **({"body": body} if sequence == 3 else {}))
        intruder(f"delete from decision_records where sequence = {sequence}")
        put(intruder, entry)
    assert problem(log) == f"entry 3 (decision {receipts[2].id}) was not put on record by this log"


def test_a_tail_cut_off_is_found_by_its_keys_or_by_a_head(
    log: DecisionLog, receipts: list[Receipt], intruder: Intruder, tmp_path: Path
) -> None:
    log.keep_head()
    kept = tmp_path / "elsewhere.json"
    kept.write_bytes(log.head_file.read_bytes())
    intruder.disarm()
    intruder("delete from decision_records where sequence > 4")
    assert problem(log) == f"the log ends with entry 4, but {log.head_file} names entry 8 of " + (
        json.loads(kept.read_text())["at"] + ": the tail was cut off"
    )
    log.head_file.unlink()
    assert problem(log) == "1 keys belong to no decision on record: the log lost entries"
    intruder(f"delete from decision_keys where id = '{receipts[4].id}'")
    assert not problem(log)
    assert "the tail was cut off" in problem(log, kept)
    # Growing past the head does not help: there, another entry stands now.
    log.record_all([(decision(), personal())] * 5)
    assert f"is not the one that {kept} names" in problem(log, kept)


def test_a_newer_head_is_not_replaced_by_an_older_one(
    log: DecisionLog, receipts: list[Receipt], intruder: Intruder
) -> None:
    log.keep_head()
    before = log.head_file.read_bytes()
    intruder.disarm()
    intruder("delete from decision_records where sequence > 4")
    log.record(decision(), personal())
    log.keep_head()
    assert log.head_file.read_bytes() == before


def test_a_head_that_is_not_of_this_log_is_told(log: DecisionLog, receipts: list[Receipt], tmp_path: Path) -> None:
    head = json.loads(log.head_file.read_text())
    file = tmp_path / "head.json"
    file.write_text(json.dumps(head | {"sequence": 2}))
    assert problem(log, file) == f"{file} was not signed by this log"
    for content in ("", "[]", "{}", json.dumps(head | {"sequence": "2"})):
        file.write_text(content)
        with pytest.raises(DecisionLogError, match="is no head of a decision log"):
            verify(log, [file])


def test_a_head_that_can_not_be_kept_does_not_hold_up_decisions(
    log: DecisionLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.head_file.mkdir()
    log.record(decision(), personal())
    assert "the head of the decision log can't be kept" in caplog.text
    log.head_file.rmdir()


def test_a_key_that_vanished_without_an_erasure_is_told(
    log: DecisionLog, receipts: list[Receipt], intruder: Intruder
) -> None:
    intruder(f"delete from decision_keys where id = '{receipts[1].id}'")
    assert problem(log) == "1 keys vanished without an erasure on record"


def test_outcomes_are_part_of_the_chain(log: DecisionLog, receipts: list[Receipt], intruder: Intruder) -> None:
    intruder.disarm()
    outcome = Outcome(
        decision_id=receipts[0].id, defaulted=False, observed_on=receipts[0].at.date(), source="servicing"
    )
    intruder("update decision_records set body = :body where sequence = 7", body=outcome.to_json())
    assert problem(log).startswith("entry 7 (outcome ")
