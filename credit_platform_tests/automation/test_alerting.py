"""The sensors and schedules that alert and ask for a new model, ticked against a real instance without the daemon."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pytest

from credit_platform import quarantine
from credit_platform.alerting import heartbeat, sources, watch
from credit_platform.alerting.checks import monitoring_is_alive
from credit_platform.alerting.incidents import Incident
from credit_platform.alerting.store import AlertStore
from credit_platform.automation.conditions import INCIDENTS, REASON, outcome_of_training
from credit_platform.automation.schedules import quarterly_retraining
from credit_platform.automation.sensors import (
    drift_sensor,
    heartbeat_sensor,
    performance_sensor,
    retraining_sensor,
    run_success_alert,
)
from credit_platform.monitoring.findings import Finding
from credit_platform.monitoring.reports import verdict_path
from credit_platform.settings import Settings
from credit_platform_tests.messages import INCOME, SCORE
from credit_platform_tests.tables import put
from credit_platform_tests.ticks import Ticks

CALIBRATION = replace(SCORE, layer="outcomes", metric="calibration", cause="concept moved", state="critical")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as persistent:
        persistent.report_runless_asset_event(dg.AssetMaterialization("champion", metadata={"version": "1"}))
        yield persistent


def report(settings: Settings, cohort: str, *findings: Finding) -> None:
    path = verdict_path(settings, cohort)
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [replace(finding, cohort=cohort).as_json() for finding in findings]
    path.write_text(json.dumps({"cohort": cohort, "findings": found}), "utf-8")


def label(settings: Settings, *cohorts: str) -> None:
    for cohort in cohorts:
        put(settings, "client_mart", cohort, pa.table({"SK_ID_CURR": [1]}))
        put(settings, "raw_outcomes", cohort, pa.table({"SK_ID_CURR": [1], "TARGET": [0]}))


def incidents(settings: Settings) -> list[Incident]:
    with AlertStore.of(settings) as store, store.reading() as read:
        return read.incidents()


def test_findings_become_incidents_once_however_often_the_sensor_looks(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    drift = Ticks(drift_sensor, settings, instance)
    drift.tick()
    report(settings, "2025-02", SCORE)
    report(settings, "2025-03", SCORE, CALIBRATION)
    for _ in range(3):
        drift.tick()
    assert [(i.kind, i.since, i.bad) for i in incidents(settings)] == [("score", "2025-02", 2)]
    Ticks(performance_sensor, settings, instance).tick()
    assert {i.kind for i in incidents(settings)} == {"score", "outcomes"}


def test_a_cohort_in_quarantine_is_an_incident_of_its_own(settings: Settings, instance: dg.DagsterInstance) -> None:
    quarantine.hold(settings, "2025-03", "raw_bureau", ["bureau.csv lacks SK_ID_BUREAU."], "digest")
    Ticks(drift_sensor, settings, instance).tick()
    assert [(i.kind, i.severity, i.status) for i in incidents(settings)] == [("quality", "critical", "open")]


@pytest.fixture
def drifted(settings: Settings, instance: dg.DagsterInstance) -> Settings:
    """An open incident of drift since 2025-02, and outcomes of four cohorts since."""
    report(settings, "2025-02", SCORE)
    report(settings, "2025-03", SCORE)
    Ticks(drift_sensor, settings, instance).tick()
    label(settings, *(f"2025-0{month}" for month in range(1, 6)))
    return settings


def test_a_drift_requests_one_training_on_what_came_since_with_its_reason(
    drifted: Settings, instance: dg.DagsterInstance
) -> None:
    retraining = Ticks(retraining_sensor, drifted, instance)
    (request,) = retraining.tick()
    assert request.tags[INCIDENTS] == incidents(drifted)[0].id
    assert request.tags[REASON] == "population moved since 2025-02: psi of probability_of_default"
    assert request.run_config["ops"]["feature_splits"]["config"] == {"cohorts": "2025-02..2025-04"}
    assert retraining.tick() == []
    assert Ticks(retraining_sensor, drifted, instance).tick()[0].run_key == request.run_key


def skipped(settings: Settings, instance: dg.DagsterInstance) -> str:
    ticks = Ticks(retraining_sensor, settings, instance)
    context = dg.build_sensor_context(instance, resources={"settings": settings})
    assert ticks.tick() == []
    return retraining_sensor.evaluate_tick(context).skip_message or ""


def test_a_broken_feed_is_never_learnt_from(drifted: Settings, instance: dg.DagsterInstance) -> None:
    report(drifted, "2025-04", INCOME, replace(SCORE, explained_by="quality"))
    Ticks(drift_sensor, drifted, instance).tick()
    assert "a feed is broken (unit of application.AMT_INCOME_TOTAL)" in skipped(drifted, instance)


def test_a_cohort_in_quarantine_forbids_training_and_its_release_allows_it(
    drifted: Settings, instance: dg.DagsterInstance
) -> None:
    quarantine.hold(drifted, "2025-06", "quality_report", ["EXT_SOURCE_3 has gone."], "digest")
    assert "cohort 2025-06 is in quarantine" in skipped(drifted, instance)
    quarantine.lift(drifted, "2025-06", "quality_report")
    assert len(Ticks(retraining_sensor, drifted, instance).tick()) == 1


def test_outcomes_from_after_the_change_are_waited_for(drifted: Settings, instance: dg.DagsterInstance) -> None:
    waiting = drifted.model_copy(update={"retrain_least_cohorts": 5})
    assert skipped(waiting, instance).endswith("not now: 4 of 5 labelled cohorts since then")


def test_a_training_by_drift_forbids_the_next_for_a_while_but_not_one_that_failed(
    drifted: Settings, instance: dg.DagsterInstance
) -> None:
    def run(status: dg.DagsterRunStatus) -> None:
        instance.add_run(dg.DagsterRun("train", tags={INCIDENTS: "x"}, status=status))

    run(dg.DagsterRunStatus.FAILURE)
    assert len(Ticks(retraining_sensor, drifted, instance).tick()) == 1
    run(dg.DagsterRunStatus.STARTED)
    assert "the next by drift from" in skipped(drifted, instance)
    at_once = drifted.model_copy(update={"retrain_cooldown_days": 0, "retrain_most_per_year": 1})
    assert "1 trainings within a year already" in skipped(at_once, instance)


def test_incidents_of_a_version_that_no_longer_decides_ask_for_nothing(
    drifted: Settings, instance: dg.DagsterInstance
) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("champion", metadata={"version": "2"}))
    assert skipped(drifted, instance) == "no open incident asks for a new model"


def test_what_came_of_a_training_is_tied_to_the_incident(drifted: Settings, instance: dg.DagsterInstance) -> None:
    (incident,) = incidents(drifted)

    @dg.asset
    def champion() -> dg.MaterializeResult:
        said = {"challenger": "2", "result": "promoted", "reason": "costs less", "version": "2"}
        return dg.MaterializeResult(metadata=said)

    result = dg.materialize([champion], instance=instance, tags={INCIDENTS: incident.id})
    context = dg.build_run_status_sensor_context(
        "run_success_alert", result.get_run_success_event(), instance, result.dagster_run
    )
    run_success_alert(context, settings=drifted)
    assert incidents(drifted)[0].outcome == "version 2 promoted: costs less"
    assert "made no challenger" in outcome_of_training(instance, "another run")


def quarter(settings: Settings, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(instance, scheduled_execution_time=datetime(2026, 4, 3, 5, tzinfo=UTC))
    return quarterly_retraining(context, settings=settings)


def test_each_quarter_a_challenger_is_trained_unless_a_feed_is_broken(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    assert quarter(settings, instance).skip_message == "no cohort with known outcomes has been landed"
    label(settings, "2025-01")
    request = quarter(settings, instance)
    assert (request.run_key, request.tags) == ("quarter-2026-04", {REASON: "quarterly, 2026-04"})
    report(settings, "2025-02", INCOME)
    Ticks(drift_sensor, settings, instance).tick()
    assert "a feed is broken" in quarter(settings, instance).skip_message


def test_the_heartbeat_says_that_all_is_alive_and_leaves_a_mark(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    Ticks(heartbeat_sensor, settings, instance).tick()
    assert incidents(settings) == []
    assert heartbeat.last_beat(settings) is not None


def test_a_stopped_sensor_is_an_incident_until_it_runs_again(settings: Settings, instance: dg.DagsterInstance) -> None:
    beats = Ticks(heartbeat_sensor, settings, instance)
    beats.stop(drift_sensor)
    beats.tick()
    assert [(i.kind, i.subject, i.status) for i in incidents(settings)] == [("stopped", "drift_sensor", "open")]
    beats.start(drift_sensor)
    beats.tick()
    assert [i.status for i in incidents(settings)] == ["resolved"]


def test_a_landed_cohort_that_nobody_monitored_is_an_incident(landed: Settings, instance: dg.DagsterInstance) -> None:
    hasty = landed.model_copy(update={"alert_silence_hours": 1e-9})
    Ticks(heartbeat_sensor, hasty, instance).tick()
    assert [(i.kind, i.subject) for i in incidents(hasty)] == [("silence", "2025-01")]


def test_the_heartbeat_reminds_of_what_is_open(settings: Settings, instance: dg.DagsterInstance) -> None:
    long_ago = watch.now() - timedelta(days=3)
    watch.observe(settings, [sources.run_from("2025-03", [INCOME])], long_ago)
    Ticks(heartbeat_sensor, settings, instance).tick()
    with AlertStore.of(settings) as store, store.reading() as read:
        assert [entry.kind for entry in read.history()] == ["opened", "overdue"]


def test_the_check_says_whether_somebody_watches(landed: Settings) -> None:
    assert monitoring_is_alive(settings=landed).passed
    heartbeat.beat(landed, watch.now() - timedelta(hours=2))
    found = monitoring_is_alive(settings=landed)
    assert not found.passed
    assert "is the Dagster daemon running?" in (found.description or "")
    heartbeat.beat(landed, watch.now())
    late = monitoring_is_alive(settings=landed.model_copy(update={"alert_silence_hours": 1e-9}))
    assert not late.passed
