"""A stage that is killed leaves what was in force or what is to come, each whole; the next run completes it."""

import signal

import pytest

from credit_platform.alerting.log import log_path
from credit_platform.quarantine import record
from credit_platform_tests.faults.conftest import Place, Worker
from credit_platform_tests.faults.worker import COHORT

STAGES = ["land", "bureau", "quality", "mart", "lookup", "scores", "splits"]
MOST_STEPS = 10
"""How many steps of a stage are tried; the last ones, in which tables come into force, always."""


def chosen(steps: int) -> list[int]:
    last = max(1, steps - MOST_STEPS // 2)
    early = max(1, last // (MOST_STEPS - MOST_STEPS // 2))
    return [*range(1, last, early), *range(last, steps + 1)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage_leaves_old_or_new_and_the_next_run_completes_it(
    stage: str, places: dict[str, Place], worker: Worker
) -> None:
    old, undisturbed = places[stage].content(stage), places[stage].copy()
    ending = worker.run(stage, undisturbed)
    new = undisturbed.content(stage)
    assert not ending.error
    assert all(old[name] != new[name] for name in old)
    place = places[stage].copy()
    kills = [{"kill_at": step} for step in chosen(ending.steps)] + [{"kill_beyond": size} for size in (10, 2000)]
    for kill in kills:
        if place.content(stage) != old:
            place = places[stage].copy()
        status = worker.run(stage, place, **kill).status
        assert status in (-signal.SIGKILL, -signal.SIGXFSZ), kill
        for name, content in place.content(stage).items():
            assert content in (old[name], new[name]), kill
    assert not worker.run(stage, place).error
    assert place.content(stage) == new
    assert place.strays() == []


def test_a_fault_is_on_record_or_not_when_its_writer_was_killed(places: dict[str, Place], worker: Worker) -> None:
    place = places["land"].copy()
    for step in range(1, worker.run("quarantine", place.copy()).steps + 1):
        assert worker.run("quarantine", place, kill_at=step).status == -signal.SIGKILL
        assert list(record(place.settings, COHORT).faults) in ([], ["raw_bureau"])
    assert not worker.run("quarantine", place).error
    assert list(record(place.settings, COHORT).faults) == ["raw_bureau"]
    assert place.strays() == []


def test_an_alert_after_one_that_was_cut_short_has_a_line_of_its_own(places: dict[str, Place], worker: Worker) -> None:
    place = places["land"].copy()
    assert worker.run("alert", place, kill_beyond=20).status in (-signal.SIGXFSZ, 1)
    assert not worker.run("alert", place).error
    *_, last = log_path(place.settings).read_text("utf-8").splitlines()
    assert last.startswith("{")
    assert last.endswith("}")
