"""The landing sensor, ticked against a real instance."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from credit_platform.automation.sensors import landing_sensor
from credit_platform.home_credit.contracts import TABLE_NAMES, tables
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.conftest import COHORT
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.ticks import Ticks

BUILT = {"quality_report", "client_mart", "client_lookup"}
TRAINED = {
    "feature_splits",
    "scorecard",
    "candidate",
    "evaluation",
    "champion",
    "model_card",
    "shap_summary",
    "population",
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as persistent:
        yield persistent


@pytest.fixture
def landing(settings: Settings, instance: dg.DagsterInstance) -> Ticks:
    return Ticks(landing_sensor, settings, instance)


def deliver(settings: Settings, cohort: str, clients: str = "1,2,3") -> Path:
    path = settings.landing_dir / cohort / "application.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    for contract in tables():
        (path.parent / f"{contract.file}.csv").touch()
    path.write_text("SK_ID_CURR\n" + clients.replace(",", "\n"), "utf-8")
    return path


def touch(path: Path, seconds: int = 60) -> None:
    os.utime(path, (path.stat().st_mtime + seconds,) * 2)


def partitions(requests: list[dg.RunRequest]) -> list[str | None]:
    return [request.partition_key for request in requests]


def test_an_empty_landing_area_requests_nothing(landing: Ticks) -> None:
    assert landing.tick() == []


def test_a_new_cohort_becomes_a_partition_and_is_run_once(
    landing: Ticks, settings: Settings, instance: dg.DagsterInstance
) -> None:
    deliver(settings, "2025-01")
    assert partitions(landing.tick()) == ["2025-01"]
    assert instance.get_dynamic_partitions("cohort") == ["2025-01"]
    assert landing.tick() == []


def test_a_folder_that_is_still_being_copied_waits_until_it_holds_every_table(
    landing: Ticks, settings: Settings
) -> None:
    path = deliver(settings, "2025-01")
    last = path.with_name("bureau.csv")
    last.unlink()
    assert landing.tick() == []
    last.touch()
    assert [request.partition_key for request in landing.tick()] == ["2025-01"]


def test_two_new_cohorts_are_both_run(landing: Ticks, settings: Settings) -> None:
    deliver(settings, "2025-01")
    deliver(settings, "2025-02")
    assert partitions(landing.tick()) == ["2025-01", "2025-02"]


def test_one_more_cohort_runs_alone(landing: Ticks, settings: Settings, instance: dg.DagsterInstance) -> None:
    deliver(settings, "2025-01")
    landing.tick()
    deliver(settings, "2025-02")
    assert partitions(landing.tick()) == ["2025-02"]
    assert instance.get_dynamic_partitions("cohort") == ["2025-01", "2025-02"]


def test_a_file_with_new_content_runs_its_cohort_again(landing: Ticks, settings: Settings) -> None:
    path = deliver(settings, "2025-01")
    deliver(settings, "2025-02")
    landing.tick()
    deliver(settings, "2025-01", "4,5,6")
    touch(path)
    assert partitions(landing.tick()) == ["2025-01"]


def test_outcomes_that_arrive_later_run_their_cohort_again(landing: Ticks, settings: Settings) -> None:
    path = deliver(settings, "2025-01")
    landing.tick()
    path.with_name("outcomes.csv").write_text("SK_ID_CURR,TARGET\n1,0", "utf-8")
    assert partitions(landing.tick()) == ["2025-01"]


def test_a_delivery_that_is_taken_back_runs_again_under_a_key_of_its_own(landing: Ticks, settings: Settings) -> None:
    keys = []
    for i, clients in enumerate(("1,2,3", "4,5,6", "1,2,3")):
        touch(deliver(settings, "2025-01", clients), 60 * i)
        keys += [request.run_key for request in landing.tick()]
    assert len(keys) == len(set(keys)) == 3


@pytest.fixture
def processed(landed: Settings) -> Settings:
    """A delivery whose raw tables the command line has made already."""
    for name in (*TABLE_NAMES, "outcomes"):
        ingest(landed, name, COHORT)
    return landed


def deliver_again(settings: Settings, name: str, delivery: TinyDelivery) -> None:
    """Replaces one file of the landed cohort, or adds it."""
    delivery.write(settings.data_dir / "again", only=(name,))
    for path in (settings.data_dir / "again").iterdir():
        shutil.copy(path, settings.landing_dir / COHORT / path.name)


def selected(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def test_a_cohort_that_the_command_line_already_ran_is_only_noted(
    processed: Settings, instance: dg.DagsterInstance
) -> None:
    landing = Ticks(landing_sensor, processed, instance)
    assert landing.tick() == []
    assert instance.get_dynamic_partitions("cohort") == [COHORT]


def test_a_file_that_was_touched_but_holds_the_same_runs_nothing(
    processed: Settings, instance: dg.DagsterInstance
) -> None:
    landing = Ticks(landing_sensor, processed, instance)
    landing.tick()
    touch(processed.landing_dir / COHORT / "application.csv")
    assert landing.tick() == []


@pytest.mark.parametrize("decides", [True, False])
@pytest.mark.parametrize(
    ("corrected", "tables"),
    [
        ("installments_payments", {"raw_installments_payments"}),
        ("bureau", {"raw_bureau", "raw_bureau_balance"}),
        ("application", {f"raw_{name}" for name in (*TABLE_NAMES, "outcomes")}),
    ],
)
def test_a_corrected_file_concerns_its_table_and_what_is_made_from_it(
    processed: Settings,
    instance: dg.DagsterInstance,
    delivery: TinyDelivery,
    corrected: str,
    tables: set[str],
    decides: bool,
) -> None:
    if decides:
        instance.report_runless_asset_event(dg.AssetMaterialization("champion", metadata={"version": "1"}))
    delivery.rows[corrected].pop()
    deliver_again(processed, corrected, delivery)
    (request,) = Ticks(landing_sensor, processed, instance).tick()
    assert request.partition_key == COHORT
    assert selected(request) == tables | BUILT | ({"scores", "drift_report", "performance"} if decides else set())


@pytest.mark.parametrize(
    ("decides", "retrain", "trained"),
    [(True, True, TRAINED | {"performance"}), (True, False, {"performance"}), (False, True, set())],
)
def test_late_outcomes_concern_performance_and_training_alone(
    processed: Settings,
    instance: dg.DagsterInstance,
    delivery: TinyDelivery,
    decides: bool,
    retrain: bool,
    trained: set[str],
) -> None:
    if decides:
        instance.report_runless_asset_event(dg.AssetMaterialization("champion", metadata={"version": "1"}))
    settings = processed.model_copy(update={"retrain_on_outcomes": retrain})
    deliver_again(settings, "outcomes", delivery.with_outcomes())
    (request,) = Ticks(landing_sensor, settings, instance).tick()
    assert request.job_name == "take_outcomes"
    assert selected(request) == {"raw_outcomes"} | trained


def test_folders_that_are_no_cohorts_are_passed_over(landing: Ticks, settings: Settings) -> None:
    deliver(settings, ".2025-01.half-landed")
    (settings.landing_dir / "notes.txt").write_text("x", "utf-8")
    assert landing.tick() == []


def test_a_folder_with_a_table_twice_does_not_keep_the_others_from_running(landing: Ticks, settings: Settings) -> None:
    deliver(settings, "2025-01").with_name("application.parquet").write_bytes(b"x")
    deliver(settings, "2025-02")
    assert partitions(landing.tick()) == ["2025-01", "2025-02"]
    assert landing.tick() == []


@pytest.mark.parametrize(("version", "job"), [(None, "build_mart"), ("none", "build_mart"), ("3", "process_cohort")])
def test_a_new_cohort_is_scored_and_monitored_only_where_a_champion_decides(
    landing: Ticks, settings: Settings, instance: dg.DagsterInstance, version: str | None, job: str
) -> None:
    if version is not None:
        instance.report_runless_asset_event(dg.AssetMaterialization("champion", metadata={"version": version}))
    deliver(settings, "2025-01")
    assert [request.job_name for request in landing.tick()] == [job]
