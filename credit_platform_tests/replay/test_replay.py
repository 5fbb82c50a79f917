"""A short replay by the platform's own functions: simulated, landed, scored, monitored, drawn."""

import json
from pathlib import Path

import pytest

from credit_platform.replay.run import replay
from credit_platform.settings import Settings


@pytest.mark.slow
def test_a_feed_that_breaks_is_told_critically_in_its_first_month_and_nothing_is_learnt_from_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = settings.model_copy(
        update={"threads": 1, "most_features": 20, "bootstrap_samples": 20, "cross_validation_folds": 2}
    )
    said: list[str] = []
    played = replay(
        small,
        tmp_path / "out",
        scenario="broken-feed",
        first="2025-01",
        last="2025-05",
        clients=700,
        seed=20,
        change="2025-05",
        history=3,
        outcomes_after=1,
        progress=lambda _, what: said.append(what),
    )
    sound, broken = played.watched
    assert (sound.cohort, sound.set_aside, sound.version) == ("2025-04", False, "1")
    assert broken.set_aside
    assert {told.severity for told in broken.told if told.event == "opened"} == {"critical"}
    assert any("EXT_SOURCE_3" in told.sentence for told in broken.told)
    assert played.trainings == []
    assert said[-1] == "done"
    assert "<h1>Replay: broken-feed</h1>" in (tmp_path / "out" / "replay.html").read_text("utf-8")
    assert json.loads((tmp_path / "out" / "replay.json").read_text("utf-8"))["material"] == "2025-05"
