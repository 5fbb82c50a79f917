"""`credit-platform keys`: makes, lists and revokes API keys. What a key is stands in `keys.py`."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, NoReturn, cast

import typer
from rich.console import Console
from rich.table import Table

from credit_platform.settings import settings
from serving.keys import SCOPES, KeyFileError, KeyScope, add_key, read_keys, revoke_key

keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys of the API.")

_Scope = StrEnum("_Scope", {scope: scope for scope in SCOPES})  # type: ignore[misc]


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is; several keys may have one name.")],
    scope: Annotated[list[_Scope], typer.Option(help="What it is for; may be given several times.")],
    expires: Annotated[datetime | None, typer.Option(help="From when on it is no longer taken.")] = None,
) -> None:
    """Make a key. It is shown this once; a running server takes it within a second."""
    try:
        until = expires.astimezone() if expires else None
        key, secret = add_key(settings().keys_file, name, cast(list[KeyScope], scope), until)
    except KeyFileError as error:
        _refuse(error)
    typer.echo(f"key {key.id} of {key.name}; send it as X-API-Key. It can't be shown again:", err=True)
    typer.echo(secret)


@keys.command("list")
def list_keys() -> None:
    """List the keys, oldest first."""
    try:
        known = read_keys(settings().keys_file)
    except KeyFileError as error:
        _refuse(error)
    table = Table("id", "name", "scopes", "made", "expires", box=None, pad_edge=False)
    for key in known:
        until = f"{key.expires.astimezone():%Y-%m-%d %H:%M}" if key.expires else "never"
        scopes = ", ".join(scope for scope in SCOPES if scope in key.scopes)
        made = f"{key.created.astimezone():%Y-%m-%d}"
        table.add_row(key.id, key.name, scopes, made, f"{until} (expired)" if key.expired() else until)
    Console(highlight=False).print(table if known else "there are no keys")


@keys.command()
def revoke(number: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as listed.")]) -> None:
    """Revoke a key; a running server refuses it within a second."""
    try:
        key = revoke_key(settings().keys_file, number)
    except KeyFileError as error:
        _refuse(error)
    typer.echo(f"revoked key {key.id} of {key.name}")


def _refuse(error: KeyFileError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1)
