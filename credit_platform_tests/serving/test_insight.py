"""What lies behind a decision on a client, over the API: explanation, others, rows, other loans."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.bank import FEATURES
from credit_platform_tests.serving.conftest import local, write_lake
from serving.app import create_app

CLIENT = 100_024
OF_CLIENT = ("records/R-PAY", "what-if", "ways-to-approval")


@pytest.fixture(scope="module")
def desk(bank: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The bank's API, with a decision log of its own."""
    log = f"sqlite:///{tmp_path_factory.mktemp('log')}/decisions.db"
    settings = bank.model_copy(update={"decisions_url": type(bank.decisions_url)(log)})
    scorer = Scorer.load(bank.data_dir / "version", "1")
    with local(create_app(settings, lambda: scorer)) as client:
        yield client


def test_an_explanation_decides_by_the_mart_and_is_on_record(desk: TestClient) -> None:
    told = desk.post(f"/clients/{CLIENT}/explanation?language=fr").json()
    assert told["source"]["origin"] == "mart"
    assert told["decision"] == "refuse"
    assert {c["feature"] for c in told["contributions"]} == set(FEATURES)
    assert told["margin"] == pytest.approx(told["baseline"] + sum(c["contribution"] for c in told["contributions"]))
    amount = next(c for c in told["contributions"] if c["feature"] == "AMT_CREDIT")
    assert (amount["family"], amount["label"]) == ("R-AMT", "Montant du crédit")
    (newest, *_) = desk.get(f"/clients/{CLIENT}/decisions").json()["decisions"]
    assert newest["decision_id"] == told["decision_id"]


def test_families_add_up_to_what_their_features_say(desk: TestClient) -> None:
    told = desk.post(f"/clients/{CLIENT}/explanation").json()
    for family in told["families"]:
        own = [c["contribution"] for c in told["contributions"] if c["family"] == family["family"]]
        assert family["contribution"] == pytest.approx(sum(own))


def test_a_client_is_compared_with_all_and_with_those_alike(desk: TestClient) -> None:
    features = desk.get(f"/clients/{CLIENT}").json()["features"]
    told = desk.post("/comparison", json={"features": features, "top": 3}).json()
    strongest = [c["feature"] for c in desk.post(f"/clients/{CLIENT}/explanation").json()["contributions"][:3]]
    assert [f["feature"] for f in told["features"]] == strongest
    assert told["everybody"]["clients"] > told["alike"]["clients"] >= 100
    assert told["alike"]["description"]
    assert len(told["everybody"]["probability"]) == len(told["probability_edges"]) - 1


def test_the_rows_behind_a_reason_are_the_clients_own(desk: TestClient) -> None:
    told = desk.get(f"/clients/{CLIENT}/records/R-PAY?language=fr").json()
    assert (told["table"], told["cohort"]) == ("installments_payments", "2025-01")
    assert told["rows"][0]["telling"]
    assert told["telling"] == sum(row["telling"] for row in told["rows"])


def test_another_loan_is_decided_beside_the_one_asked_for_and_not_put_on_record(desk: TestClient) -> None:
    before = len(desk.get(f"/clients/{CLIENT}/decisions").json()["decisions"])
    fields = {f["field"]: f for f in desk.get(f"/clients/{CLIENT}/what-if").json()["fields"]}
    asked = fields["AMT_CREDIT"]["value"]
    body = {"changes": {"AMT_CREDIT": asked / 2, "AMT_INCOME_TOTAL": fields["AMT_INCOME_TOTAL"]["value"]}}
    told = desk.post(f"/clients/{CLIENT}/what-if", json=body).json()
    assert told["changes"] == {"AMT_CREDIT": asked / 2}
    assert told["original"]["decision"] == "refuse"
    assert told["changed"]["probability_of_default"] < told["original"]["probability_of_default"]
    assert told["families"][0]["family"] == "R-AMT"
    assert len(desk.get(f"/clients/{CLIENT}/decisions").json()["decisions"]) == before


def test_what_was_decided_is_what_the_simulation_calls_the_original(desk: TestClient) -> None:
    decided = desk.post(f"/clients/{CLIENT}/decision").json()
    simulated = desk.post(f"/clients/{CLIENT}/what-if", json={"changes": {}}).json()
    assert simulated["original"]["probability_of_default"] == decided["probability_of_default"]
    assert simulated["changed"] == simulated["original"]
    assert simulated["families"] == []


def test_a_way_to_approval_holds_when_it_is_tried(desk: TestClient) -> None:
    told = desk.get(f"/clients/{CLIENT}/ways-to-approval").json()
    way = told["ways"][0]
    assert way["suffices"]
    changes = {change["field"]: change["after"] for change in way["changes"]}
    tried = desk.post(f"/clients/{CLIENT}/what-if", json={"changes": changes}).json()["changed"]
    assert (tried["decision"], tried["probability_of_default"]) == ("approve", way["probability_of_default"])


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"AMT_CREDIT": 1}, "changes.AMT_CREDIT", "must be a number from 45000"),
        ({"EXT_SOURCE_2": 1}, "changes.EXT_SOURCE_2", "is nothing that could be changed"),
    ],
)
def test_a_change_that_can_not_be_is_named(
    desk: TestClient, changes: dict[str, object], field: str, problem: str
) -> None:
    answer = desk.post(f"/clients/{CLIENT}/what-if", json={"changes": changes})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert problem in error["problem"]


@pytest.mark.parametrize("family", ["R-PRO", "R-NONE", "x'; drop table bureau; --"])
def test_no_rows_are_shown_for_what_is_no_reason(desk: TestClient, family: str) -> None:
    answer = desk.get(f"/clients/{CLIENT}/records/{family}")
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize("path", OF_CLIENT)
def test_an_unknown_client_is_a_404(desk: TestClient, path: str) -> None:
    answer = desk.get(f"/clients/424242/{path}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "No published cohort holds a client with this SK_ID_CURR."


@pytest.mark.parametrize("path", OF_CLIENT)
def test_a_client_whose_raw_tables_are_elsewhere_says_so(settings: Settings, scorer: Scorer, path: str) -> None:
    write_lake(settings)
    with local(create_app(settings, lambda: scorer)) as api:
        answer = api.get(f"/clients/100001/{path}")
        assert answer.status_code == 404
        assert "The raw tables of cohort 2024-03" in answer.json()["detail"]
        assert "No population was counted yet" in api.post("/comparison", json={"features": {}}).json()["detail"]
