"""`python -m serving`: runs the API with uvicorn, on this machine only unless it is protected by a key."""

from typing import Annotated

import typer
import uvicorn

from credit_platform.settings import settings
from serving.app import create_app
from serving.protection import is_loopback


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serves decisions over REST."""
    if not is_loopback(host) and not settings().api_key:
        typer.echo(
            f"Not listening on {host}: anyone who reaches it could read clients' data. "
            "Set CREDIT_API_KEY first (clients then send it as X-API-Key), or use --host 127.0.0.1.",
            err=True,
        )
        raise typer.Exit(2)
    uvicorn.run(create_app(settings()), host=host, port=port, server_header=False)


if __name__ == "__main__":
    typer.run(main)
