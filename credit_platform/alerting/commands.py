"""`credit-platform alerts`: lists incidents, takes them up, silences and closes them. Not here: the rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from credit_platform.settings import settings

alerts = typer.Typer(no_args_is_help=True, help="List incidents, take them up, silence and close them.")
_console = Console(highlight=False)


class _Which(StrEnum):
    open = "open"
    suspected = "suspected"
    resolved = "resolved"
    all = "all"


class _Verdict(StrEnum):
    useful = "useful"
    noise = "noise"


_Identity = Annotated[str, typer.Argument(metavar="ID", help="The incident's id, as listed.")]
_By = Annotated[str, typer.Option(help="Who decides.")]
_Why = Annotated[str, typer.Option(help="The reason; it is kept.")]
_Days = Annotated[float, typer.Option("--for", min=0.01, max=366, help="For how many days.")]


@alerts.command("list")
def list_incidents(
    which: Annotated[_Which, typer.Option("--status", help="Which incidents.")] = _Which.open,
    most: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 50,
) -> None:
    """List incidents, the newest first."""
    from credit_platform.alerting.store import AlertStore

    status = () if which is _Which.all else (which.value,)
    with _refusing():
        store = AlertStore.find(settings())
        found = []
        if store is not None:
            with store, store.reading() as read:
                found = read.incidents(status, most)
    if not found:
        _console.print(f"no incident is {which.value}" if status else "there was no incident yet")
        return
    table = Table("id", "severity", "what", "since", "last", "state", "likely cause", box=None, pad_edge=False)
    for incident in found:
        state: str = incident.verdict or incident.status
        if said := incident.snoozed or incident.acknowledged:
            done = "snoozed" if incident.snoozed else "taken up"
            state = f"{state}, {done} by {said.by}" if incident.status != "resolved" else state
        outcome = f"; {incident.outcome}" if incident.outcome else ""
        cells = (
            incident.id,
            incident.severity,
            f"{incident.kind}: {incident.sentence}{outcome}",
            incident.since,
            incident.subject,
            state,
            incident.cause,
        )
        table.add_row(*map(escape, cells))
    _console.print(table)


@alerts.command()
def acknowledge(identity: _Identity, by: _By, why: _Why, days: _Days = 7) -> None:
    """Take an incident up: no reminders for some days, but it is told when it grows worse."""
    from credit_platform.alerting import watch

    with _refusing():
        watch.acknowledge(settings(), identity, by, why, _until(days))
    _console.print(f"{escape(by)} has taken up {escape(identity)} until {_until(days):%Y-%m-%d %H:%M}")


@alerts.command()
def snooze(identity: _Identity, by: _By, why: _Why, days: _Days = 7) -> None:
    """Silence an incident for some days, even where it grows worse."""
    from credit_platform.alerting import watch

    with _refusing():
        watch.snooze(settings(), identity, by, why, _until(days))
    _console.print(f"{escape(identity)} is silent until {_until(days):%Y-%m-%d %H:%M}")


@alerts.command()
def resolve(
    identity: _Identity,
    verdict: Annotated[_Verdict, typer.Argument(help="Whether it was worth telling.")],
    by: _By,
    why: _Why,
) -> None:
    """Close an incident, as useful or as noise."""
    from credit_platform.alerting import watch

    with _refusing():
        watch.resolve(settings(), identity, by, why, verdict.value)
    _console.print(f"{escape(identity)} is closed as {verdict.value}")


@alerts.command()
def beat() -> None:
    """Say when monitoring was last seen alive; fails after an hour without. For whoever watches from outside."""
    from credit_platform.alerting.heartbeat import last_beat

    with _refusing():
        last = last_beat(settings())
    if last is None:
        _refuse("the heartbeat has never been seen; is the Dagster daemon running?")
    age = datetime.now(last.tzinfo) - last
    if age > timedelta(hours=1):
        _refuse(f"the heartbeat was last seen {last:%Y-%m-%d %H:%M} UTC; is the Dagster daemon running?")
    _console.print(f"alive, seen {age.total_seconds():.0f} seconds ago")


@alerts.command("send-test")
def send_test() -> None:
    """Send a message of no consequence by every channel that the settings name, and say which took it."""
    from credit_platform.alerting.channels import ChannelError, channels_of
    from credit_platform.alerting.messages import trial

    with _refusing():
        channels = channels_of(settings())
    failed = False
    for name, channel in channels.items():
        try:
            channel.send(trial(settings()))
            _console.print(f"{name}: taken")
        except ChannelError as error:
            failed = True
            _console.print(f"{name}: {error}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)


@contextmanager
def _refusing() -> Iterator[None]:
    """Says why, where something can't be done."""
    from credit_platform.alerting.incidents import IncidentError
    from credit_platform.alerting.store import AlertStoreError
    from credit_platform.alerting.watch import UnknownIncidentError

    try:
        yield
    except UnknownIncidentError as error:
        _refuse(f"there is no incident {error.args[0]}; credit-platform alerts list names those there are")
    except (IncidentError, AlertStoreError, ValueError) as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def _until(days: float) -> datetime:
    return datetime.now().astimezone() + timedelta(days=days)
