"""The doctor: a sound installation, each thing that can be wrong, and that looking makes nothing."""

import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from credit_platform import cli
from credit_platform.lake import require
from credit_platform.operations.doctor import Finding, examine
from credit_platform.settings import Settings
from credit_platform_tests.conftest import COHORT
from credit_platform_tests.serving.decisions.making import decision, personal
from credit_platform_tests.tables import put
from credit_platform_tests.worlds import people
from serving.decisions.log import DecisionLog

pytestmark = pytest.mark.xdist_group("graph")


def found(settings: Settings, subject: str, ports: dict[str, int] | None = None) -> list[Finding]:
    return [finding for finding in examine(settings, ports or {}) if finding.subject == subject]


def test_an_empty_machine_is_told_what_to_do_first_and_stays_empty(settings: Settings) -> None:
    findings = list(examine(settings, {}))
    assert not [finding for finding in findings if finding.state == "wrong"]
    assert all(finding.advice for finding in findings if finding.state == "note")
    assert not settings.data_dir.exists()


def test_a_mart_that_lost_a_file_is_wrong(lake: Settings) -> None:
    put(lake, "client_mart", COHORT, people(5))
    assert found(lake, "lake")[0].state == "ok"
    next(require(lake, "client_mart", COHORT).folder().glob("*.parquet")).unlink()
    assert found(lake, "lake")[0] == Finding(
        "wrong", "lake", f"client_mart is damaged: {COHORT}", "materialise them again, or restore a backup"
    )


def test_a_cohort_that_is_not_in_the_mart_is_told(lake: Settings) -> None:
    (finding,) = found(lake, "lake")
    assert (finding.state, finding.found) == ("note", "cohorts landed: 1, in the mart: 0")
    assert "credit-platform quarantine" in finding.advice


def test_a_misspelt_setting_is_noticed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDIT_COST_FALSE_NEGATIV", "5")
    (finding,) = found(settings, "settings")
    assert "CREDIT_COST_FALSE_NEGATIV is no setting" in finding.found
    assert finding.advice == "did you mean CREDIT_COST_FALSE_NEGATIVE?"


def test_a_key_that_others_can_read_is_wrong(settings: Settings) -> None:
    with DecisionLog.open(settings) as log:
        log.record(decision(), personal())
    key = settings.data_dir / "decisions" / "master.key"
    assert found(settings, "secrets")[0].state == "ok"
    key.chmod(0o644)
    assert found(settings, "secrets")[0] == Finding(
        "wrong", "secrets", f"{key} can be read by others", f"chmod 600 {key}"
    )


def test_a_log_without_its_key_is_wrong(settings: Settings) -> None:
    with DecisionLog.open(settings) as log:
        log.record(decision(), personal())
    assert found(settings, "decision log")[0].state == "ok"
    (settings.data_dir / "decisions" / "master.key").unlink()
    (finding,) = found(settings, "decision log")
    assert finding.state == "wrong"
    assert "key is missing" in finding.found


def test_servers_that_do_not_answer_are_named_and_their_passwords_are_not(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    database = SecretStr(f"postgresql://user:hidden@127.0.0.1:{port}/x")
    there = settings.model_copy(
        update={
            "mlflow_tracking_uri": f"http://127.0.0.1:{port}",
            "decisions_url": database,
            "alert_url": database,
        }
    )
    wrong = {finding.subject: finding for finding in examine(there, {}) if finding.state == "wrong"}
    assert set(wrong) == {"registry", "decision log", "incidents"}
    assert wrong["registry"].found == f"nothing answers at 127.0.0.1:{port}"
    assert "hidden" not in str(wrong)


@pytest.mark.parametrize(("free", "state"), [(5e8, "wrong"), (5e9, "note"), (5e10, "ok")])
def test_little_room_is_told_in_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: float, state: str
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free))
    assert found(settings, "disk")[0].state == state


def test_a_data_folder_that_everybody_can_write_to_is_wrong(lake: Settings) -> None:
    lake.data_dir.chmod(0o777)
    assert found(lake, "data folder")[0].advice == f"chmod o-w {lake.data_dir}"


def test_a_port_that_is_taken_is_told(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"{port} for dagster is taken" in [each.found for each in found(settings, "port", {"dagster": port})]


def test_what_is_wrong_ends_the_command_with_an_error(
    lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credit_platform.operations.commands.settings", lambda: lake)
    sound = CliRunner().invoke(cli.app, ["doctor"])
    assert sound.exit_code == 0, sound.stdout
    lake.data_dir.chmod(0o777)
    wrong = CliRunner().invoke(cli.app, ["doctor"])
    assert wrong.exit_code == 1
    assert f"-> chmod o-w {lake.data_dir}" in wrong.stdout
