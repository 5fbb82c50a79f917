"""Months on simulated time, with a lender whose findings and gate are given: what is told, when a model is renewed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from credit_platform.alerting.incidents import Run
from credit_platform.alerting.sources import run_from
from credit_platform.cli import app
from credit_platform.monitoring.findings import Finding
from credit_platform.replay.page import facts, page
from credit_platform.replay.play import Costs, Play, material_month, play
from credit_platform.replay.run import alone, months, replay
from credit_platform.settings import Settings
from credit_platform_tests.messages import INCOME, SCORE

COHORTS = months("2025-01", "2026-12")
CHANGE = "2026-01"


class FakeLender:
    """A lender whose score drifts from the change on until a version has learnt from after it."""

    def __init__(self, settings: Settings, found: Callable[[str, str], list[Finding]], gate: str = "promoted") -> None:
        self.settings, self.version = settings, ""
        self._found, self._gate = found, gate
        self._labelled: list[str] = []
        self._held: list[str] = []
        self.trained_since: list[str] = []

    def receive(self, cohort: str, outcomes: bool) -> bool:
        if outcomes:
            self._labelled.append(cohort)
        if any(f.cause == "broken feed" for f in self._found(cohort, self.version)):
            self._held.append(cohort)
            return False
        return True

    def receive_outcomes(self, cohort: str) -> None:
        self._labelled.append(cohort)

    def score(self, cohort: str) -> None:
        assert self.version

    def monitor(self, cohort: str) -> Run | None:
        found = self._found(cohort, self.version) or [replace(SCORE, state="ok")]
        return run_from(cohort, [replace(f, cohort=cohort, model_version=self.version) for f in found])

    def train(self, since: str, progress: Callable[[str], None]) -> str:
        progress("training")
        self.trained_since.append(since)
        number = len(self.trained_since)
        if not self.version or self._gate == "promoted":
            self.version = str(number)
            return f"version {number} promoted: it costs less"
        return f"version {number} {self._gate}: it costs no less"

    def labelled(self) -> list[str]:
        return self._labelled

    def set_aside(self) -> list[str]:
        return self._held

    def costs(self, cohort: str, version: str) -> Costs:
        after = cohort >= CHANGE
        first = 0.8 if after else 0.5
        return Costs(0.6 if version != "1" else first, first, 1.2 if after else 0.8, 0.08)


def run(lender: FakeLender, scenario: str = "shock", change: str = CHANGE) -> Play:
    return play(lender, COHORTS, scenario=scenario, clients=1000, seed=1, change=change, history=4, outcomes_after=3)


def drifts(cohort: str, version: str) -> list[Finding]:
    return [SCORE] if cohort >= CHANGE and version == "1" else []


def test_a_drift_is_told_in_its_second_month_and_the_model_renewed_once_there_is_something_to_learn(
    settings: Settings,
) -> None:
    lender = FakeLender(settings, drifts)
    played = run(lender)
    assert played.noticed == played.material == CHANGE
    assert [(cohort, told.event) for cohort, told in played.alerts] == [("2026-02", "opened")]
    # Outcomes of January to April are known in July.
    assert played.trainings == [("2026-07", "version 2 promoted: it costs less")]
    assert lender.trained_since == ["", CHANGE]
    assert [month.cohort for month in played.renewed] == COHORTS[COHORTS.index("2026-08") :]
    told = {month.cohort: [t.event for t in month.told] for month in played.watched if month.told}
    assert told["2026-07"][-1] == "retrained"
    assert told["2026-08"] == ["resolved"]
    assert [m.decided for m in played.watched if m.cohort == "2026-04"] == [
        "population moved since 2026-01: psi of probability_of_default; not now: 1 of 4 labelled cohorts since then"
    ]


def test_without_a_change_nothing_is_told_and_nothing_trained(settings: Settings) -> None:
    played = run(FakeLender(settings, lambda cohort, version: []), "stable")
    assert (played.alerts, played.trainings, played.noticed, played.material) == ([], [], "", "")


def test_a_broken_feed_is_told_at_once_and_nothing_is_learnt_from_it(settings: Settings) -> None:
    def broken(cohort: str, version: str) -> list[Finding]:
        return [INCOME, replace(SCORE, state="critical", explained_by="quality")] if cohort >= CHANGE else []

    played = run(FakeLender(settings, broken), "broken-feed")
    (first, *_) = played.alerts
    assert (first[0], first[1].severity, first[1].kind) == (CHANGE, "critical", "quality")
    assert len(played.alerts) == 1
    assert played.trainings == []
    assert all(month.set_aside for month in played.watched if month.cohort >= CHANGE)


def test_a_challenger_that_is_refused_is_not_tried_again_before_half_a_year(settings: Settings) -> None:
    played = run(FakeLender(settings, drifts, gate="refused"))
    assert [cohort for cohort, _ in played.trainings] == ["2026-07"]
    assert played.renewed == []


def test_the_page_says_when_it_began_was_noticed_and_what_it_saved(settings: Settings) -> None:
    played = run(FakeLender(settings, drifts))
    told = facts(played)
    assert told["the change begins"] == told["first found by monitoring"] == CHANGE
    assert told["first outcomes from after it"] == "2026-04"
    assert told["saved against doing nothing"] == "25.0% in 5 months"
    text = page(played)
    assert "<h1>Replay: shock</h1>" in text
    assert text.count("<tr><td>") == len(played.watched)
    assert "http" not in text


@pytest.mark.parametrize(
    ("scenario", "material"),
    [
        ("stable", ""),
        ("gradual", "2026-02"),
        ("shock", "2026-01"),
        ("broken-feed", "2026-01"),
        ("new-category", "2026-01"),
    ],
)
def test_a_change_matters_when_it_is_large(scenario: str, material: str) -> None:
    assert material_month(scenario, CHANGE, COHORTS) == material


def test_months_are_named_from_first_to_last() -> None:
    assert months("2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    for first, last in (("2025-13", "2026-01"), ("2025", "2026-01"), ("2026-02", "2026-01")):
        with pytest.raises(ValueError, match=r"expected months|lies before"):
            months(first, last)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"last": "2025-03"}, "too few"),
        ({"change": "2025-02"}, "must lie between 2025-05 and 2025-12"),
        ({"first": "soon"}, "expected months"),
    ],
)
def test_what_makes_no_replay_is_refused_before_anything_is_written(
    change: dict[str, str], named: str, settings: Settings, tmp_path: Path
) -> None:
    wanted = {"scenario": "shock", "first": "2025-01", "last": "2025-12", "clients": 500, "seed": 1, **change}
    with pytest.raises(ValueError, match=named):
        replay(settings, tmp_path / "out", **wanted)
    assert not (tmp_path / "out").exists()


def test_a_replay_reaches_nobody(settings: Settings, tmp_path: Path) -> None:
    reaching = settings.model_copy(update={"alert_mail_to": ("a@x.example",), "lake_uri": "s3://bucket/lake"})
    own = alone(reaching, tmp_path / "own")
    assert (own.alert_mail_to, own.lake_uri, own.data_dir) == ((), "", tmp_path / "own")


def test_the_command_says_what_is_wrong_with_its_months(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    answer = CliRunner().invoke(app, ["replay", "--out", out, "--from", "2026-02", "--to", "2026-01"])
    assert answer.exit_code == 1
    assert "2026-01 lies before 2026-02" in answer.stderr
