"""Erasing clients, keeping no longer than allowed, renewing the master key: what can be read afterwards."""

import os
import shutil
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from credit_platform.settings import Settings
from credit_platform_tests.serving.decisions.making import Intruder, decision, everything_in, personal
from serving.decisions import erasure
from serving.decisions import log as log_module
from serving.decisions.entries import micros
from serving.decisions.erasure import erase, retain, rotate
from serving.decisions.errors import DecisionLogError, ErasedError, UnknownDecisionError
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify


def key() -> str:
    return b64encode(os.urandom(32)).decode()


def test_after_an_erasure_the_decision_stays_and_nothing_leads_to_the_client(
    log: DecisionLog, intruder: Intruder
) -> None:
    erased = log.record_all([(decision(score=number), personal(client="A-17")) for number in range(3)])
    other = log.record(decision(), personal(client="A-18"))
    log.record_outcome(decision_id=erased[0].id, defaulted=True, observed_on=erased[0].at.date(), source="servicing")
    done = erase(log, "A-17", by="dpo")
    assert (done.decisions, [receipt.sequence for receipt in done.receipts]) == (3, [6])

    record = log.get(erased[0].id)
    assert record.decision == decision(score=0)
    assert record.at == erased[0].at
    assert record.outcome
    assert record.personal is None
    with pytest.raises(ErasedError):
        log.inputs(erased[0].id)
    assert log.of_client("A-17") == []
    with pytest.raises(UnknownDecisionError):
        log.decision_of("A-17", datetime.now(UTC).date())
    assert log.inputs(other.id) == personal().inputs

    assert intruder("select event, body from decision_records where sequence = 6") == [
        ("erasure", '{"destroyed":3,"by":"dpo"}')
    ]
    assert [
        row for row in intruder("select * from decision_keys") if row[0] in {receipt.id for receipt in erased}
    ] == []
    report = verify(log)
    assert (report.problem, report.decisions, report.erased) == (None, 4, 3)


def test_a_client_that_comes_back_after_an_erasure_is_a_new_one(log: DecisionLog) -> None:
    log.record(decision(), personal(client=1))
    erase(log, 1, by="dpo")
    again = log.record(decision(), personal(client=1))
    assert [record.id for record in log.of_client(1)] == [again.id]
    assert verify(log).problem is None


def test_erasing_whom_nobody_knows_leaves_no_trace(log: DecisionLog) -> None:
    log.record(decision(), personal(client=1))
    assert erase(log, 2, by="dpo") == (0, [])
    assert verify(log).entries == 1


def test_many_keys_are_destroyed_in_several_transactions(log: DecisionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "_MOST_AT_ONCE", 2)
    log.record_all([(decision(), personal(client=1))] * 5)
    done = erase(log, 1, by="dpo")
    assert (done.decisions, len(done.receipts)) == (5, 3)
    assert (verify(log).erased, verify(log).problem) == (5, None)


def test_what_is_older_than_allowed_can_not_be_read_any_more(log: DecisionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(days_ago: float) -> str:
        at = micros(datetime.now(UTC) - timedelta(days=days_ago))
        monkeypatch.setattr(log_module, "now", lambda: at)
        return log.record(decision(), personal(client=1)).id

    old, younger, new = made(31), made(29), made(0)
    done = retain(log, days=30)
    assert done.decisions == 1
    assert log.get(old).personal is None
    assert log.get(old).decision == decision()
    assert [record.id for record in log.of_client(1)] == [new, younger]
    assert retain(log, days=30) == (0, [])
    assert erase(log, 1, by="dpo").decisions == 2
    assert (verify(log).erased, verify(log).problem) == (3, None)


def test_a_destroyed_key_that_comes_back_from_a_backup_is_told(log: DecisionLog, intruder: Intruder) -> None:
    made = log.record(decision(), personal(client=1))
    ((client, wrapped),) = intruder("select client, wrapped from decision_keys")
    erase(log, 1, by="dpo")
    statement = "insert into decision_keys (id, client, wrapped) values (:id, :client, :wrapped)"
    intruder(statement, id=made.id, client=bytes(client), wrapped=bytes(wrapped))
    assert verify(log).problem == "1 destroyed keys are back: destroy them again"
    intruder("delete from decision_keys")
    assert verify(log).problem is None


def test_nothing_personal_is_readable_in_the_files(embedded: Settings) -> None:
    with DecisionLog.open(embedded) as log:
        inputs = {"NAME_OF_A_FEATURE": "a telling value", "OTHER": 123456.789}
        log.record(decision(), personal(client="client-100002", request_id="request-4711", inputs=inputs))
        content = everything_in(embedded.data_dir / "decisions")
    for told in (b"client-100002", b"request-4711", b"NAME_OF_A_FEATURE", b"a telling value", b"123456.789", b"bureau"):
        assert told not in content
    assert b'"decision":"approve"' in content


def test_a_destroyed_key_leaves_nothing_in_the_files(embedded: Settings) -> None:
    with DecisionLog.open(embedded) as log:
        log.record_all([(decision(), personal(client=number)) for number in range(5)])
        intruder = Intruder(embedded)
        client = log.keys.pseudonym(3)
        ((wrapped,),) = intruder("select wrapped from decision_keys where client = :client", client=client)
        intruder.close()
        folder = embedded.data_dir / "decisions"
        assert wrapped in everything_in(folder)
        assert client in everything_in(folder)
        erase(log, 3, by="dpo")
        assert wrapped not in everything_in(folder)
        assert client not in everything_in(folder)


def test_a_renewed_master_key_makes_the_keys_in_old_backups_useless(settings: Settings) -> None:
    old, new = key(), key()

    def with_keys(keys: str) -> Settings:
        return settings.model_copy(update={"decisions_key": SecretStr(keys)})

    with DecisionLog.open(with_keys(old)) as log:
        before = log.record(decision(), personal(client=1))
        log.record(decision(), personal(client=2))
        erase(log, 2, by="dpo")
        intruder = Intruder(settings)
        ((backed_up,),) = intruder("select wrapped from decision_keys")
    with DecisionLog.open(with_keys(f"{new}, {old}")) as log:
        after = log.record(decision(), personal(client=1))
        assert rotate(log) == 1
        assert rotate(log) == 0
    with DecisionLog.open(with_keys(new)) as log:
        assert [record.id for record in log.of_client(1)] == [after.id, before.id]
        assert verify(log).problem is None
        intruder("update decision_keys set wrapped = :old where id = :id", old=bytes(backed_up), id=before.id)
        with pytest.raises(DecisionLogError, match="unwrapped"):
            log.get(before.id)
    intruder.close()
    with pytest.raises(DecisionLogError, match="CREDIT_DECISIONS_KEY"):
        DecisionLog.open(with_keys(old))


def test_the_master_key_is_made_once_and_for_its_owner_only(embedded: Settings) -> None:
    file = embedded.data_dir / "decisions" / "master.key"
    with DecisionLog.open(embedded) as log:
        made = log.record(decision(), personal())
    content = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    with DecisionLog.open(embedded) as log:
        assert log.inputs(made.id) == personal().inputs
    assert file.read_bytes() == content


def test_a_lost_key_is_told_and_none_is_made_in_its_place(embedded: Settings, tmp_path: Path) -> None:
    DecisionLog.open(embedded).close()
    file = embedded.data_dir / "decisions" / "master.key"
    kept = file.read_bytes()
    file.unlink()
    with pytest.raises(DecisionLogError, match=r"key is missing: set CREDIT_DECISIONS_KEY, or put .*master\.key back"):
        DecisionLog.open(embedded)
    assert not file.exists()
    with pytest.raises(DecisionLogError, match="can't be unwrapped with CREDIT_DECISIONS_KEY"):
        DecisionLog.open(embedded.model_copy(update={"decisions_key": SecretStr(key())}))
    DecisionLog.open(embedded.model_copy(update={"decisions_key": SecretStr(kept.decode().strip())})).close()
    shutil.rmtree(tmp_path / "decisions")


@pytest.mark.parametrize(
    "given", ["secret", "c2hvcnQ=", f"{key()},", "ä" * 44], ids=["word", "short", "list", "no base64"]
)
def test_a_key_that_is_none_is_refused_without_repeating_it(embedded: Settings, given: str) -> None:
    with pytest.raises(DecisionLogError, match="must be 32 bytes in base64") as told:
        DecisionLog.open(embedded.model_copy(update={"decisions_key": SecretStr(given)}))
    assert given not in str(told.value)


def test_a_key_file_that_others_can_read_is_warned_of(embedded: Settings, caplog: pytest.LogCaptureFixture) -> None:
    DecisionLog.open(embedded).close()
    (embedded.data_dir / "decisions" / "master.key").chmod(0o644)
    caplog.clear()
    DecisionLog.open(embedded).close()
    assert "chmod 600" in caplog.text
