"""The page that describes the API: whole, from this server alone."""

import re
import shutil
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local
from credit_platform_tests.serving.server import serve
from serving import documentation
from serving.metrics import Metrics
from serving.protection import key_ring, protect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def application(settings: Settings) -> FastAPI:
    app = FastAPI(title="Small", docs_url=None, redoc_url=None)

    @app.get("/pets")
    def pets() -> list[str]:
        return ["Ada"]

    documentation.add_documentation(app)
    protect(app, settings, key_ring(settings), Metrics())
    return app


@pytest.fixture
def api(settings: Settings) -> Iterator[TestClient]:
    with local(application(settings)) as client:
        yield client


def test_all_that_the_page_needs_comes_from_this_server(api: TestClient) -> None:
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    needed = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(needed) == 3
    for path in needed:
        part = api.get(path)
        assert part.status_code == 200
        assert part.headers["content-type"].startswith(("text/css", "text/javascript", "application/javascript"))
    assert "://" not in page.text


def test_the_page_may_run_scripts_of_this_server_only(api: TestClient) -> None:
    policy = api.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?! src=)|\son\w+=", api.get("/docs").text)


@pytest.mark.parametrize(
    "name", ["redoc.standalone.js", "..%2Fcore.py", "%2e%2e%2fcore.py", "../core.py", "favicon.png"]
)
def test_only_the_parts_of_the_page_are_served(api: TestClient, name: str) -> None:
    assert api.get(f"/docs/{name}").status_code in (404, 422)


def test_without_the_package_there_is_no_page(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documentation, "find_spec", lambda _: None)
    with local(application(settings)) as api:
        assert api.get("/docs").status_code == 404
        assert api.get("/openapi.json").status_code == 200


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)")
def test_a_browser_shows_the_page_and_finds_nothing_to_block(settings: Settings) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    complaints: list[str] = []
    with serve(application(settings)) as url, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/docs")
        page.get_by_role("button", name="GET /pets").first.click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        page.get_by_text('"Ada"').first.wait_for()
        browser.close()
    assert complaints == []
