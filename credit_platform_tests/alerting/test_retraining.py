"""When incidents ask for a new model, and what keeps one from being trained."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from credit_platform.alerting.incidents import Incident, Policy, Signal, step
from credit_platform.alerting.retraining import Limits, Situation, decide
from credit_platform.monitoring.findings import Finding
from credit_platform_tests.messages import INCOME, NOON, SCORE

DAY = timedelta(days=1)


def incident(finding: Finding = SCORE, **changes: object) -> Incident:
    made, _ = step(None, replace(Signal.of(finding), state="critical"), NOON, Policy())
    assert made is not None
    return replace(made, **changes)


def situation(*incidents: Incident, **changes: object) -> Situation:
    known = Situation(incidents, [], ["2025-01", "2025-03", "2025-04", "2025-05", "2025-06"], [], "1")
    return replace(known, **changes)


def reason(known: Situation, at: datetime = NOON, **limits: object) -> str:
    decision = decide(known, replace(Limits(), **limits), at)
    return "due" if decision.due else decision.reason.rpartition("not now: ")[2]


def test_an_open_drift_with_four_labelled_cohorts_since_it_began_is_due() -> None:
    decision = decide(situation(incident()), Limits(), NOON)
    assert decision.due
    assert (decision.since, decision.incidents) == ("2025-03", (incident().id,))
    assert decision.reason == "population moved since 2025-03: psi of probability_of_default"


def test_the_same_incidents_and_outcomes_ask_under_the_same_key() -> None:
    asked = [decide(situation(incident()), Limits(), NOON + i * DAY).key for i in range(2)]
    more = situation(incident(), labelled=["2025-03", "2025-04", "2025-05", "2025-06", "2025-07"])
    assert asked[0] == asked[1] != decide(more, Limits(), NOON).key


@pytest.mark.parametrize(
    "asking",
    [
        incident(status="suspected"),
        incident(bad=0),
        incident(model_version="0"),
        incident(replace(SCORE, layer="quality", metric="unseen categories", cause="")),
        incident(replace(SCORE, cause="broken feed")),
        incident(replace(SCORE, layer="skew")),
    ],
)
def test_what_is_not_sure_is_over_or_is_no_change_of_clients_asks_for_nothing(asking: Incident) -> None:
    assert reason(situation(asking)) == "no open incident asks for a new model"


def test_every_hindrance_is_named() -> None:
    known = situation(incident())
    assert reason(known, wanted=False) == "CREDIT_RETRAIN_ON_DRIFT is off"
    assert reason(situation(incident(), incident(INCOME))) == (
        "a feed is broken (unit of application.AMT_INCOME_TOTAL)"
    )
    assert reason(replace(known, set_aside=["2025-06"])) == "cohort 2025-06 is in quarantine"
    assert reason(replace(known, labelled=["2025-02", "2025-03"])) == "1 of 4 labelled cohorts since then"
    assert reason(replace(known, trainings=[NOON - 10 * DAY])) == (
        "trained on 2026-02-20, the next by drift from 2026-08-19 on"
    )
    often = replace(known, trainings=[NOON - 350 * DAY, NOON - 190 * DAY])
    assert reason(often) == "2 trainings within a year already"
    assert reason(often, NOON + 20 * DAY) == "due"


def test_a_cohort_set_aside_before_the_change_hinders_nothing() -> None:
    assert reason(situation(incident(), set_aside=["2025-02"])) == "due"
