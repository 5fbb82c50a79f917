"""A client opened at the desk: reasons with their rows, where the score comes from, others, and what was decided."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from credit_platform_tests.ui.conftest import text
from ui.api import Api

CLIENT = "100024"


@pytest.fixture
def opened(bank_api: Api, open_page: Callable[[Api], AppTest]) -> AppTest:
    """The page of a client who is refused, among other things for late instalments."""
    page = open_page(bank_api)
    return page.text_input(key="sk_id_curr").set_value(CLIENT).run()


def turn_to(page: AppTest, tab: str) -> AppTest:
    page.session_state["depths"] = tab
    return page.run()


def columns(page: AppTest) -> list[str]:
    return [str(name) for element in page.dataframe for name in element.value.columns]


def test_the_reasons_stand_in_words_with_their_weight(opened: AppTest) -> None:
    said = text(opened)
    assert "**1. External credit scores**" in said
    assert "Paying every instalment in full and on time can help." in said
    weights = [float(m.value.rstrip("%")) for m in opened.metric if m.label == "Weight"]
    assert len(weights) >= 3
    assert weights == sorted(weights, reverse=True)


def test_behind_a_reason_are_the_clients_rows_late_ones_first(opened: AppTest) -> None:
    opened.session_state["rows_R-PAY"] = True
    said = text(opened.run())
    assert "**Instalments of earlier loans**" in said
    assert "paid late or not in full; they come first" in said
    rows = next(element.value for element in opened.dataframe if "Late by" in element.value.columns)
    marks = rows["Marked"].tolist()
    assert marks[0] == "●"
    assert marks == sorted(marks, reverse=True)


def test_a_reason_of_the_application_shows_its_fields(opened: AppTest) -> None:
    opened.session_state["rows_R-EXT"] = True
    opened.run()
    fields = next(element.value for element in opened.dataframe if "Field" in element.value.columns)
    assert len(fields) >= 1


def test_the_waterfall_leads_into_a_family(opened: AppTest) -> None:
    family = opened.selectbox(key="waterfall_family")
    assert "External credit scores" in family.options
    assert "All 14 features as a list" in [expander.label for expander in opened.expander]
    text(family.set_value("R-PAY").run())
    assert len(opened.get("plotly_chart")) == 2


def test_a_client_stands_beside_all_and_those_alike(opened: AppTest) -> None:
    said = text(turn_to(opened, "Beside other clients"))
    assert "**Clients alike:** Product applied for: Cash loans" in said
    assert "of all clients have less" in said
    assert "Have a lower probability" in columns(opened)
    assert len(opened.get("plotly_chart")) == 5
    opened.multiselect[0].set_value([]).run()
    assert len(opened.get("plotly_chart")) == 1


def test_looking_at_a_client_is_one_decision_however_often_the_page_runs(opened: AppTest) -> None:
    opened.run()
    text(turn_to(opened, "Decided before"))
    log = next(element.value for element in opened.dataframe if "On record as" in element.value.columns)
    assert log["Decision"].tolist() == ["Refuse"]


def test_pasted_features_have_reasons_but_no_rows_and_no_past(opened: AppTest) -> None:
    opened.button_group(key="way").set_value("features").run()
    opened.text_area[0].set_value('{"EXT_SOURCE_2": 0.05, "AMT_CREDIT": 900000}')
    said = text(opened.button(key="FormSubmitter:features-Decide").click().run())
    assert "External credit scores" in said
    labels = [expander.label for expander in opened.expander]
    assert "The rows behind it" not in labels
    assert [tab.label for tab in opened.tabs] == ["How the score came about", "Beside other clients"]


def test_a_client_is_told_of_in_french(opened: AppTest) -> None:
    opened.button_group(key="language").set_value("Français").run()
    opened.session_state["rows_R-PAY"] = True
    said = text(opened.run())
    assert "Refuser" in said
    assert "Scores de crédit externes" in said
    assert "payée en retard ou pas en totalité" in said


def test_a_key_without_the_right_to_records_still_sees_the_decision(
    bank_api: Api, open_page: Callable[[Api], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ui.answers import client
    from ui.problems import ApiError

    def refuse(*_: object) -> None:
        raise ApiError("forbidden", "The key branch-7 would need the scope review.")

    monkeypatch.setattr(client, "past_decisions", refuse)
    page = open_page(bank_api)
    page.text_input(key="sk_id_curr").set_value(CLIENT).run()
    said = text(turn_to(page, "Decided before"))
    assert "Your key does not open this" in said
    assert "Refuse" in said
