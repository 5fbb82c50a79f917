"""The desk in a real browser, on the real API and a real registry: what people see."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credit_platform_tests.bank import FEATURES
from credit_platform_tests.ui.conftest import CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)"),
]
CLIENT = "100024"


def look_up(page: Any, number: str) -> None:
    page.get_by_label("SK_ID_CURR").fill(number)
    page.get_by_label("SK_ID_CURR").press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_analyst_opens_a_client_and_looks_behind_the_decision(
    screen: Callable[..., Any], scheme: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page = screen(scheme=scheme)
    expect(page.get_by_text("Ready to decide")).to_be_visible()
    expect(page.get_by_text("Type a client's number or pick one")).to_be_visible()

    look_up(page, CLIENT)
    expect(page.get_by_role("heading", name="Refuse")).to_be_visible()
    expect(page.get_by_text("above the cut-off of 25.0%")).to_be_visible()
    expect(page.get_by_role("img", name="Probability of default")).to_be_visible()
    expect(page.get_by_text("1. External credit scores")).to_be_visible()

    expect(page.get_by_text("2. Payment of earlier instalments")).to_be_visible()
    page.get_by_text("The rows behind it").nth(1).click()
    expect(page.get_by_text("paid late or not in full; they come first")).to_be_visible()

    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.screenshot(path=tmp_path / "client.png", full_page=True)

    page.get_by_role("tab", name="Beside other clients").click()
    expect(page.get_by_text("Clients alike:")).to_be_visible()
    expect(page.get_by_text("of all clients have less").first).to_be_visible()
    page.get_by_role("tab", name="Decided before").click()
    expect(page.get_by_text("Every look at a client is a decision on record")).to_be_visible()


def test_a_number_that_nobody_has_and_one_that_is_none_get_a_sentence(screen: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = screen()
    look_up(page, "424242")
    expect(page.get_by_text("No published cohort holds client 424242.")).to_be_visible()
    look_up(page, "12a")
    expect(page.get_by_text("has digits only")).to_be_visible()


def test_pasted_features_are_decided(screen: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = screen()
    page.get_by_text("Features as JSON").click()
    page.get_by_label("Features of one client").fill('{"EXT_SOURCE_2": 0.95, "AMT_CREDIT": 90000}')
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", name="Approve")).to_be_visible()


def test_a_file_is_decided_and_one_of_its_clients_looked_at(screen: Callable[..., Any], tmp_path: Path) -> None:
    from playwright.sync_api import expect

    file = tmp_path / "applications.csv"
    with file.open("w", newline="") as opened:
        rows = csv.DictWriter(opened, ["SK_ID_CURR", *FEATURES], restval="")
        rows.writeheader()
        rows.writerows(
            {"SK_ID_CURR": number, "EXT_SOURCE_2": score, "AMT_CREDIT": 90_000, "NAME_CONTRACT_TYPE": "Cash loans"}
            for number, score in ((1, 0.9), (2, 0.01))
        )
    page = screen()
    page.get_by_text("File of applications", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("2 clients decided:")).to_be_visible()
    table = page.locator("[data-testid=stDataFrame]").first.bounding_box()
    page.mouse.click(table["x"] + 15, table["y"] + 52)
    expect(page.get_by_role("heading", name="Approve")).to_be_visible()

    (tmp_path / "letter.csv").write_bytes(b"\xff\xfe\x00no table")
    page.locator("input[type=file]").set_input_files(tmp_path / "letter.csv")
    expect(page.get_by_text("letter.csv is no CSV file in UTF-8")).to_be_visible()


def test_another_loan_is_tried_until_it_is_approved(screen: Callable[..., Any], tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = screen()
    look_up(page, CLIENT)
    expect(page.get_by_role("heading", name="Refuse")).to_be_visible()
    page.get_by_role("link", name="What if").click()
    expect(page.get_by_text("What it would take to be approved")).to_be_visible()
    expect(page.get_by_label("SK_ID_CURR")).to_have_value(CLIENT)
    page.get_by_role("button", name="Try it").first.click()
    expect(page.get_by_role("heading", name="Approve")).to_be_visible()
    expect(page.get_by_role("heading", name="Refuse")).to_be_visible()
    expect(page.get_by_text("What the change moves")).to_be_visible()
    page.screenshot(path=tmp_path / "whatif.png", full_page=True)


def test_the_desk_speaks_french(screen: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = screen("Français")
    expect(page.get_by_text("Prêt à décider")).to_be_visible()
    look_up(page, CLIENT)
    expect(page.get_by_role("heading", name="Refuser")).to_be_visible()
    expect(page.get_by_text("1. Scores de crédit externes")).to_be_visible()
    page.get_by_role("link", name="Simulation").click()
    expect(page.get_by_text("Ce qu'il faudrait pour un accord")).to_be_visible()


def test_a_client_can_be_opened_without_a_mouse(screen: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = screen()
    expect(page.get_by_label("SK_ID_CURR")).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "SK_ID_CURR":
            break
    page.keyboard.type(CLIENT)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Refuse")).to_be_visible()


def test_every_picture_says_what_it_shows(screen: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = screen()
    look_up(page, CLIENT)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    charts = page.locator("[data-testid=stPlotlyChart]")
    assert (
        charts.count()
        == page.locator("[data-testid=stPlotlyChart] [aria-label], [data-testid=stPlotlyChart][aria-label]").count()
        > 0
    )
