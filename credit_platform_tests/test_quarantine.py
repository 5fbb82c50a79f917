"""Cohorts that are held, mended, and let pass by name: for one delivery, or from now on."""

import pytest

from credit_platform import quarantine
from credit_platform.settings import Settings

COHORT = "2025-02"
FAULTS = ["EXT_SOURCE_3 no longer arrives.", "Incomes come in thousands."]


@pytest.fixture
def held(settings: Settings) -> Settings:
    quarantine.hold(settings, COHORT, "quality_report", FAULTS, "digest of the delivery")
    return settings


def test_a_cohort_nothing_was_found_in_is_free(settings: Settings) -> None:
    quarantine.lift(settings, COHORT, "quality_report")
    assert quarantine.quarantined(settings) == []
    assert quarantine.reasons(settings, COHORT) == ()
    assert quarantine.record(settings, COHORT).is_usual


def test_a_held_cohort_is_listed_with_all_reasons_until_the_asset_finds_them_no_more(held: Settings) -> None:
    quarantine.hold(held, COHORT, "raw_bureau", ["bureau.csv is empty."], "digest")
    assert quarantine.quarantined(held) == [COHORT]
    assert quarantine.reasons(held, COHORT) == (*FAULTS, "bureau.csv is empty.")
    assert quarantine.reasons(held, COHORT, besides="quality_report") == ("bureau.csv is empty.",)
    quarantine.lift(held, COHORT, "raw_bureau")
    quarantine.lift(held, COHORT, "quality_report")
    assert quarantine.quarantined(held) == []


def test_a_fault_that_is_found_again_stands_since_it_was_found_first(
    held: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = quarantine.record(held, COHORT).faults["quality_report"].since
    monkeypatch.setattr(quarantine, "_now", lambda: "later")
    quarantine.hold(held, COHORT, "quality_report", FAULTS, "digest of the delivery")
    assert quarantine.record(held, COHORT).faults["quality_report"].since == first
    quarantine.hold(held, COHORT, "quality_report", FAULTS, "another delivery")
    assert quarantine.record(held, COHORT).faults["quality_report"].since == "later"


def test_a_released_cohort_is_free_for_that_delivery_and_who_decided_is_kept(held: Settings) -> None:
    assert quarantine.release(held, COHORT, " Ada ", "the bureau closed") == tuple(FAULTS)
    assert quarantine.quarantined(held) == []
    (release,) = quarantine.record(held, COHORT).releases
    assert (release.by, release.why, release.from_now_on) == ("Ada", "the bureau closed", False)
    quarantine.hold(held, COHORT, "quality_report", FAULTS, "digest of the delivery")
    assert quarantine.quarantined(held) == []
    quarantine.hold(held, COHORT, "quality_report", FAULTS, "another delivery")
    assert quarantine.quarantined(held) == [COHORT]


def test_others_may_be_measured_by_a_released_cohort_only_from_now_on(held: Settings) -> None:
    assert not quarantine.record(held, COHORT).is_usual
    quarantine.release(held, COHORT, "Ada", "for once")
    assert not quarantine.record(held, COHORT).is_usual
    quarantine.release(held, COHORT, "Ada", "the bureau closed", from_now_on=True)
    assert quarantine.record(held, COHORT).is_usual
    with pytest.raises(ValueError, match="cohort 2025-02 is not in quarantine"):
        quarantine.release(held, COHORT, "Ada", "again", from_now_on=True)


@pytest.mark.parametrize(("by", "why"), [("", "a reason"), ("Ada", " ")])
def test_a_release_without_a_name_or_a_reason_is_refused(held: Settings, by: str, why: str) -> None:
    with pytest.raises(ValueError, match="needs the name of who decides and the reason"):
        quarantine.release(held, COHORT, by, why)


def test_a_cohort_that_is_free_cannot_be_released(settings: Settings) -> None:
    with pytest.raises(ValueError, match="cohort 2025-02 is not in quarantine"):
        quarantine.release(settings, COHORT, "Ada", "why not")


def test_a_broken_contract_cannot_be_let_pass(held: Settings) -> None:
    quarantine.hold(held, COHORT, "raw_bureau", ["bureau.csv is empty."], "digest")
    with pytest.raises(ValueError, match="raw_bureau of cohort 2025-02 breaks its contract"):
        quarantine.release(held, COHORT, "Ada", "why not")
    assert quarantine.quarantined(held) == [COHORT]
