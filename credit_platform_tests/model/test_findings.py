"""The questions of a validator: each is answered yes on a sound version, and "look at it" where its number is not."""

import copy
from pathlib import Path
from typing import Any

import pytest

from credit_platform.model.findings import findings
from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.worlds import write_version


def around(value: float, reach: float = 0.1) -> dict[str, float]:
    return {"value": value, "low": value - reach, "high": value + reach}


SOUND: dict[str, Any] = {
    "test": {
        "clients": 2_000,
        "metrics": {
            "default_rate": around(0.08, 0.01),
            "mean_probability": around(0.081, 0.001),
            "calibration_slope": around(1.02),
            "calibration_intercept": around(0.01),
        },
        "segments": [{"by": "gender", "group": "F", "predicted": 0.08, "low": 0.07, "high": 0.09}],
        "cohorts": [{"by": "cohort", "group": "2025-01", "predicted": 0.08, "low": 0.07, "high": 0.09}],
        "beside_the_scorecard": [
            {"metric": "auc", "difference": 0.02, "low": 0.01, "high": 0.03},
            {"metric": "cost_per_client", "difference": -0.03, "low": -0.05, "high": -0.01},
        ],
        "score_psi": 0.01,
        "grades": [{"grade": "A", "clients": 9, "observed": 0.02}, {"grade": "B", "clients": 9, "observed": 0.04}],
        "fairness": [
            {"by": "gender", "group": "F", "impact ratio": 1.0, "low": 1.0, "high": 1.0, "default rate": 0.07},
            {"by": "gender", "group": "M", "impact ratio": 0.9, "low": 0.8, "high": 1.0, "default rate": 0.1},
        ],
    }
}
METRICS = {"additivity_error": 1e-14, "same_first_reason": 0.9, "reason_overlap": 0.8}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer.load(write_version(tmp_path_factory.mktemp("version") / "version", threshold=1 / 11), "7")


def test_nothing_is_to_be_looked_at_in_a_sound_version(scorer: Scorer) -> None:
    found = findings(SOUND, scorer, METRICS, None)
    assert [finding.question for finding in found if not finding.holds] == []
    assert len(found) == 10


@pytest.mark.parametrize(
    ("place", "value", "question", "named"),
    [
        (("metrics", "calibration_slope"), around(0.7), "Do the probabilities come true (test)?", "slope 0.70"),
        (("metrics", "calibration_intercept"), around(0.3), "Do the probabilities come true (test)?", "intercept 0.30"),
        (("metrics", "default_rate"), around(0.02, 0.01), "Are there enough defaults to judge by (test)?", "40 of"),
        (("segments", 0, "predicted"), 0.2, "Do they come true in every segment and cohort (test)?", "gender F (20.0%"),
        (("beside_the_scorecard", 1, "high"), 0.01, "Is it cheaper than a plain scorecard (test)?", "-0.0300"),
        (("score_psi",), 0.2, "Are the scores spread as on the valid part (test)?", "PSI 0.200"),
        (("grades", 1, "observed"), 0.01, "Do observed default rates rise from grade to grade?", "B below A (test)"),
        (("fairness", 1, "impact ratio"), 0.7, "four fifths", "gender M 0.70"),
    ],
)
def test_what_is_off_is_named_with_its_number(
    scorer: Scorer, place: tuple[str | int, ...], value: object, question: str, named: str
) -> None:
    report = copy.deepcopy(SOUND)
    inner: Any = report["test"]
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    (finding,) = [finding for finding in findings(report, scorer, METRICS, None) if not finding.holds]
    assert question in finding.question
    assert named in finding.found


def test_reasons_that_do_not_add_up_or_do_not_stay_are_to_be_looked_at(scorer: Scorer) -> None:
    shaky = {"additivity_error": 0.01, "same_first_reason": 0.3, "reason_overlap": 0.2}
    off = [finding.question for finding in findings(SOUND, scorer, shaky, None) if not finding.holds]
    assert off == [
        "Do the reasons add up to the score?",
        "Does the same training with another seed give the same reasons?",
    ]


def test_a_cut_off_far_from_theory_is_to_be_looked_at(tmp_path: Path) -> None:
    stored = write_version(tmp_path / "version", threshold=0.5)
    text = (stored / "threshold.json").read_text("utf-8")
    (stored / "threshold.json").write_text(text.replace('"low": 0.0', '"low": 0.4'), "utf-8")
    off = [finding for finding in findings(SOUND, Scorer.load(stored, "7"), METRICS, None) if not finding.holds]
    assert [finding.question for finding in off] == ["Does the cut-off agree with theory?"]
