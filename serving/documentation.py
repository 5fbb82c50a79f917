"""`/docs`: the API's description as a page to read and try out, from this server alone.

FastAPI's own page fetches its scripts from elsewhere and runs some that stand in the page. Here Swagger UI comes from
the installed package fastapi-offline, and the page's policy allows scripts of this origin only. Not here: what is
described.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY}
_CACHED = {**_HEADERS, "Cache-Control": "private, max-age=86400"}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Credit platform</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""


def add_documentation(app: FastAPI) -> None:
    """Adds the page, where the package it comes from is installed."""
    found = find_spec("fastapi_offline")
    if found is None or found.origin is None:
        return
    folder = Path(found.origin).parent / "static"

    @app.get("/docs", include_in_schema=False)
    async def page() -> Response:
        return Response(_PAGE, media_type="text/html", headers=_HEADERS)

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(_START, media_type="text/javascript", headers=_CACHED)

    @app.get("/docs/{name}", include_in_schema=False)
    async def part(name: Literal["swagger-ui-bundle.js", "swagger-ui.css"]) -> FileResponse:
        return FileResponse(folder / name, headers=_CACHED)
