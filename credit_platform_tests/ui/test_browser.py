"""The page in a real browser, on the real API and a real registry: what an analyst sees."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import write_drift, write_lake
from credit_platform_tests.worlds import register

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, version_folder: Path) -> Iterator[str]:
    """The address of the page, with the API and everything it reads behind it."""
    data = tmp_path_factory.mktemp("desk")
    settings = Settings(_env_file=None, data_dir=data, mlflow_tracking_uri="")
    write_lake(settings)
    write_drift(settings)
    register(settings, version_folder, settings.model_alias)

    api_port, page_port = free_port(), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CREDIT_")}
    environment |= {"CREDIT_DATA_DIR": str(data), "CREDIT_API_URL": f"http://127.0.0.1:{api_port}"}
    page = ["streamlit", "run", "ui/app.py", "--server.address=127.0.0.1", f"--server.port={page_port}"]
    page += ["--server.headless=true", "--server.fileWatcherType=none"]
    with ExitStack() as running:
        running.enter_context(process(["serving", f"--port={api_port}"], environment, data / "api.log"))
        running.enter_context(process(page, environment, data / "page.log"))
        wait_for(f"http://127.0.0.1:{api_port}/health")
        wait_for(f"http://127.0.0.1:{page_port}/_stcore/health")
        yield f"http://127.0.0.1:{page_port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(module: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", *module], cwd=REPOSITORY, env=environment, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def wait_for(url: str) -> None:
    deadline, said = time.monotonic() + 30, "nothing"
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(url, trust_env=False, timeout=10)
        except httpx.TransportError as error:
            said = str(error)
        else:
            if answer.is_success:
                return
            said = answer.text
        time.sleep(0.2)
    pytest.fail(f"{url} did not come up; it said: {said}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_analyst_scores_a_client_reads_the_reasons_and_looks_at_drift(
    desk: str, browser: Any, scheme: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(desk)
    expect(page.get_by_text("Ready to decide")).to_be_visible()
    expect(page.get_by_text("Type a client's number or choose one")).to_be_visible()
    page.screenshot(path=tmp_path / "1-start.png")

    number = page.get_by_label("SK_ID_CURR")
    number.fill("100001")
    number.press("Enter")
    expect(page.get_by_role("heading", name="Refuse")).to_be_visible()
    expect(page.get_by_text("above the cut-off of 30.0 %")).to_be_visible()
    expect(page.get_by_role("img", name="Probability of default")).to_be_visible()
    expect(page.get_by_role("heading", name="What the decision rests on")).to_be_visible()
    expect(page.locator("[data-testid=stVegaLiteChart] :is(svg, canvas)").first).to_be_visible()
    page.get_by_text("All 7 contributions with their meaning").click()
    page.wait_for_timeout(700)  # the chart draws itself
    page.screenshot(path=tmp_path / "2-decision.png", full_page=True)

    number.fill("424242")
    number.press("Enter")
    expect(page.get_by_text("No published cohort holds a client with this SK_ID_CURR.")).to_be_visible()
    page.screenshot(path=tmp_path / "3-unknown-client.png")

    page.get_by_text("Features as JSON").click()
    page.get_by_label("Features of one client").fill('{"EXT_SOURCE_2": 0.95, "AMT_CREDIT": 90000}')
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("heading", name="Approve")).to_be_visible()
    page.wait_for_timeout(700)
    page.screenshot(path=tmp_path / "4-pasted.png")

    page.get_by_role("tab", name="Drift").click()
    expect(page.get_by_role("heading", name="Drifted")).to_be_visible()
    report = page.frame_locator("iframe[srcdoc]")
    expect(report.get_by_role("heading", name="Evidently on 2024-03")).to_be_visible()
    page.screenshot(path=tmp_path / "5-drift.png")

    # The platform works without the internet, and tells nobody outside who looks at whom.
    assert not [url for url in asked if not url.startswith((desk, desk.replace("http", "ws"), "data:", "blob:"))]
    # Nothing may need sideways scrolling on a laptop, and nobody may ever see a traceback.
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()
