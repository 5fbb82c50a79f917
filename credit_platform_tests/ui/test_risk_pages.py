"""Portfolio, monitoring and model without a browser: what the risk manager reads, and what happens to what they do."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.server import serve
from credit_platform_tests.ui.conftest import text
from serving.app import create_app


def script(url: str, language: str, name: str) -> None:
    """A page by itself, as `app.py` runs it."""
    from importlib import import_module
    from typing import cast

    from credit_platform_tests.ui.conftest import found_at
    from ui.texts import Language, Texts
    from ui.theme import LIGHT
    from ui.visit import Visit, guarded

    page = import_module(f"ui.views.{name}")
    guarded(page.show, Visit(found_at(url), Texts(cast(Language, language)), LIGHT))()


@pytest.fixture(scope="module")
def url(filed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = SecretStr(f"sqlite:///{tmp_path_factory.mktemp('log')}/decisions.db")
    with serve(create_app(filed.model_copy(update={"decisions_url": log}))) as address:
        yield address


def open_tab(url: str, page: str, tab: str, language: str = "en") -> AppTest:
    opened = AppTest.from_function(script, default_timeout=20, args=(url, language, page))
    opened.session_state[f"{page}_tabs"] = tab
    return opened.run()


def table(page: AppTest, column: str) -> Any:
    """The table that has a column of this name."""
    return next(element.value for element in page.dataframe if column in element.value.columns)


def metric(page: AppTest, label: str) -> Any:
    return next(element for element in page.metric if element.label == label)


def test_moving_the_cut_off_tells_what_it_changes(url: str) -> None:
    page = open_tab(url, "portfolio", "Cut-off")
    assert metric(page, "Cut-off").value == "25.00%"
    assert "This is the cut-off in force." in text(page)
    slider = page.select_slider[0]
    approved = metric(page, "Approved").value
    page = slider.set_value(slider.value + 5).run()
    assert metric(page, "Approved").value > approved
    assert "Of 1,000 applicants, about" in text(page)
    assert "more would be approved" in text(page)
    assert metric(page, "Cost per client").delta


def test_cohorts_stand_with_their_decisions(url: str) -> None:
    page = open_tab(url, "portfolio", "Cohorts")
    assert table(page, "Scored by version")["Cohort"].tolist() == ["2025-01"]


def test_the_swap_set_tells_who_flips_and_what_became_of_them(url: str) -> None:
    page = open_tab(url, "portfolio", "Challenger")
    assert "Version 2 did not pass its gate" in text(page)
    groups = table(page, "Change of cost per client")
    assert groups[["Champion", "Challenger"]].values.tolist()[:2] == [["approved", "refused"], ["refused", "approved"]]
    assert " to " in groups["Defaulted"][0]


def test_a_files_clients_are_decided_when_somebody_says_so_and_not_before(url: str) -> None:
    page = open_tab(url, "portfolio", "Decide on a file")
    rows = "\n".join(f"{i},{i % 10 / 10}" for i in range(1, 1_203))
    page = page.file_uploader[0].upload("clients.csv", f"SK_ID_CURR,EXT_SOURCE_2\n{rows}\n".encode(), "text/csv").run()
    assert not page.get("download_button")
    page = page.button[0].click().run()
    assert "**1,202 of 1,202 clients decided:**" in text(page)
    assert "The first 200 are shown" in text(page)
    assert table(page, "Reason 2")["SK_ID_CURR"].tolist()[:2] == ["1", "2"]


def test_a_file_that_goes_wrong_halfway_says_how_far_it_got(url: str) -> None:
    page = open_tab(url, "portfolio", "Decide on a file")
    rows = "\n".join(f"{i},{'much' if i == 1_100 else 0.5}" for i in range(1, 1_203))
    page = page.file_uploader[0].upload("clients.csv", f"SK_ID_CURR,EXT_SOURCE_2\n{rows}\n".encode(), "text/csv").run()
    page = page.button[0].click().run()
    assert "line 101 does not hold what the model reads" in page.error[0].value
    assert "1,000 of 1,202 clients had been decided before" in text(page)
    assert "**1,000 of 1,202 clients decided:**" in text(page)


@pytest.mark.parametrize(
    ("tab", "sentence"),
    [
        ("Quality", "Calibration slope"),
        ("What moves it", "How far features move the log-odds of default"),
        ("Cut-off", "1 / (1 + 10), for perfect probabilities."),
        ("Fairness", "audited on **approvals**"),
        ("Versions and signatures", "**Ada L.**"),
        ("Model card", "What a validator asks of version 1"),
    ],
)
def test_every_tab_of_the_model_says_what_it_is_about(url: str, tab: str, sentence: str) -> None:
    assert sentence in text(open_tab(url, "model", tab))


def test_a_signature_against_the_gate_tells_what_was_overridden(url: str) -> None:
    said = text(open_tab(url, "model", "Versions and signatures"))
    assert "Overridden:" in said
    assert "a model for tests" in said
    assert "Refusal" in said


def test_a_cut_off_outside_theory_is_pointed_out(url: str) -> None:
    page = open_tab(url, "model", "Cut-off")
    assert metric(page, "In theory").value == "9.09%"
    assert page.success or "outside the interval" in page.warning[0].value


def test_the_first_broken_layer_comes_first_and_explains_the_others(url: str) -> None:
    said = text(open_tab(url, "monitoring", "Verdict"))
    assert said.index("AMT_INCOME_TOTAL comes in thousands") < said.index("explained by: Data")
    assert "a feed is broken" in said
    layers = table(open_tab(url, "monitoring", "Verdict"), "Verdict")
    assert layers["Data"].tolist() == ["■ critical"]
    assert layers["Score"].tolist() == ["▲ warning"]


def test_drift_is_told_by_table_and_by_column(url: str) -> None:
    page = open_tab(url, "monitoring", "Drift")
    assert table(page, "Weight of these")[["Table", "Moved"]].values.tolist() == [
        ["Application", "1 of 1"],
        ["Credits with other lenders", "0 of 1"],
    ]


def test_an_incident_is_taken_up_and_closed_by_name(url: str) -> None:
    page = open_tab(url, "monitoring", "Incidents")
    assert "AMT_INCOME_TOTAL comes in thousands" in text(page)

    def send(page: AppTest, what: str, why: str) -> AppTest:
        key = next(each.key for each in page.text_input if each.key.startswith(what) and each.key.endswith("_why"))
        page.text_input(key=key).set_value(why)
        page.text_input(key=key.replace("_why", "_by")).set_value("Ada L.")
        form = key.removesuffix("_why")
        return next(each for each in page.button if each.key.startswith(f"FormSubmitter:{form}")).click().run()

    page = send(page, "acknowledge", "")
    assert "Say why" in page.error[0].value
    page = send(page, "acknowledge", "the bureau mends it")
    assert "**Ada L. (key local)** has taken it up" in text(page)
    page = send(page, "resolve", "mended")
    assert "Nothing is open." in text(page)
    over = page.button_group(key="incidents_status").set_value("resolved").run()
    assert "closed by **Ada L. (key local)**: mended" in text(over)
    assert "Of 1 incidents that people closed, 1 were useful." in text(over)


def test_a_report_that_is_none_gets_a_sentence(url: str) -> None:
    page = open_tab(url, "monitoring", "Reports")
    page = page.button_group(key="reports_way").set_value("brought").run()
    page = page.file_uploader[0].upload("letter.html", b"Dear Ada", "text/html").run()
    assert "letter.html is no page of HTML" in page.error[0].value


def test_the_pages_speak_french(url: str) -> None:
    assert "C'est le seuil en vigueur." in text(open_tab(url, "portfolio", "Seuil", "fr"))
    assert "un flux est rompu" in text(open_tab(url, "monitoring", "Verdict", "fr"))
    assert "**Ada L.**" in text(open_tab(url, "model", "Versions et signatures", "fr"))


def test_without_anything_on_file_every_tab_says_what_to_do(bank: Settings) -> None:
    decides = Scorer.load(bank.data_dir / "version", "1")
    with serve(create_app(bank.model_copy(update={"decisions_record": False}), lambda: decides)) as url:
        for page, tab, said in (
            ("portfolio", "Cut-off", "Version 1 has not been judged yet."),
            ("portfolio", "Cohorts", "No cohort has been scored yet."),
            ("portfolio", "Challenger", "No version has been through the gate yet."),
            ("monitoring", "Verdict", "No cohort has been monitored yet."),
            ("monitoring", "Performance", "No outcomes of scored cohorts are known yet."),
            ("monitoring", "Incidents", "Nothing is open."),
            ("model", "Versions and signatures", "The registry holds no version yet."),
            ("model", "Model card", "Version 1 has no model card yet"),
        ):
            assert said in text(open_tab(url, page, tab)), (page, tab)
