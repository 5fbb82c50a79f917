"""What runs say becomes incidents and messages, people take them up, and all of it is on record."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from credit_platform import quarantine
from credit_platform.alerting import heartbeat, sources, watch
from credit_platform.alerting.incidents import Incident, IncidentError
from credit_platform.alerting.log import log_path
from credit_platform.alerting.store import AlertStore, AlertStoreError
from credit_platform.alerting.watch import UnknownIncidentError
from credit_platform.monitoring.findings import Finding
from credit_platform.settings import Settings
from credit_platform_tests.messages import INCOME, NOON, SCORE

MONTH = timedelta(days=30)


def cohort(name: str, *findings: Finding) -> list[Finding]:
    return [replace(finding, cohort=name) for finding in findings]


def see(settings: Settings, found: Sequence[Finding], at: datetime = NOON) -> list[str]:
    run = sources.run_from(found[0].cohort, found)
    return [f"{event.kind} {event.incident.kind}" for event in watch.observe(settings, [run], at)]


def lines(settings: Settings) -> list[dict[str, object]]:
    path = log_path(settings)
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def incidents(settings: Settings) -> list[Incident]:
    with AlertStore.of(settings) as store, store.reading() as read:
        return read.incidents()


def test_a_warning_is_told_in_its_second_cohort_once(settings: Settings) -> None:
    assert see(settings, cohort("2025-02", SCORE)) == []
    assert see(settings, cohort("2025-03", SCORE)) == ["opened score"]
    assert see(settings, cohort("2025-03", SCORE)) == []
    (line,) = lines(settings)
    assert line["message"] == "WARN 2025-03, model version 1: 1 incident: population moved"
    assert line["where"] == "http://127.0.0.1:8000/v1/drift/2025-03/report"
    (incident,) = incidents(settings)
    assert (incident.since, incident.bad) == ("2025-02", 2)


def test_one_message_tells_all_of_a_run_root_cause_first(settings: Settings) -> None:
    moved = [replace(SCORE, state="critical", column=f"F{i}", layer="features") for i in range(12)]
    see(settings, cohort("2025-03", *moved, INCOME))
    (line,) = lines(settings)
    assert line["kind"] == "quality"
    assert line["message"] == "CRITICAL 2025-03, model version 1: 13 incidents: broken feed"
    assert len(line["incidents"]) == 10  # type: ignore[arg-type]


def test_columns_of_one_table_are_one_incident_that_names_them(settings: Settings) -> None:
    columns = [replace(INCOME, column=f"AMT_{i}") for i in range(7)]
    see(settings, cohort("2025-03", *columns))
    (incident,) = incidents(settings)
    assert incident.sentence.endswith("likewise AMT_1, AMT_2, AMT_3, AMT_4 and 2 more.")


def test_what_is_explained_by_an_earlier_layer_never_alerts(settings: Settings) -> None:
    explained = replace(SCORE, state="critical", explained_by="quality")
    assert see(settings, cohort("2025-03", INCOME, explained)) == ["opened quality"]
    assert [incident.kind for incident in incidents(settings)] == ["quality"]


def test_an_older_cohort_that_is_judged_again_is_no_news(settings: Settings) -> None:
    well = replace(SCORE, state="ok")
    see(settings, cohort("2025-06", well))
    assert see(settings, cohort("2025-02", replace(SCORE, state="critical"))) == []
    late = replace(SCORE, layer="outcomes", metric="calibration", state="critical")
    assert see(settings, cohort("2025-02", late)) == ["opened outcomes"]


def test_what_began_and_ended_within_the_cohorts_of_one_look_is_not_told(settings: Settings) -> None:
    bad, well = replace(SCORE, state="critical"), replace(SCORE, state="ok")
    runs = [
        sources.run_from(name, cohort(name, finding))
        for name, finding in [("2025-01", bad), ("2025-02", well), ("2025-03", well), ("2025-04", well)]
    ]
    assert watch.observe(settings, runs, NOON) == []
    assert lines(settings) == []
    assert [incident.status for incident in incidents(settings)] == ["resolved"]


def test_an_incident_ends_by_itself_and_that_is_told(settings: Settings) -> None:
    see(settings, cohort("2025-01", replace(SCORE, state="critical")))
    well = replace(SCORE, state="watch")
    assert see(settings, cohort("2025-02", well), NOON + MONTH) == []
    assert see(settings, cohort("2025-03", well), NOON + 2 * MONTH) == ["resolved score"]
    assert lines(settings)[-1]["message"] == "RESOLVED 2025-03, model version 1: 1 incident"


def test_people_take_incidents_up_and_close_them_and_the_history_says_who(settings: Settings) -> None:
    see(settings, cohort("2025-03", INCOME))
    (incident,) = incidents(settings)
    until = watch.now() + MONTH
    watch.acknowledge(settings, incident.id, "ana", "asked the bureau", until)
    assert watch.remind(settings, watch.now() + 20 * MONTH / 30) == []
    watch.snooze(settings, incident.id, "ana", "mended on Monday", until)
    closed = watch.resolve(settings, incident.id, "ana", "unit mended", "useful")
    assert (closed.status, closed.verdict) == ("resolved", "useful")
    with pytest.raises(IncidentError, match="resolved already"):
        watch.resolve(settings, incident.id, "ana", "again", "noise")
    with pytest.raises(UnknownIncidentError):
        watch.acknowledge(settings, "nothing", "ana", "x", until)
    with AlertStore.of(settings) as store, store.reading() as read:
        history = [(entry.kind, entry.who) for entry in read.history(incident.id)]
    assert history == [("opened", "monitoring"), ("acknowledged", "ana"), ("snoozed", "ana"), ("resolved", "ana")]


def test_a_resolved_cause_that_comes_again_is_another_incident(settings: Settings) -> None:
    see(settings, cohort("2025-03", INCOME))
    watch.resolve(settings, incidents(settings)[0].id, "ana", "mended", "useful")
    assert see(settings, cohort("2025-04", INCOME), NOON + MONTH) == ["opened quality"]
    assert len(incidents(settings)) == 2


def test_time_alone_reminds_and_escalates(settings: Settings) -> None:
    see(settings, cohort("2025-03", INCOME))
    told = [event.kind for days in range(1, 20) for event in watch.remind(settings, NOON + timedelta(days=days))]
    assert told == ["overdue", "reminded", "reminded"]


def test_the_outcome_of_a_training_is_tied_to_what_asked_for_it(settings: Settings) -> None:
    see(settings, cohort("2025-03", replace(SCORE, state="critical")))
    (incident,) = incidents(settings)
    (event,) = watch.link_outcome(settings, [incident.id], "version 2 promoted: it costs less", NOON + MONTH)
    assert event.kind == "retrained"
    assert watch.link_outcome(settings, [incident.id], "version 2 promoted: it costs less", NOON + MONTH) == []
    assert incidents(settings)[0].outcome == "version 2 promoted: it costs less"
    assert "version 2 promoted" in str(lines(settings)[-1]["incidents"])


def test_a_cohort_in_quarantine_is_critical_and_keeps_the_other_layers_from_being_judged(settings: Settings) -> None:
    see(settings, cohort("2025-02", replace(SCORE, state="critical")))
    quarantine.hold(settings, "2025-03", "raw_bureau", ["bureau.csv lacks SK_ID_BUREAU."], "digest")
    run = sources.run_of(settings, "2025-03")
    assert run is not None
    assert run.judged == {"quality"}
    (event,) = watch.observe(settings, [run], NOON)
    assert (event.kind, event.incident.severity, event.incident.cause) == ("opened", "critical", "broken feed")
    assert sources.cohorts_of(settings) == ["2025-03"]
    quarantine.lift(settings, "2025-03", "raw_bureau")
    assert sources.run_of(settings, "2025-03") is None


def test_a_run_that_fails_is_told_and_over_when_it_succeeds(settings: Settings) -> None:
    failed = sources.failure("process_cohort", "2025-03", "run 1234 failed in scores", "1234")
    assert [event.kind for event in watch.observe(settings, [failed], NOON)] == ["opened"]
    assert watch.observe(settings, [sources.success("train", "")], NOON) == []
    ended = watch.observe(settings, [sources.success("process_cohort", "2025-03")], NOON)
    assert [event.kind for event in ended] == ["resolved"]


def test_a_store_that_is_no_database_is_refused_without_its_password() -> None:
    with pytest.raises(AlertStoreError, match="CREDIT_ALERT_URL must be") as caught:
        AlertStore("mysql://user:secret@host/db")
    assert "secret" not in str(caught.value)


def test_a_heartbeat_leaves_a_mark(settings: Settings) -> None:
    assert heartbeat.last_beat(settings) is None
    heartbeat.beat(settings, NOON)
    assert heartbeat.last_beat(settings) == NOON


def test_a_landed_cohort_that_nobody_monitored_is_silence(landed: Settings) -> None:
    now = watch.now()
    assert heartbeat.silent(landed, now) == {}
    late = heartbeat.silent(landed, now + timedelta(hours=50))
    assert list(late) == ["2025-01"]
    assert "CREDIT_ALERT_SILENCE_HOURS" in late["2025-01"]
    assert list(heartbeat.silent(landed, now + timedelta(days=41))) == ["landing", "2025-01"]
    quarantine.hold(landed, "2025-01", "quality_report", ["bad"], "x")
    assert heartbeat.silent(landed, now + timedelta(hours=50)) == {}


def test_the_gravest_finding_of_a_layer_goes_on_with_the_incident_of_one_it_stands_for(settings: Settings) -> None:
    mean = replace(SCORE, metric="mean_probability")
    see(settings, cohort("2025-02", mean))
    assert see(settings, cohort("2025-03", SCORE, replace(mean, explained_by="score"))) == ["opened score"]
    (incident,) = incidents(settings)
    assert (incident.since, incident.where) == ("2025-02", "psi of probability_of_default")
    assert see(settings, cohort("2025-04", mean, replace(SCORE, explained_by="score")), NOON) == []
    assert [i.id for i in incidents(settings)] == [incident.id]


def test_a_channel_that_is_set_wrongly_loses_no_incident(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    wrong = settings.model_copy(update={"alert_slack_url": SecretStr("not an address")})
    assert see(wrong, cohort("2025-03", INCOME)) == ["opened quality"]
    assert len(lines(settings)) == 1
    assert "CREDIT_ALERT_SLACK_URL must be an address" in caplog.text
