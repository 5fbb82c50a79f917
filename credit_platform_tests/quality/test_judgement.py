"""How measures are held against the rules: significance beside size, the public data, what was accepted before."""

import pytest

from credit_platform.quality.estimates import Key, Measure, counted, mean, ranks, share
from credit_platform.quality.judgement import Result, judge
from credit_platform.quality.rules import families, rules
from credit_platform.settings import Settings

RULES = rules(Settings(_env_file=None))
EXT_SOURCE_3 = Key("application", "EXT_SOURCE_3", "missing")
OWN_CAR_AGE = Key("application", "OWN_CAR_AGE", "missing")
INCOME = Key("application", "AMT_INCOME_TOTAL", "typical size")
COVERAGE = Key("credit_card_balance", "", "coverage")
ORPHANS = Key("bureau", "", "rows left out")


def result(key: Key, now: Measure, before: Measure | None = None) -> Result:
    previous = {key: before} if before else {}
    (found,) = judge({key: now}, "2025-01" if before else None, previous, RULES)
    return found


def test_bounds_narrow_with_the_number_of_clients_whatever_the_number_of_rows() -> None:
    few, many = share(50, 100, 100), share(5_000, 10_000, 10_000)
    assert few.value == many.value == 0.5
    assert few.high - few.low == pytest.approx(10 * (many.high - many.low), rel=0.1)
    assert share(5_000, 10_000, 100) == few


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 0.0826), (10, 0.0407, 0.2253), (100, 0.9174, 1.0)])
def test_a_shares_bounds_are_wilsons_and_stay_between_none_and_all(count: int, low: float, high: float) -> None:
    found = share(count, 100, 100)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_means_bounds_are_three_standard_errors_away() -> None:
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    found = mean(sum(values), sum(value**2 for value in values), len(values))
    assert found.value == 5
    assert found.high - found.value == pytest.approx(3 * (60 / 9) ** 0.5 / 3)


def test_the_bounds_of_a_median_are_those_of_order_statistics() -> None:
    assert ranks(0.5, 225) == pytest.approx([0.4, 0.5, 0.6])
    assert ranks(0.1, 9) == pytest.approx([0.0, 0.1, 0.4])


def test_a_difference_that_chance_explains_is_no_finding_however_large() -> None:
    assert result(COVERAGE, share(2, 12, 12), share(6, 12, 12)).passed
    assert not result(COVERAGE, share(200, 1200, 1200), share(600, 1200, 1200)).passed


def test_a_difference_that_is_small_is_no_finding_however_sure() -> None:
    assert result(EXT_SOURCE_3, share(27_000, 100_000, 100_000), share(20_000, 100_000, 100_000)).passed


def test_a_table_that_ran_dry_blocks_once_there_are_clients_enough_to_tell() -> None:
    assert result(COVERAGE, share(0, 12, 12), share(4, 12, 12)).passed
    emptied = result(COVERAGE, share(0, 300, 300), share(84, 300, 300))
    assert (emptied.rule, emptied.severity) == ("emptied", "block")


def test_only_an_important_columns_fault_blocks() -> None:
    gone, before = share(500, 500, 500), share(100, 500, 500)
    assert result(EXT_SOURCE_3, gone, before).severity == "block"
    unimportant = result(OWN_CAR_AGE, gone, before)
    assert (unimportant.rule, unimportant.severity) == ("gone", "warn")


def test_a_column_that_never_came_and_never_comes_is_no_finding() -> None:
    never = share(500, 500, 500)
    assert result(EXT_SOURCE_3, never, never).passed


def test_without_a_cohort_before_the_public_data_tell_what_is_usual() -> None:
    gone = result(EXT_SOURCE_3, share(500, 500, 500))
    assert gone.sentence.endswith("(the public data: 19.8%; limit 99.9%).")
    assert result(INCOME, counted(146_000)).passed
    in_thousands = result(INCOME, counted(146))
    assert (in_thousands.rule, in_thousands.severity) == ("unit_public", "warn")


def test_what_differs_from_the_public_data_for_good_is_told_once() -> None:
    other, usual = share(300, 500, 500), share(100, 500, 500)
    assert result(EXT_SOURCE_3, other).rule == "missing_public"
    assert not result(EXT_SOURCE_3, other).passed
    assert result(EXT_SOURCE_3, other, other).passed
    assert not result(EXT_SOURCE_3, other, usual).passed


def test_a_share_that_creeps_away_is_found_beside_the_public_data() -> None:
    before, now = share(4_300, 10_000, 10_000), share(4_900, 10_000, 10_000)
    crept = result(EXT_SOURCE_3, now, before)
    assert crept.rule == "missing_public"
    assert "the public data: 19.8%; limit 44.8%" in crept.sentence


def test_orphans_that_were_usual_before_do_not_block_again() -> None:
    assert result(ORPHANS, counted(0.9), counted(0.0)).severity == "block"
    assert result(ORPHANS, counted(0.9), counted(0.89)).passed


@pytest.mark.parametrize(
    ("key", "now", "unit"),
    [
        (INCOME, 146.25, "as if in thousands"),
        (INCOME, 0.14625, "as if in millions"),
        (INCOME, 20_000, "what it was ("),
        (Key("application", "DAYS_BIRTH", "typical size"), 15_000, "as if in weeks"),
        (Key("application", "DAYS_BIRTH", "typical size"), 400, "as if in years"),
        (Key("application", "EXT_SOURCE_2", "typical size"), 50, "as if in percent"),
    ],
)
def test_the_unit_a_column_seems_to_come_in_is_named(key: Key, now: float, unit: str) -> None:
    before = {"AMT_INCOME_TOTAL": 146_250.0, "DAYS_BIRTH": 7 * 15_000.0, "EXT_SOURCE_2": 0.5}[key.column]
    before = 365.25 * now if unit == "as if in years" else before
    assert unit in result(key, counted(now), counted(before)).sentence


def test_a_share_of_a_few_in_a_million_is_told_as_such() -> None:
    unseen = result(Key("application", "CODE_GENDER", "unseen categories"), counted(3e-6))
    assert unseen.sentence.startswith("0.0003% of the values of CODE_GENDER")


def test_the_limit_that_is_kept_is_the_nearest() -> None:
    kept = result(ORPHANS, counted(0.0), counted(0.0))
    assert (kept.passed, kept.limit, kept.severity) == (True, 0.1, "warn")


def test_a_measure_that_no_rule_looks_at_is_kept_all_the_same() -> None:
    kept = result(Key("bureau", "", "rows"), counted(5), counted(4))
    assert (kept.passed, kept.rule, kept.limit, kept.previous) == (True, "", None, 4)


def test_the_settings_override_a_limit() -> None:
    stricter = rules(Settings(_env_file=None, quality_limits={"left_out_most": 0.05}))
    (found,) = judge({ORPHANS: counted(0.06)}, None, {}, stricter)
    assert (found.rule, found.severity, found.limit) == ("left_out_most", "block", 0.05)


def test_a_limit_of_no_rule_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"names no rule with orphans; the rules are: .*left_out_most"):
        rules(Settings(_env_file=None, quality_limits={"orphans": 0.3}))


def test_every_rule_belongs_to_a_family_and_the_gravest_of_a_measure_speaks_first() -> None:
    assert len(families()) == 11
    for measure in {rule.measure for rule in RULES}:
        graves = [rule.severity for rule in RULES if rule.measure == measure and rule.against != "public"]
        assert graves == sorted(graves), measure
