"""`credit-platform alerts`."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from credit_platform.alerting import commands, heartbeat, sources, watch
from credit_platform.cli import app
from credit_platform.settings import Settings
from credit_platform_tests.loopback import http_inbox
from credit_platform_tests.messages import INCOME, NOON

Command = Callable[..., Result]


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(commands, "settings", lambda: settings)
    return lambda *words: CliRunner().invoke(app, ["alerts", *words], env={"COLUMNS": "300"})


@pytest.fixture
def identity(settings: Settings) -> str:
    (event,) = watch.observe(settings, [sources.run_from("2025-03", [INCOME])], NOON)
    return event.incident.id


def test_incidents_are_listed_taken_up_and_closed(command: Command, identity: str) -> None:
    assert identity in command("list").stdout
    said = ("--by", "ana", "--why", "asked the bureau")
    assert "ana has taken up" in command("acknowledge", identity, *said, "--for", "3").stdout
    assert "silent until" in command("snooze", identity, *said).stdout
    assert command("resolve", identity, "useful", *said).exit_code == 0
    assert command("list").stdout.strip() == "no incident is open"
    assert identity in command("list", "--status", "all").stdout
    again = command("snooze", identity, *said)
    assert again.exit_code == 1
    assert "resolved already" in again.stderr


def test_an_unknown_incident_is_refused(command: Command) -> None:
    assert command("list", "--status", "all").stdout.strip() == "there was no incident yet"
    answer = command("resolve", "nothing", "noise", "--by", "ana", "--why", "x")
    assert answer.exit_code == 1
    assert "there is no incident nothing" in answer.stderr


def test_the_heartbeat_can_be_asked_for_from_outside(command: Command, settings: Settings) -> None:
    assert "never been seen" in command("beat").stderr
    heartbeat.beat(settings, NOON)
    assert command("beat").exit_code == 1
    heartbeat.beat(settings, watch.now())
    assert command("beat").stdout.startswith("alive")


def test_a_trial_goes_by_every_channel(command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_inbox() as inbox:
        told = settings.model_copy(update={"alert_webhook_url": SecretStr(inbox.url)})
        monkeypatch.setattr(commands, "settings", lambda: told)
        assert command("send-test").stdout == "log: taken\nwebhook: taken\n"
        inbox.answers = [500]
        failed = command("send-test")
    assert failed.exit_code == 1
    assert "webhook: answered 500" in failed.stdout
