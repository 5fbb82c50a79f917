"""How each channel wants a message: the log, a webhook, Slack, Teams, e-mail.

A channel sends once and says whether that worked; trying again is the outbox's. Addresses and passwords come from the
settings and never stand in an error. Not here: what is said (`messages.py`).
"""

import hmac
import json
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from credit_platform.alerting.log import log_path, write_line
from credit_platform.alerting.messages import Message
from credit_platform.settings import Settings

_TIMEOUT_SECONDS = 10
_SLACK_MOST = 2900
"""Characters of a block's text; Slack refuses more than 3,000."""


class ChannelError(RuntimeError):
    """A channel did not take a message. `wait_seconds` is how long it asked to be left alone, where it did."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class Channel(Protocol):
    def send(self, message: Message) -> None:
        """Sends a message.

        Raises:
            ChannelError: it was not taken.
        """


@dataclass(frozen=True)
class Log:
    """`alerts.log`."""

    path: Path

    def send(self, message: Message) -> None:
        try:
            write_line(self.path, message)
        except OSError as error:
            raise ChannelError(f"alerts.log can't be written ({type(error).__name__})") from error


@dataclass(frozen=True)
class Webhook:
    """The message as JSON. With a secret, `X-Signature-256` is its HMAC; `Idempotency-Key` is the message's id."""

    url: str
    secret: str = ""

    def send(self, message: Message) -> None:
        body = message.to_json().encode()
        signed = {"X-Signature-256": "sha256=" + hmac.new(self.secret.encode(), body, sha256).hexdigest()}
        _post(self.url, body, {"Idempotency-Key": message.id, **(signed if self.secret else {})})


@dataclass(frozen=True)
class Slack:
    """An incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat)."""

    url: str

    def send(self, message: Message) -> None:
        links = " | ".join(f"<{address}|{name}>" for name, address in message.links.items())
        said = "\n".join(f"• {_slack(line)}" for line in message.lines)
        blocks: list[dict[str, Any]] = [
            {"type": "header", "text": {"type": "plain_text", "text": message.title[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": said[:_SLACK_MOST]}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": links}]},
        ]
        _post(self.url, json.dumps({"text": message.title, "blocks": blocks}).encode())


@dataclass(frozen=True)
class Teams:
    """A Workflow of Microsoft Teams ("When a Teams webhook request is received"), which posts an Adaptive Card."""

    url: str

    def send(self, message: Message) -> None:
        colour = {"critical": "Attention", "warn": "Warning", "good": "Good"}[message.severity]
        title = {"type": "TextBlock", "text": message.title, "weight": "Bolder", "size": "Medium", "color": colour}
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                {**title, "wrap": True},
                *({"type": "TextBlock", "text": f"- {line}", "wrap": True} for line in message.lines),
            ],
            "actions": [
                {"type": "Action.OpenUrl", "title": name, "url": address}
                for name, address in message.links.items()
                if address.startswith(("http://", "https://"))
            ],
        }
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        _post(self.url, json.dumps({"type": "message", "attachments": [attachment]}).encode())


@dataclass(frozen=True)
class Email:
    """Mail as plain text and HTML, by SMTP; encrypted where `tls` says so, which a login demands."""

    host: str
    port: int
    sender: str
    receivers: tuple[str, ...]
    user: str = ""
    password: str = ""
    tls: str = "starttls"

    def send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"] = message.title
        mail["From"], mail["To"] = self.sender, ", ".join(self.receivers)
        mail["Message-ID"] = f"<{message.id}@credit-platform>"
        mail["Date"] = message.at
        mail.set_content(message.text)
        mail.add_alternative(_html(message), subtype="html")
        try:
            with self._connection() as server:
                if self.tls == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelError(f"mail was not sent ({type(error).__name__})") from error

    def _connection(self) -> smtplib.SMTP:
        if self.tls == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_SECONDS)


def channels_of(settings: Settings) -> dict[str, Channel]:
    """The channels that the settings name, the log first.

    Raises:
        ValueError: an address is none, or a login would travel unencrypted.
    """
    return dict(_channels(settings))


def _channels(settings: Settings) -> Iterator[tuple[str, Channel]]:
    yield "log", Log(log_path(settings))
    if url := settings.alert_webhook_url.get_secret_value():
        yield "webhook", Webhook(_checked("WEBHOOK", url), settings.alert_webhook_secret.get_secret_value())
    if url := settings.alert_slack_url.get_secret_value():
        yield "slack", Slack(_checked("SLACK", url))
    if url := settings.alert_teams_url.get_secret_value():
        yield "teams", Teams(_checked("TEAMS", url))
    if settings.alert_mail_to:
        password = settings.alert_smtp_password.get_secret_value()
        if not settings.alert_smtp_host:
            raise ValueError("CREDIT_ALERT_MAIL_TO needs CREDIT_ALERT_SMTP_HOST")
        if password and settings.alert_smtp_tls == "none":
            raise ValueError("CREDIT_ALERT_SMTP_PASSWORD would travel unencrypted; set CREDIT_ALERT_SMTP_TLS")
        yield (
            "mail",
            Email(
                settings.alert_smtp_host,
                settings.alert_smtp_port,
                settings.alert_mail_from,
                settings.alert_mail_to,
                settings.alert_smtp_user,
                password,
                settings.alert_smtp_tls,
            ),
        )


class _NoRedirect(HTTPRedirectHandler):
    """A message goes where it was addressed to."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    sent = Request(url, body, {"Content-Type": "application/json", **(headers or {})}, method="POST")  # noqa: S310 - checked when it was set
    try:
        with build_opener(_NoRedirect).open(sent, timeout=_TIMEOUT_SECONDS) as answer:
            answer.read(1000)
    except HTTPError as error:
        asked = error.headers.get("Retry-After", "")
        raise ChannelError(f"answered {error.code}", float(asked) if asked.isdecimal() else 0.0) from None
    except (URLError, OSError) as error:
        # The error itself names the address, which can be a secret.
        reason = getattr(error, "reason", error)
        raise ChannelError(f"can't be reached ({type(reason).__name__})") from None


def _checked(name: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"CREDIT_ALERT_{name}_URL must be an address, as https://host/path")
    return url


def _slack(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _html(message: Message) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in message.lines)
    links = " | ".join(
        f'<a href="{escape(address)}">{escape(name)}</a>' if "://" in address else f"{escape(name)}: {escape(address)}"
        for name, address in message.links.items()
    )
    return f"<p><b>{escape(message.title)}</b></p><ul>{items}</ul><p>{links}</p>"
