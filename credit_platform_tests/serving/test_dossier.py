"""What is on file about versions, over the API: from a registry, a ledger and a lake as the graph leaves them."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from credit_platform.settings import Settings
from credit_platform_tests.bank import COHORT, THRESHOLD
from credit_platform_tests.serving.conftest import local
from serving.app import create_app


@pytest.fixture
def api(filed: Settings) -> Iterator[TestClient]:
    with local(create_app(filed)) as client:
        yield client


def told(api: TestClient, path: str) -> Any:
    answer = api.get(f"/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_cut_offs_told_hold_the_one_in_force_and_cost_falls_and_rises(api: TestClient) -> None:
    (part,) = told(api, "/model/evaluation")["parts"]
    curve = part["strategy"]
    present = next(row for row in curve if row["cut_off"] >= THRESHOLD)
    assert present["cost_per_client"] == pytest.approx(part["metrics"]["cost_per_client"]["value"])
    assert present["approval_rate"] == pytest.approx(1 - part["metrics"]["refusal_rate"]["value"])
    assert [row["approval_rate"] for row in curve] == sorted(row["approval_rate"] for row in curve)
    assert curve[0]["cost_per_client"] == pytest.approx(part["without_a_model"]["cost_refuse_all"])


def test_metrics_come_with_intervals_and_groups_with_impact_ratios(api: TestClient) -> None:
    (part,) = told(api, "/model/evaluation?version=1")["parts"]
    auc = part["metrics"]["auc"]
    assert auc["low"] <= auc["value"] <= auc["high"]
    assert {row["by"] for row in part["fairness"]} >= {"gender"}
    assert part["sensitivity"][0]["missed_default_costs"] == 5


def test_the_cut_off_is_held_against_theory(api: TestClient) -> None:
    found = told(api, "/model/cut-off")
    assert found["theory"] == pytest.approx(1 / 11)
    assert found["value"] == THRESHOLD


def test_what_moves_the_model_is_told_by_family_and_feature_in_both_languages(api: TestClient) -> None:
    english, french = (told(api, f"/model/importance?language={language}") for language in ("en", "fr"))
    strengths = [family["importance"] for family in english["families"]]
    assert strengths == sorted(strengths, reverse=True)
    assert sum(strengths) == pytest.approx(sum(feature["importance"] for feature in english["features"]))
    assert english["families"][0]["title"] != french["families"][0]["title"]
    assert english["features"][0]["points"][0] == {"contribution": -0.4, "rank": 0.9}
    assert english["features"][-1]["points"] == []


def test_versions_promotions_and_refusals_are_told_newest_first(api: TestClient) -> None:
    assert [(each["number"], each["aliases"]) for each in told(api, "/model/versions")] == [
        ("2", ["challenger"]),
        ("1", ["champion"]),
    ]
    refused, promoted, _ = told(api, "/model/promotions")
    said = ("promotion", "done", "Ada L.", "a model for tests", "1")
    assert (promoted["kind"], promoted["state"], promoted["by"], promoted["why"], promoted["to_version"]) == said
    assert promoted["overridden"]
    assert (refused["kind"], refused["from_version"], refused["to_version"]) == ("refusal", "1", "2")


def test_the_gate_tells_who_flips_and_what_became_of_them(api: TestClient) -> None:
    found = told(api, "/model/gate")
    assert (found["challenger"], found["champion"], found["passed"]) == ("2", "1", False)
    groups = {(group["champion"], group["challenger"]): group for group in found["groups"]}
    assert sum(group["clients"] for group in groups.values()) == found["clients"]
    assert groups["approve", "approve"]["cost_effect"]["value"] == 0
    assert told(api, "/model/gate?version=1")["groups"] == []


def test_a_cohorts_scores_are_counted_by_grade_and_decision(api: TestClient) -> None:
    (cohort,) = told(api, "/portfolio")
    assert cohort["cohort"] == COHORT
    assert sum(cohort["grades"].values()) == sum(cohort["decisions"].values()) == cohort["clients"]
    points = list(cohort["points"].values())
    assert points == sorted(points)


def test_what_came_of_a_cohorts_scores_has_intervals(api: TestClient) -> None:
    (cohort,) = told(api, "/performance")
    assert (cohort["cohort"], cohort["model_version"]) == (COHORT, "1")
    assert cohort["metrics"]["auc"]["low"] <= cohort["metrics"]["auc"]["value"] <= cohort["metrics"]["auc"]["high"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/model/evaluation?version=2", "Version 2 has not been judged"),
        ("/model/evaluation?version=9", "The registry holds no version 9"),
        ("/model/gate?version=9", "Version 9 has not been through the gate"),
    ],
)
def test_what_is_not_on_file_is_said(api: TestClient, path: str, said: str) -> None:
    answer = api.get(f"/v1{path}")
    assert answer.status_code == 404
    assert said in answer.json()["detail"]


def test_a_ledger_that_was_changed_is_not_told_as_if_it_were_whole(filed: Settings, api: TestClient) -> None:
    entry = sorted((filed.data_dir / "model/promotions/credit_scoring_model").iterdir())[0]
    content = entry.read_bytes()
    entry.write_bytes(content.replace(b"the gate", b"somebody"))
    answer = api.get("/v1/model/promotions")
    entry.write_bytes(content)
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:credit-platform:problem:damaged"
    assert "is not what was written" in answer.json()["detail"]
