"""Clients from the published mart, and drift from the reports."""

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from credit_platform.features.schema import Feature
from credit_platform.model.profile import Profile
from credit_platform.monitoring.counts import write_counts
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import SCHEMA, local, write_lake
from credit_platform_tests.serving.test_decisions import alike
from serving.app import create_app


def test_a_client_comes_from_the_newest_cohort_that_holds_them(api: TestClient) -> None:
    assert api.get("/clients/100001").json()["cohort"] == "2024-03"
    assert api.get("/clients/100002").json()["cohort"] == "2024-02"


def test_a_clients_features_are_what_the_model_reads_and_can_be_predicted(api: TestClient) -> None:
    client = api.get("/clients/100001").json()
    assert list(client["features"]) == SCHEMA.names
    answer = api.post("/predict", json={"features": client["features"]})
    assert answer.status_code == 200
    assert answer.json()["missing_features"] == []


def test_a_client_with_gaps_has_nulls_and_never_nan(api: TestClient) -> None:
    features = api.get("/clients/100004").json()["features"]
    assert features["DAYS_BIRTH"] is None
    assert features["OCCUPATION_TYPE"] is None
    assert features["AMT_CREDIT"] == 90_000
    assert api.post("/explain", json={"features": features}).status_code == 200


def test_an_unknown_client_is_a_clear_404(api: TestClient) -> None:
    answer = api.get("/clients/424242")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "No published cohort holds a client with this SK_ID_CURR."


def test_a_few_clients_of_the_newest_cohort_can_be_asked_for(api: TestClient) -> None:
    assert api.get("/clients").json() == {"cohort": "2024-03", "clients": [100001, 100003, 100004]}
    assert api.get("/clients?limit=1").json()["clients"] == [100001]


def test_without_a_mart_clients_say_what_to_do(settings: Settings, scorer: Scorer) -> None:
    with local(create_app(settings, lambda: scorer)) as api:
        for path in ("/clients", "/clients/100001"):
            answer = api.get(path)
            assert answer.status_code == 503
            assert "credit-platform run" in answer.json()["detail"]


def test_a_mart_published_while_serving_is_noticed(settings: Settings, scorer: Scorer) -> None:
    with local(create_app(settings, lambda: scorer)) as api:
        assert api.get("/clients").status_code == 503
        write_lake(settings)
        assert api.get("/clients").status_code == 200


def test_drift_verdicts_come_newest_first(api: TestClient) -> None:
    newest, older = api.get("/drift").json()
    assert (newest["cohort"], newest["drifted"], newest["drifted_columns"]) == ("2024-03", True, ["EXT_SOURCE_2"])
    assert (older["cohort"], older["drifted"], older["threshold"]) == ("2024-02", False, 0.2)
    assert newest["columns"]["EXT_SOURCE_2"] == 0.64


def test_a_broken_verdict_does_not_hide_the_others(api: TestClient, settings: Settings) -> None:
    reports = settings.monitoring_dir / "reports"
    (reports / "2024-04.json").write_text("{", "utf-8")
    (reports / "2024-05.json").write_text('{"cohort": "2024-05"}', "utf-8")
    assert [v["cohort"] for v in api.get("/drift").json()] == ["2024-03", "2024-02"]


def test_no_verdicts_yet_is_an_empty_list(settings: Settings, scorer: Scorer) -> None:
    with local(create_app(settings, lambda: scorer)) as api:
        assert api.get("/drift").json() == []
        assert api.get("/drift/2024-03/report").status_code == 404


def test_a_report_is_the_page_beside_the_verdict_in_a_sandbox(api: TestClient) -> None:
    answer = api.get("/drift/2024-03/report")
    assert answer.status_code == 200
    assert "Evidently on 2024-03" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "sandbox allow-scripts"


def test_a_report_on_outcomes_is_the_other_page(api: TestClient, settings: Settings) -> None:
    assert api.get("/drift/2024-03/report?about=outcomes").status_code == 404
    folder = settings.monitoring_dir / "reports" / "outcomes"
    folder.mkdir()
    (folder / "2024-03.html").write_text("They paid", "utf-8")
    assert api.get("/drift/2024-03/report?about=outcomes").text == "They paid"


def test_a_columns_bins_are_those_that_monitoring_counted(api: TestClient, settings: Settings) -> None:
    reference = pa.table({"AMT_CREDIT": [1.0, 2.0, 3.0, 4.0]})
    profile = Profile.fit(reference, [Feature("AMT_CREDIT", "numeric")])
    counts = profile.bins["AMT_CREDIT"].count(pa.chunked_array([pa.array([1.0, 9.0, 9.0, None])]))
    write_counts(settings, "2024-03", profile, {"AMT_CREDIT": counts})
    found = api.get("/drift/2024-03/columns/AMT_CREDIT").json()
    assert sum(each["reference"] for each in found) == 4
    assert [(found[-2]["label"], found[-2]["clients"]), (found[-1]["missing"], found[-1]["clients"])] == [
        ("above 4", 2),
        (True, 1),
    ]
    assert api.get("/drift/2024-03/columns/OTHER").status_code == 404
    assert api.get("/drift/2024-09/columns/AMT_CREDIT").status_code == 404


@pytest.mark.parametrize(
    "cohort",
    [
        "..%2F..%2Fsecret",
        "%2e%2e%2fsecret",
        "..",
        "../secret",
        "%2Fetc%2Fpasswd",
        "2024-03.html",
        "*",
        "[!x]*",
        "%00",
        ".2024-03",
    ],
)
def test_a_cohort_name_never_leaves_the_folder_of_reports(api: TestClient, settings: Settings, cohort: str) -> None:
    (settings.monitoring_dir / "secret.html").write_text("TOP SECRET", "utf-8")
    (settings.monitoring_dir / "reports" / ".2024-03.html").write_text("TOP SECRET", "utf-8")
    answer = api.get(f"/drift/{cohort}/report")
    assert answer.status_code == 404
    assert "TOP SECRET" not in answer.text


def test_what_clients_answers_can_be_posted_to_predict_as_it_is(api: TestClient) -> None:
    client = api.get("/clients/100001").json()
    answer = api.post("/predict", json=client)
    assert answer.status_code == 200
    assert alike(answer.json()) == alike(api.post("/predict", json={"features": client["features"]}).json())
