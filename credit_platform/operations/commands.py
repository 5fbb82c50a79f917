"""The commands that keep an installation alive: `doctor`, `backup`, `restore-backup`. Thin over what they call."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from credit_platform.settings import settings

operations = typer.Typer()
_WIDTH = None if sys.stdout.isatty() else 160
console = Console(width=_WIDTH)
errors = Console(stderr=True, width=_WIDTH)
_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}


@operations.command()
def doctor(
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    ui_port: Annotated[int, typer.Option(help="Port of the analysts' desk.")] = 8501,
) -> None:
    """Look for what is wrong with this installation, and say what to do about it; changes nothing."""
    from credit_platform.operations.doctor import examine

    wrong = 0
    for finding in examine(settings(), {"dagster": dagster_port, "analyst-ui": ui_port}):
        wrong += finding.state == "wrong"
        console.print(f"{finding.state:6}", style=_COLOURS[finding.state], end="")
        _say(console, f"{finding.subject}: {finding.found}")
        if finding.advice:
            _say(console, f"      -> {finding.advice}")
    if wrong:
        raise typer.Exit(1)


@operations.command()
def backup(
    folder: Annotated[
        Path, typer.Argument(help="Where backups are kept; this one becomes a folder named by the time.")
    ],
    keep: Annotated[int, typer.Option(min=0, help="Remove all but so many of the newest there; 0 removes none.")] = 0,
) -> None:
    """Copy tables, registry, decision log, incidents and Dagster's records, while everything runs."""
    from credit_platform.operations.backup import BackupError, back_up

    try:
        with console.status("copying") as status:
            made = back_up(settings(), folder, keep, lambda part: status.update(f"copying {part}"))
    except (BackupError, OSError) as error:
        _refuse(error)
    _say(console, f"backed up {made.files:,} files, {made.size / 1e6:,.1f} MB, to {made.folder}")
    _note(made.notes)


@operations.command("restore-backup")
def restore_backup(
    folder: Annotated[Path, typer.Argument(help="A backup: a folder that credit-platform backup made.")],
) -> None:
    """Bring a backup back into a data folder that is empty; stop everything first."""
    from credit_platform.operations.backup import BackupError, restore

    try:
        with console.status("copying"):
            made = restore(settings(), folder)
    except (BackupError, OSError) as error:
        _refuse(error)
    _say(console, f"restored {made.files:,} files, {made.size / 1e6:,.1f} MB, to {made.folder}")
    _note(made.notes)


def _say(where: Console, text: str) -> None:
    where.print(text, markup=False, highlight=False, soft_wrap=True)


def _note(notes: Iterable[str]) -> None:
    for note in notes:
        errors.print(f"note: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _refuse(error: Exception) -> NoReturn:
    errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
