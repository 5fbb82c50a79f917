"""promote, rollback and promotions, as a person types them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from credit_platform import cli
from credit_platform.model import registry
from credit_platform.model.succession import settle
from credit_platform.settings import Settings
from credit_platform_tests.gates import register, report

pytestmark = pytest.mark.xdist_group("graph")


@pytest.fixture
def registered(tracked: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A registry in which version 1 decides, 2 waits for sign-off and 3 has failed its gate."""
    register(tracked), register(tracked), register(tracked)
    settle(tracked, report("1"))
    settle(tracked.model_copy(update={"promotion": "sign-off"}), report("2", "1"))
    settle(tracked, report("3", "1", passes=False))
    monkeypatch.setattr(cli, "settings", lambda: tracked)
    monkeypatch.setattr(cli.console, "width", 400)
    return tracked


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def deciding(settings: Settings) -> str | None:
    return registry.number_under(settings, settings.model_alias)


def test_the_ledger_is_shown_as_a_table(registered: Settings) -> None:
    result = call("promotions")
    assert result.exit_code == 0
    promoted, waits, refused = (line.split() for line in result.stdout.splitlines()[1:4])
    assert promoted[2:6] == ["promotion", "none", "1", "done"]
    assert waits[2:7] == ["sign-off", "request", "1", "2", "waits"]
    assert refused[2:5] == ["refusal", "1", "3"]


def test_a_promotion_and_its_rollback_by_name(registered: Settings) -> None:
    granted = call("promote", "2", "--by", "Ann", "--why", "looked at [the] swap set")
    assert (granted.exit_code, granted.stdout) == (0, "promoted version 2; it decides now\n")
    assert deciding(registered) == "2"
    back = call("rollback", "--by", "Bob", "--why", "complaints")
    assert (back.exit_code, back.stdout) == (0, "rolled back to version 1; it decides now\n")
    assert deciding(registered) == "1"
    assert "looked at [the] swap set" in call("promotions").stdout


def test_a_version_that_failed_its_gate_is_refused_with_the_reasons_and_promoted_by_override(
    registered: Settings,
) -> None:
    refused = call("promote", "3", "--by", "Ann", "--why", "a try")
    assert refused.exit_code == 1
    assert "version 3 was not promoted: cheaper than" in refused.stderr
    assert deciding(registered) == "1"
    assert call("promote", "3", "--by", "Ann", "--why", "ordered", "--override").exit_code == 0
    assert deciding(registered) == "3"
    assert "promotion, overridden" in call("promotions").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["promote", "9", "--by", "Ann", "--why", "a try"], 1, "no version '9' of model"),
        (["promote", "2", "--by", "Ann"], 2, "--why"),
        (["promote", "2", "--by", " ", "--why", "a try"], 1, "needs a name"),
        (["rollback", "--by", "Ann", "--why", "a try", "--to", "9"], 1, "version 9 has never decided"),
    ],
)
def test_what_can_not_be_decided_is_said_in_words(
    registered: Settings, arguments: list[str], code: int, said: str
) -> None:
    result = call(*arguments)
    assert result.exit_code == code
    assert said in result.stderr


def test_an_alias_moved_by_other_means_is_pointed_out(registered: Settings) -> None:
    registry.point(registered, registered.model_alias, "2")
    said = call("promotions").stderr
    assert "note: the alias champion names version 2, the ledger 1: moved by other means" in said
    assert call("promotions").stderr == ""


def test_an_empty_machine_has_no_promotions_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Settings(_env_file=None, data_dir=tmp_path / "data", mlflow_tracking_uri="")
    monkeypatch.setattr(cli, "settings", lambda: bare)
    assert call("promotions").stdout == "no version has been promoted, refused or rolled back yet\n"
