"""The desk runs against the API's own small world: in a thread for page tests, as processes for a browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import streamlit as st
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.bank import COHORT
from credit_platform_tests.dossiers import file_everything
from credit_platform_tests.serving.conftest import scorer, settings, version_folder, write_drift, write_lake
from credit_platform_tests.serving.server import serve
from serving.app import create_app
from ui import api as credit_api
from ui.api import Api, connect
from ui.settings import UiSettings

__all__ = ["scorer", "settings", "version_folder"]

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


def found_at(url: str, key: str | None = None) -> Api:
    """The API at an address, as the desk finds it."""
    return connect(UiSettings(_env_file=None, api_url=url), key)


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[[Api], AppTest]:
    """Opens the desk on a given API, whatever key a person gives."""

    def run(api: Api) -> AppTest:
        st.cache_data.clear()
        st.cache_resource.clear()
        monkeypatch.setattr(credit_api, "connect", lambda *_: api)
        return AppTest.from_file(str(REPOSITORY / "ui" / "app.py"), default_timeout=20).run()

    return run


@pytest.fixture
def page(settings: Settings, scorer: Scorer, open_page: Callable[[Api], AppTest]) -> Iterator[AppTest]:
    """The desk on a real API with a model, a mart and drift reports."""
    write_lake(settings)
    write_drift(settings)
    with serve(create_app(settings, lambda: scorer)) as url:
        yield open_page(found_at(url))


@pytest.fixture
def bank_api(bank: Settings, tmp_path: Path) -> Iterator[Api]:
    """The API of the small bank, with a decision log of its own."""
    log = SecretStr(f"sqlite:///{tmp_path}/decisions.db")
    decides = Scorer.load(bank.data_dir / "version", "1")
    with serve(create_app(bank.model_copy(update={"decisions_url": log}), lambda: decides)) as url:
        yield found_at(url)


def text(page: AppTest) -> str:
    """Everything the page says in words."""
    assert not page.exception, page.exception
    kinds = (
        page.header,
        page.subheader,
        page.markdown,
        page.caption,
        page.error,
        page.warning,
        page.info,
        page.success,
    )
    found = [element for kind in (*kinds, page.html) for element in kind]
    return "\n".join(str(getattr(element, "value", "") or element.proto.body) for element in found)


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, bank: Settings) -> Iterator[str]:
    """The address of a running desk, with a running API and everything it reads behind it."""
    data = tmp_path_factory.mktemp("desk") / "data"
    shutil.copytree(bank.data_dir, data)
    settings = bank.model_copy(update={"data_dir": data})
    write_drift(settings)
    file_everything(settings, data / "version", COHORT)

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def screen(browser: Any, desk: str) -> Iterator[Callable[..., Any]]:
    """Opens the desk in a browser window of a laptop, in a language and a colour scheme."""
    asked: list[str] = []

    def open_screen(language: str = "English", scheme: str = "light") -> Any:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(20_000)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{desk}/?language={language}")
        opened.append(page)
        return page

    opened: list[Any] = []
    yield open_screen
    for page in opened:
        # Nothing may need sideways scrolling on a laptop, and nobody may ever see a traceback.
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.locator("[data-testid=stException]").count() == 0
        page.close()
    # The platform works without the internet, and tells nobody outside who looks at whom.
    assert not [url for url in asked if not url.startswith((desk, desk.replace("http", "ws"), "data:", "blob:"))]


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
