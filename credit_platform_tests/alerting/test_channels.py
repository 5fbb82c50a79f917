"""Each channel against a real server on loopback, and the outbox that tries until a message has arrived."""

import hmac
import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from credit_platform.alerting import heartbeat
from credit_platform.alerting.channels import (
    Channel,
    ChannelError,
    Email,
    Log,
    Slack,
    Teams,
    Webhook,
    channels_of,
)
from credit_platform.alerting.messages import Message
from credit_platform.alerting.outbox import deliver
from credit_platform.alerting.store import AlertStore
from credit_platform.settings import Settings
from credit_platform_tests.loopback import http_inbox, self_signed, smtp_inbox
from credit_platform_tests.messages import NOON, SCORE, message

WEEK = timedelta(days=7)


def test_a_webhook_gets_the_message_signed_and_under_its_id() -> None:
    with http_inbox() as inbox:
        Webhook(inbox.url, "key").send(message())
    assert Message.from_json(inbox.bodies[0].decode()) == message()
    assert inbox.received[0]["Idempotency-Key"] == message().id
    expected = hmac.new(b"key", inbox.bodies[0], sha256).hexdigest()
    assert inbox.received[0]["X-Signature-256"] == f"sha256={expected}"


def test_slack_gets_blocks_with_what_to_do_and_the_report() -> None:
    with http_inbox() as inbox:
        Slack(inbox.url).send(message("WARN <2025-03>"))
    sent = json.loads(inbox.bodies[0])
    assert sent["text"] == "WARN <2025-03>"
    header, section, context = sent["blocks"]
    assert header["text"]["text"] == "WARN <2025-03>"
    assert SCORE.sentence in section["text"]["text"]
    assert "<https://wiki.example/alerts#score|What to do>" in context["elements"][0]["text"]
    assert "|Report>" in context["elements"][0]["text"]


def test_teams_gets_an_adaptive_card() -> None:
    with http_inbox() as inbox:
        Teams(inbox.url).send(message())
    (attachment,) = json.loads(inbox.bodies[0])["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard"
    assert card["body"][0]["color"] == "Warning"
    assert SCORE.sentence in card["body"][1]["text"]
    assert {action["title"] for action in card["actions"]} == {"What to do", "Report"}


def test_mail_is_text_and_html_and_says_all_there_is_to_say() -> None:
    with smtp_inbox() as inbox:
        Email("127.0.0.1", inbox.port, "from@here.example", ("a@x.example", "b@x.example"), tls="none").send(message())
    mail = message_from_bytes(inbox.bodies[0], policy=policy.default)
    assert (mail["Subject"], mail["To"]) == (message().title, "a@x.example, b@x.example")
    text = mail.get_body(("plain",)).get_content()
    for told in (SCORE.sentence, "0.31, limit 0.1", "Since 2025-02", "population moved", "wiki.example", "/report"):
        assert told in text
    assert f"<li>new: {SCORE.sentence}" in mail.get_body(("html",)).get_content()


def test_mail_with_a_login_is_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    mail = Email("127.0.0.1", 0, "from@here.example", ("a@x.example",), "user", "word", "starttls")
    with smtp_inbox(certificate) as inbox:
        to = Email(**{**vars(mail), "port": inbox.port})
        with pytest.raises(ChannelError, match="SSLCertVerificationError"):
            to.send(message())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        to.send(message())
    assert inbox.logins == [b"\0user\0word"]
    assert len(inbox.bodies) == 1


@pytest.mark.parametrize("status", [301, 404, 429, 500])
def test_a_server_that_does_not_take_it_is_an_error_without_its_address(status: int) -> None:
    with http_inbox() as inbox:
        inbox.answers, inbox.headers = [status], {"Retry-After": "120", "Location": "/elsewhere"}
        with pytest.raises(ChannelError, match=f"^answered {status}$") as caught:
            Webhook(inbox.url).send(message())
    assert caught.value.wait_seconds == 120
    with pytest.raises(ChannelError) as caught:
        Slack(inbox.url).send(message())
    assert "secret-part" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_mail_server_that_refuses_is_an_error() -> None:
    with smtp_inbox() as inbox:
        inbox.answers = [550]
        with pytest.raises(ChannelError, match="SMTPSenderRefused"):
            Email("127.0.0.1", inbox.port, "f@x.example", ("a@x.example",), tls="none").send(message())


def test_settings_name_the_channels_and_a_wrong_one_is_refused_without_its_secret(settings: Settings) -> None:
    def channels(**changes: object) -> dict[str, Channel]:
        return channels_of(settings.model_copy(update=changes))

    assert list(channels()) == ["log"]
    every = channels(
        alert_webhook_url=SecretStr("https://a.example"),
        alert_slack_url=SecretStr("https://b.example"),
        alert_teams_url=SecretStr("https://c.example"),
        alert_mail_to=("a@x.example",),
        alert_smtp_host="mail.example",
    )
    assert list(every) == ["log", "webhook", "slack", "teams", "mail"]
    with pytest.raises(ValueError, match="CREDIT_ALERT_SLACK_URL must be an address") as caught:
        channels(alert_slack_url=SecretStr("file:///etc/secret"))
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="CREDIT_ALERT_SMTP_HOST"):
        channels(alert_mail_to=("a@x.example",))
    with pytest.raises(ValueError, match="unencrypted"):
        channels(
            alert_mail_to=("a@x.example",),
            alert_smtp_host="h",
            alert_smtp_tls="none",
            alert_smtp_password=SecretStr("x"),
        )


@pytest.fixture
def store(settings: Settings) -> AlertStore:
    store = AlertStore.of(settings)
    with store.transaction() as write:
        write.send(message(), ["log", "webhook"])
    return store


def test_the_outbox_tries_again_until_a_channel_takes_the_message(store: AlertStore, tmp_path: Path) -> None:
    with http_inbox() as inbox:
        channels: dict[str, Channel] = {"log": Log(tmp_path / "alerts.log"), "webhook": Webhook(inbox.url)}
        inbox.answers = [500, 503]
        taken = [deliver(store, channels, NOON + timedelta(seconds=s), WEEK) for s in (0, 30, 60, 90, 180, 600)]
    assert taken == [1, 0, 0, 0, 1, 0]
    assert len(inbox.bodies) == 3
    assert len((tmp_path / "alerts.log").read_text().splitlines()) == 1
    with store.reading() as read:
        assert read.undelivered() == []


def test_a_channel_that_asks_for_patience_gets_it(store: AlertStore, tmp_path: Path) -> None:
    with http_inbox() as inbox:
        channels: dict[str, Channel] = {"log": Log(tmp_path / "x"), "webhook": Webhook(inbox.url)}
        inbox.answers, inbox.headers = [429], {"Retry-After": "3600"}
        for minutes in (0, 2, 59, 61):
            deliver(store, channels, NOON + timedelta(minutes=minutes), WEEK)
    assert len(inbox.bodies) == 2


def test_a_channel_that_never_answers_is_given_up_and_that_is_on_record(store: AlertStore, tmp_path: Path) -> None:
    channels: dict[str, Channel] = {"log": Log(tmp_path / "x")}
    for hours in range(200):
        deliver(store, channels, NOON + timedelta(hours=hours), timedelta(days=3))
    with store.reading() as read:
        ((identity, channel, attempts, error),) = read.undelivered()
    assert (identity, channel, error) == (message().id, "webhook", "the settings name no such channel any more")
    assert 12 < attempts < 25


def test_a_channel_that_is_not_heard_is_known_until_it_takes_a_message(
    store: AlertStore, settings: Settings, tmp_path: Path
) -> None:
    channels: dict[str, Channel] = {"log": Log(tmp_path / "x")}
    for hours in range(10):
        deliver(store, channels, NOON + timedelta(hours=hours), WEEK)
    (sentence,) = heartbeat.unheard(settings).values()
    assert sentence == (
        "the channel webhook has not taken a message in 5 tries: the settings name no such channel any more"
    )
    later = replace(message(), id="later", at=NOON + timedelta(hours=20))
    with store.transaction() as write:
        write.send(later, ["webhook"])
    with http_inbox() as inbox:
        channels["webhook"] = Webhook(inbox.url)
        deliver(store, channels, NOON + timedelta(hours=21), WEEK)
    assert heartbeat.unheard(settings) == {}


def test_what_one_process_is_sending_another_does_not_send_too(store: AlertStore) -> None:
    with store.transaction() as write:
        assert len(write.due(NOON, timedelta(minutes=5))) == 2
    with store.transaction() as write:
        assert write.due(NOON + timedelta(minutes=4), timedelta(minutes=5)) == []
    with store.transaction() as write:
        assert len(write.due(NOON + timedelta(minutes=6), timedelta(minutes=5))) == 2  # the first one has died
