"""What becomes of a report: kept, left as it is where nothing changed, held against the last cohort that passed."""

import pyarrow.parquet as pq
import pytest

from credit_platform import quarantine
from credit_platform.lake import DamagedTableError, bucket_file, current, require
from credit_platform.quality.estimates import Key
from credit_platform.quality.plots import trend_plot
from credit_platform.quality.reports import COLUMNS, TABLE, report, results_of, trends
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.quality.conftest import CLIENTS, FIRST, SECOND, THIRD, Spoil


def lose_a_column(delivery: TinyDelivery) -> None:
    for row in delivery.rows["bureau"]:
        row["AMT_CREDIT_SUM"] = ""


def test_the_results_are_kept_as_a_table_and_read_back_as_they_were(spoil: Spoil) -> None:
    settings = spoil(lose_a_column)
    made = report(settings, SECOND)
    kept = pq.read_table(made.version.folder())
    assert kept.column_names == list(COLUMNS)
    assert set(kept["cohort"].to_pylist()) == {SECOND}
    failed = [row for row in kept.to_pylist() if not row["passed"]]
    assert [(row["column"], row["value"], row["previous"], row["severity"]) for row in failed] == [
        ("AMT_CREDIT_SUM", 1.0, 0.0, "block")
    ]
    assert [(r.key, r.measure.value, r.sentence, r.ids) for r in results_of(settings, SECOND)] == [
        (r.key, r.measure.value, r.sentence, r.ids) for r in made.results
    ]


def test_a_report_on_unchanged_tables_is_left_as_it_is(sound: Settings) -> None:
    first = report(sound, SECOND)
    again = report(sound, SECOND)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert again.version == first.version
    assert again.findings == first.findings


def test_another_limit_delivery_or_cohort_before_it_makes_it_anew(spoil: Spoil, sound: Settings) -> None:
    report(sound, SECOND)
    assert not report(sound.model_copy(update={"quality_limits": {"applications": 3.0}}), SECOND).unchanged
    spoil(lose_a_column)
    assert not report(sound, SECOND).unchanged
    spoil()
    assert not report(sound, SECOND).unchanged
    spoil(lambda delivery: delivery.rows["bureau_balance"].pop(), FIRST)
    report(sound, FIRST)
    assert not report(sound, SECOND).unchanged


def test_a_cohort_that_comes_later_leaves_the_reports_before_it(sound: Settings) -> None:
    report(sound, SECOND)
    report(sound, THIRD)
    assert report(sound, FIRST).unchanged
    assert report(sound, SECOND).unchanged


def test_a_cohort_with_a_grave_finding_is_no_measure_for_the_next_unless_it_is_so_from_now_on(spoil: Spoil) -> None:
    settings = spoil(lose_a_column)
    quarantine.hold(settings, SECOND, TABLE, ["no amounts"], report(settings, SECOND).fault)
    spoil(lose_a_column, THIRD)
    held = report(settings, THIRD)
    quarantine.release(settings, SECOND, "Ada", "for once")
    held_again = report(settings, THIRD)
    for found in (held, held_again):
        assert found.previous == FIRST
        assert [finding.rule for finding in found.blocking] == ["gone"]
    quarantine.release(settings, SECOND, "Ada", "the bureau closed", from_now_on=True)
    accepted = report(settings, THIRD)
    assert (accepted.previous, accepted.findings) == (SECOND, ())


def test_a_release_holds_for_what_was_found_in_that_delivery_alone(spoil: Spoil) -> None:
    def lose_a_table_too(delivery: TinyDelivery) -> None:
        lose_a_column(delivery)
        delivery.rows["bureau_balance"].clear()

    settings = spoil(lose_a_column)
    found = report(settings, SECOND).fault
    other_limit = settings.model_copy(update={"quality_limits": {"applications": 3.0}})
    assert report(other_limit, SECOND).fault == found
    assert report(spoil(lose_a_table_too), SECOND).fault != found


def test_a_report_that_fails_leaves_the_earlier_one(sound: Settings) -> None:
    before = report(sound, SECOND).version
    require(sound, "raw_bureau", SECOND).file(bucket_file(0)).write_bytes(b"half")
    with pytest.raises(DamagedTableError, match="raw_bureau of cohort 2025-02"):
        report(sound.model_copy(update={"quality_limits": {"applications": 3.0}}), SECOND)
    assert current(sound, TABLE, SECOND) == before


def test_the_trends_of_the_cohorts_up_to_one_can_be_drawn(sound: Settings) -> None:
    report(sound, SECOND)
    found = trends(sound, SECOND)
    assert found[Key("application", "", "applications")] == {FIRST: CLIENTS, SECOND: CLIENTS}
    assert list(trends(sound, FIRST)[Key("bureau", "", "coverage")]) == [FIRST]
    assert list(trends(sound, SECOND, most=1)[Key("bureau", "", "coverage")]) == [SECOND]
    panels = trend_plot(found).axes
    assert [axes.get_title() for axes in panels] == ["Applications", "Share of parents with rows", "Missing share"]
    assert len(panels[1].lines) == 6
    assert [label.get_text() for label in panels[0].get_xticklabels()] == [FIRST, SECOND]
