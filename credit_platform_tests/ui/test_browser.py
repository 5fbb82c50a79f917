"""The desk in a real browser, on the real API and a real registry: what people see."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credit_platform_tests.ui.conftest import CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_analyst_opens_a_client_and_sees_the_decision(
    screen: Callable[..., Any], scheme: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page = screen(scheme=scheme)
    expect(page.get_by_text("Ready to decide")).to_be_visible()
    expect(page.get_by_text("Type a client's number or pick one")).to_be_visible()

    number = page.get_by_label("SK_ID_CURR")
    number.fill("100001")
    number.press("Enter")
    expect(page.get_by_role("heading", name="Refuse")).to_be_visible()
    expect(page.get_by_text("above the cut-off of 30.0%")).to_be_visible()
    expect(page.get_by_role("img", name="Probability of default")).to_be_visible()
    page.screenshot(path=tmp_path / "decision.png", full_page=True)

    number.fill("424242")
    number.press("Enter")
    expect(page.get_by_text("No published cohort holds client 424242.")).to_be_visible()

    page.get_by_text("Features as JSON").click()
    page.get_by_label("Features of one client").fill('{"EXT_SOURCE_2": 0.95, "AMT_CREDIT": 90000}')
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", name="Approve")).to_be_visible()


def test_the_desk_speaks_french(screen: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = screen("Français")
    expect(page.get_by_text("Prêt à décider")).to_be_visible()
    page.get_by_label("SK_ID_CURR").fill("100001")
    page.get_by_label("SK_ID_CURR").press("Enter")
    expect(page.get_by_role("heading", name="Refuser")).to_be_visible()
