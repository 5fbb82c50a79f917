"""Backups: made while everything writes, complete or not there, and a new folder that is the old one to the byte."""

import os
import shutil
import threading
from errno import ENOSPC
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from credit_platform import cli
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import NoRoomError, Version, require
from credit_platform.model import registry
from credit_platform.operations.backup import INDEX, BackupError, back_up, restore
from credit_platform.settings import Settings
from credit_platform_tests.conftest import COHORT
from credit_platform_tests.serving.decisions.making import decision, personal
from credit_platform_tests.tables import put
from credit_platform_tests.worlds import people, register, write_version
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

pytestmark = pytest.mark.xdist_group("graph")


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"data_dir": tmp_path / "new"})


def test_what_was_backed_up_while_all_was_written_to_comes_back_whole_in_another_folder(
    lake: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    register(lake, write_version(tmp_path / "version"), lake.model_alias)
    stop, written = threading.Event(), []

    def write(log: DecisionLog) -> None:
        while not stop.is_set():
            log.record(decision(), personal(client=len(written)))
            put(lake, "client_mart", COHORT, people(20, seed=len(written)))
            written.append(1)

    with DecisionLog.open(lake) as log:
        log.record(decision(), personal(client=100001))
        put(lake, "client_mart", COHORT, people(20))
        writing = threading.Thread(target=write, args=(log,))
        writing.start()
        try:
            made = back_up(lake, tmp_path / "backups")
        finally:
            stop.set()
            writing.join(20)
    assert written
    assert made.notes == []
    key = (lake.data_dir / "decisions" / "master.key").read_bytes()
    champion = {path.name: path.read_bytes() for path in registry.fetch(lake).folder.iterdir()}
    landed = {path.name: path.read_bytes() for path in (lake.landing_dir / COHORT).iterdir()}
    shutil.rmtree(lake.data_dir)

    restored = restore(elsewhere, made.folder)
    assert restored.files == made.files
    assert any("master.key" in note for note in restored.notes)
    assert {path.name: path.read_bytes() for path in (elsewhere.landing_dir / COHORT).iterdir()} == landed
    for table in (*(f"raw_{name}" for name in TABLE_NAMES), "client_mart"):
        assert _current(elsewhere, table).is_whole()
    found = registry.fetch(elsewhere)
    assert found.folder.is_relative_to(elsewhere.data_dir)
    assert {path.name: path.read_bytes() for path in found.folder.iterdir()} == champion
    (elsewhere.data_dir / "decisions" / "master.key").write_bytes(key)
    with DecisionLog.open(elsewhere, create=False) as log:
        report = verify(log)
        assert report.problem is None
        assert 1 <= report.decisions <= 1 + len(written)
        assert len(log.of_client(100001)) == 1
        log.record(decision(), personal())
        assert verify(log).problem is None


def _current(settings: Settings, table: str) -> Version:
    return require(settings, table, COHORT)


def test_the_master_key_is_in_no_backup_and_others_can_not_look_into_it(settings: Settings, tmp_path: Path) -> None:
    with DecisionLog.open(settings) as log:
        log.record(decision(), personal())
    made = back_up(settings, tmp_path / "backups")
    key = (settings.data_dir / "decisions" / "master.key").read_bytes().strip()
    assert not any(key in path.read_bytes() for path in made.folder.rglob("*") if path.is_file())
    assert made.folder.stat().st_mode & 0o777 == 0o700


def test_a_backup_that_found_no_room_is_not_there(
    lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: object, target: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC), str(target))

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(NoRoomError, match="no room for the backup"):
        back_up(lake, tmp_path / "backups")
    assert not list((tmp_path / "backups").rglob("*"))


def test_of_several_backups_the_newest_are_kept(
    lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for old in ("20250101T000000Z", "20250201T000000Z", "20250301T000000Z"):
        (tmp_path / "backups" / old).mkdir(parents=True)
        (tmp_path / "backups" / old / INDEX).write_text("{}")
    (tmp_path / "backups" / "mine").mkdir()
    made = back_up(lake, tmp_path / "backups", keep=2)
    assert {path.name for path in (tmp_path / "backups").iterdir()} == {"mine", "20250301T000000Z", made.folder.name}


def test_a_changed_file_is_found_and_nothing_is_restored(lake: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    made = back_up(lake, tmp_path / "backups")
    victim = next(made.folder.rglob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    with pytest.raises(BackupError, match="is not what was written"):
        restore(elsewhere, made.folder)
    assert not list(elsewhere.data_dir.iterdir())


def test_a_lost_file_is_found(lake: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    made = back_up(lake, tmp_path / "backups")
    next(made.folder.rglob("*.parquet")).unlink()
    with pytest.raises(BackupError, match="is gone"):
        restore(elsewhere, made.folder)


def test_a_damaged_table_is_told_and_all_else_is_backed_up(lake: Settings, tmp_path: Path) -> None:
    victim = next(_current(lake, "raw_bureau").folder().glob("*.parquet"))
    content = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(content[:-1] + b"?")
    (note,) = back_up(lake, tmp_path / "backups").notes
    assert str(victim) in note


@pytest.fixture
def typed(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("credit_platform.operations.commands.settings", lambda: lake)
    return lake


def call(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join((result.stdout + result.stderr).split())


def test_a_person_backs_up_and_restores(typed: Settings, tmp_path: Path) -> None:
    code, said = call("backup", tmp_path / "backups")
    assert code == 0, said
    (made,) = (tmp_path / "backups").iterdir()
    assert str(made) in said
    shutil.rmtree(typed.data_dir)
    code, said = call("restore-backup", made)
    assert code == 0, said
    assert _current(typed, "raw_bureau").is_whole()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("backup", "{data}/inside"), "lies in what is to be backed up"),
        (("restore-backup", "{data}"), "is no backup"),
        (("restore-backup", "{backups}"), "it holds the backups 2"),
        (("restore-backup", "{made}"), "holds lake, landing; move that away, or set CREDIT_DATA_DIR"),
    ],
)
def test_what_can_not_be_done_gets_a_sentence(
    typed: Settings, tmp_path: Path, arguments: tuple[str, str], sentence: str
) -> None:
    made = back_up(typed, tmp_path / "backups").folder
    command, argument = arguments
    code, said = call(command, argument.format(data=typed.data_dir, backups=made.parent, made=made))
    assert code == 1
    assert sentence in said


def test_nothing_to_back_up_is_said(elsewhere: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="holds nothing to back up"):
        back_up(elsewhere, tmp_path / "backups")


def test_what_others_keep_is_named(lake: Settings, tmp_path: Path) -> None:
    there = lake.model_copy(
        update={"decisions_url": SecretStr("postgresql://a:b@db/log"), "mlflow_tracking_uri": "http://mlflow:5000"}
    )
    notes = back_up(there, tmp_path / "backups").notes
    assert [note.partition(":")[0] for note in notes] == ["the decision log", "the registry"]
    assert not any("a:b" in note for note in notes)
