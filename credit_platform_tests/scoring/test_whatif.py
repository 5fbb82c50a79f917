"""What would be decided about another loan: by the real pipeline, within bounds, and no further than need be."""

from typing import Any

import pytest

from credit_platform.mart.online import OnlineMart
from credit_platform.raw.records import records_of
from credit_platform.scoring import whatif
from credit_platform.scoring.scorer import Scorer
from credit_platform.scoring.whatif import ChangeError, changed_row, checked, fields, ways_to_approval
from credit_platform.settings import Settings
from credit_platform_tests.bank import COHORT

Records = tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]
REFUSED, HOPELESS = 100_024, 100_052


@pytest.fixture(scope="module")
def scorer(bank: Settings) -> Scorer:
    return Scorer.load(bank.data_dir / "version", "1")


@pytest.fixture(scope="module")
def online() -> OnlineMart:
    return OnlineMart()


def records(bank: Settings, client: int) -> Records:
    found = records_of(bank, COHORT, client)
    (application,) = found.pop("application")
    return application, found


@pytest.fixture(scope="module")
def refused(bank: Settings) -> Records:
    return records(bank, REFUSED)


def test_a_changed_application_gets_the_row_the_mart_would_give_it(online: OnlineMart, refused: Records) -> None:
    application, history = refused
    changes = {"AMT_CREDIT": 300_000.0, "NAME_CONTRACT_TYPE": "Revolving loans"}
    original, changed = changed_row(online, application, history, changes)
    assert original == online.row(application, history)
    assert changed == online.row({**application, **changes}, history)
    assert changed["CREDIT_TO_INCOME"] != original["CREDIT_TO_INCOME"]
    assert changed["INSTAL_LATE_SHARE"] == original["INSTAL_LATE_SHARE"]


def test_fields_can_take_what_others_asked_for_and_what_the_client_did(refused: Records) -> None:
    application, _ = refused
    found = {field.column.name: field for field in fields({**application, "AMT_CREDIT": 9e6})}
    assert found["AMT_CREDIT"].high == 9e6
    assert found["AMT_CREDIT"].low == 45_000
    assert found["NAME_CONTRACT_TYPE"].choices == ("Cash loans", "Revolving loans")
    assert "AMT_GOODS_PRICE" not in {f.column.name for f in fields({**application, "AMT_GOODS_PRICE": None})}


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"AMT_CREDIT": -5}, "AMT_CREDIT", "must be a number from 45000 to"),
        ({"AMT_CREDIT": "a lot"}, "AMT_CREDIT", "must be a number from"),
        ({"AMT_CREDIT": True}, "AMT_CREDIT", "must be a number from"),
        ({"AMT_CREDIT": float("nan")}, "AMT_CREDIT", "must be a number from"),
        ({"NAME_CONTRACT_TYPE": "Barter"}, "NAME_CONTRACT_TYPE", "must be one of Cash loans, Revolving loans"),
        ({"EXT_SOURCE_2": 0.9}, "EXT_SOURCE_2", "is nothing that could be changed"),
        ({"CODE_GENDER": "F"}, "CODE_GENDER", "is nothing that could be changed"),
    ],
)
def test_what_can_not_be_changed_is_named(refused: Records, changes: Any, field: str, message: str) -> None:
    with pytest.raises(ChangeError) as caught:
        checked(refused[0], changes)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert message in problem.message


def test_a_change_to_what_is_is_none(refused: Records) -> None:
    application, _ = refused
    assert checked(application, {"AMT_CREDIT": application["AMT_CREDIT"]}) == {}


def test_a_way_to_approval_is_approved_when_it_is_asked_for(
    scorer: Scorer, online: OnlineMart, refused: Records
) -> None:
    application, history = refused
    found = ways_to_approval(scorer, online, application, history)
    assert not found.approved
    enough = [way for way in found.ways if way.suffices]
    assert enough
    for way in enough:
        row = online.row({**application, **checked(application, way.changes)}, history)
        decided = scorer.score_row(row)
        assert decided.decision == "approve"
        assert decided.probability_of_default == way.probability_of_default


def test_a_way_goes_hardly_further_than_need_be(scorer: Scorer, online: OnlineMart, refused: Records) -> None:
    application, history = refused
    way = next(w for w in ways_to_approval(scorer, online, application, history).ways if w.name == "smaller")
    asked = application["AMT_CREDIT"]
    less = {name: application[name] * (1 - 0.8 * (1 - way.changes["AMT_CREDIT"] / asked)) for name in way.changes}
    assert scorer.score_row(online.row({**application, **less}, history)).decision != "approve"


def test_where_no_way_suffices_the_best_of_each_is_told(scorer: Scorer, online: OnlineMart, bank: Settings) -> None:
    found = ways_to_approval(scorer, online, *records(bank, HOPELESS))
    assert found.ways
    assert not any(way.suffices for way in found.ways)
    assert found.tried > 20


def test_who_is_approved_needs_no_way(scorer: Scorer, online: OnlineMart, refused: Records) -> None:
    application, history = refused
    found = ways_to_approval(scorer, online, {**application, "EXT_SOURCE_2": 0.95, "AMT_CREDIT": 90_000.0}, history)
    assert (found.approved, found.ways, found.tried) == (True, (), 1)


def test_an_application_without_an_instalment_has_no_ways(scorer: Scorer, online: OnlineMart, refused: Records) -> None:
    application, history = refused
    assert ways_to_approval(scorer, online, {**application, "AMT_ANNUITY": None}, history).ways == ()


def test_every_way_turns_fields_that_can_be_changed() -> None:
    names = {field["name"] for field in whatif._declared()["fields"]}
    assert all(way["by"].keys() <= names for way in whatif._declared()["ways"])
