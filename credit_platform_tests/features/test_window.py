"""Which cohorts a model is trained on, and which one it is judged on out of time."""

import pytest

from credit_platform.features.window import Window, WindowError, since, training_window
from credit_platform.settings import Settings

MONTHS = ["2025-01", "2025-02", "2025-03"]


def window(labelled: list[str], setting: str = "") -> Window:
    return training_window(Settings(_env_file=None, training_cohorts=setting), labelled)


@pytest.mark.parametrize(
    ("labelled", "cohorts", "latest"),
    [
        (MONTHS, ("2025-01", "2025-02"), "2025-03"),
        (["2025-01"], ("2025-01",), None),
        (["train"], ("train",), None),
        (["2025-01", "2025-02", "train"], ("2025-01", "2025-02", "train"), None),
        ([], (), None),
    ],
)
def test_by_default_all_labelled_cohorts_but_the_newest_dated_one(
    labelled: list[str], cohorts: tuple[str, ...], latest: str | None
) -> None:
    assert window(labelled) == Window(cohorts, latest)


@pytest.mark.parametrize(
    ("setting", "cohorts", "latest"),
    [
        ("2025-01..2025-02", ("2025-01", "2025-02"), "2025-03"),
        ("2025-02..", ("2025-02", "2025-03"), None),
        ("2025-02, 2025-01", ("2025-01", "2025-02"), "2025-03"),
        ("2025-03", ("2025-03",), None),
    ],
)
def test_a_configured_window_is_taken_and_the_newest_cohort_after_it_is_out_of_time(
    setting: str, cohorts: tuple[str, ...], latest: str | None
) -> None:
    assert window(MONTHS, setting) == Window(cohorts, latest)


@pytest.mark.parametrize("setting", ["2031-01..2031-05", "2025-01, 2031-01"])
def test_a_window_without_labelled_cohorts_is_refused_with_those_there_are(setting: str) -> None:
    with pytest.raises(WindowError, match="labelled cohorts are: 2025-01, 2025-02, 2025-03"):
        window(MONTHS, setting)


def test_from_a_change_on_all_are_learnt_from_but_the_newest() -> None:
    labelled = [f"2025-{month:02}" for month in range(1, 8)]
    assert since(labelled, "2025-05") == "2025-05..2025-06"


def test_a_change_with_one_labelled_cohort_since_leaves_nothing_to_judge_on() -> None:
    with pytest.raises(WindowError, match="1 labelled cohorts since 2025-02"):
        since(["2025-01", "2025-02"], "2025-02")
