"""Portfolio, monitoring and model in a real browser: each flow, by what the person sees."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credit_platform_tests.ui.conftest import CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)"),
]


def open_page(screen: Callable[..., Any], name: str, language: str = "English", scheme: str = "light") -> Any:
    page = screen(language, scheme)
    page.get_by_role("link", name=name, exact=True).click()
    return page


def test_the_risk_manager_moves_the_cut_off_and_decides_on_a_file(screen: Callable[..., Any], tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = open_page(screen, "Portfolio")
    expect(page.get_by_text("This is the cut-off in force.")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    page.get_by_role("slider").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("more would be approved")).to_be_visible()

    page.get_by_role("tab", name="Cohorts").click()
    expect(page.get_by_text("Grades by cohort")).to_be_visible()
    page.get_by_role("tab", name="Challenger").click()
    expect(page.get_by_text("Version 2 did not pass its gate")).to_be_visible()
    expect(page.get_by_text("Cheaper than the champion")).to_be_visible()

    page.get_by_role("tab", name="Decide on a file").click()
    rows = "".join(f"{i},{i % 10 / 10}\n" for i in range(1, 1_102))
    (tmp_path / "clients.csv").write_text(f"SK_ID_CURR,EXT_SOURCE_2\n{rows}", "utf-8")
    page.locator("input[type=file]").set_input_files(tmp_path / "clients.csv")
    page.get_by_role("button", name="Decide on 1,101 clients").click()
    expect(page.get_by_text("1,101 of 1,101 clients decided:")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the decisions").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert len(lines) == 1_102
    assert lines[0].startswith("SK_ID_CURR,decision_id,probability_of_default")


def test_somebody_on_call_takes_up_an_incident_and_looks_at_reports(screen: Callable[..., Any], tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = open_page(screen, "Monitoring")
    expect(page.get_by_text("AMT_INCOME_TOTAL comes in thousands").first).to_be_visible()
    expect(page.get_by_text("explained by: Data")).to_be_visible()

    page.get_by_role("tab", name="Drift").click()
    expect(page.get_by_text("How far scores have moved")).to_be_visible()
    page.get_by_role("tab", name="Performance").click()
    expect(page.get_by_text("Expected and observed defaults")).to_be_visible()

    page.get_by_role("tab", name="Incidents").click()
    page.get_by_role("button", name="Take up").first.click()
    page.get_by_label("Why").fill("the bureau mends it")
    page.get_by_label("Your name").fill("Ada L.")
    page.get_by_role("button", name="Put on record").click()
    expect(page.get_by_text("Ada L. (key local)").first).to_be_visible()

    page.get_by_role("tab", name="Reports").click()
    report = page.frame_locator("iframe").frame_locator("iframe")
    expect(report.get_by_role("heading", name="Evidently on")).to_be_visible()
    page.get_by_text("A file of yours").click()
    (tmp_path / "mine.html").write_text(
        "<html><body><h1>Mine</h1><p id=out>nothing</p><script>try { top.document.title; } catch (e) "
        "{ out.textContent = 'kept out' }</script></body></html>",
        "utf-8",
    )
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.html")
    expect(report.get_by_role("heading", name="Mine")).to_be_visible()
    expect(report.get_by_text("kept out")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_data_scientist_looks_at_every_side_of_the_model(screen: Callable[..., Any], scheme: str) -> None:
    from playwright.sync_api import expect

    page = open_page(screen, "Model", scheme=scheme)
    expect(page.get_by_text("Do probabilities come true?")).to_be_visible()
    for tab, said in {
        "What moves it": "By family of reasons",
        "Cut-off": "If a missed default cost more, or less",
        "Fairness": "Impact ratio (95%)",
        "Versions and signatures": "a model for tests",
    }.items():
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_text(said).first).to_be_visible()
        undescribed = "[data-testid=stPlotlyChart]:not([aria-label]):not(:has([aria-label]))"
        expect(page.locator(undescribed)).to_have_count(0)
    page.get_by_role("tab", name="Model card").click()
    card = page.frame_locator("iframe").frame_locator("iframe")
    expect(card.get_by_role("heading", name="Model card: version 1")).to_be_visible()


def test_risk_pages_speak_french(screen: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = open_page(screen, "Portefeuille", "Français")
    expect(page.get_by_text("C'est le seuil en vigueur.")).to_be_visible()
    page.get_by_role("link", name="Surveillance").click()
    expect(page.get_by_text("un flux est rompu").first).to_be_visible()
    page.get_by_role("link", name="Modèle").click()
    expect(page.get_by_text("Les probabilités se réalisent-elles ?")).to_be_visible()
