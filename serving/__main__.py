"""`python -m serving`: runs the API, on this machine only unless it is protected by a key."""

from typing import Annotated

import typer

from credit_platform.settings import settings
from serving.keys import KeyFileError
from serving.server import serve, why_not


def main(
    host: Annotated[str, typer.Option(help="Address to listen on; default: CREDIT_API_HOST.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; default: CREDIT_API_PORT.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; default: CREDIT_API_WORKERS.")] = 0,
) -> None:
    """Serves decisions over REST."""
    of = settings()
    host = host or of.api_host
    try:
        refusal = why_not(of, host)
    except KeyFileError as error:
        refusal = str(error)
    if refusal:
        typer.echo(refusal, err=True)
        raise typer.Exit(2)
    serve(of, host, port or of.api_port, workers or of.api_workers)


if __name__ == "__main__":
    typer.run(main)
