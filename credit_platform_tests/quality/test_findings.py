"""What a report finds: each kind of damage by its rule, told in a sentence, with the ids of a few rows."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from credit_platform.quality.judgement import Result
from credit_platform.quality.reports import report
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.quality.conftest import CLIENTS, FIRST, SECOND, THIRD, Spoil, delivery_of, take_in

Found = Mapping[tuple[str, str], Result]


def write(delivery: TinyDelivery, table: str, column: str, value: str, share: float = 1.0) -> None:
    """Writes a value into a column of the first rows of a table."""
    rows = delivery.rows[table]
    for row in rows[: round(share * len(rows))]:
        row[column] = value


def shift(delivery: TinyDelivery, table: str, column: str, by: int, share: float = 1.0) -> None:
    rows = delivery.rows[table]
    for row in rows[: round(share * len(rows))]:
        row[column] = str(int(row[column]) + by)


def scale(delivery: TinyDelivery, table: str, column: str, factor: float) -> None:
    for row in delivery.rows[table]:
        row[column] = str(float(row[column]) * factor)


def damage(delivery: TinyDelivery) -> None:
    """Every kind of damage that leaves the contract unbroken, each in a place of its own."""
    write(delivery, "application", "EXT_SOURCE_2", "7", 0.1)
    write(delivery, "application", "DAYS_EMPLOYED", "365243")
    write(delivery, "application", "EXT_SOURCE_3", "")
    write(delivery, "application", "OWN_CAR_AGE", "")
    write(delivery, "application", "NAME_INCOME_TYPE", "Platform worker", 0.1)
    write(delivery, "application", "CODE_GENDER", "1")
    scale(delivery, "application", "AMT_INCOME_TOTAL", 0.001)
    write(delivery, "bureau", "RISK_GRADE", "A")
    write(delivery, "bureau", "DAYS_CREDIT", "400")
    shift(delivery, "bureau", "SK_ID_CURR", 500_000, 0.4)
    del delivery.rows["bureau_balance"][:]
    write(delivery, "previous_application", "AMT_CREDIT", "", 0.8)
    write(delivery, "previous_application", "AMT_ANNUITY", "", 0.4)
    delivery.rows["pos_cash_balance"] = [
        {**row, "MONTHS_BALANCE": str(-month)}
        for row in delivery.rows["pos_cash_balance"][: CLIENTS // 2]
        for month in range(35, 43)
    ]
    scale(delivery, "installments_payments", "AMT_PAYMENT", 3)
    shift(delivery, "installments_payments", "SK_ID_PREV", 500_000)
    delivery.rows["installments_payments"] *= 2
    shift(delivery, "credit_card_balance", "SK_ID_CURR", 500_000, 0.7)


# rule and place: how grave it is, what the sentence says, and the ids
FINDINGS = {
    ("unknown_columns", "bureau"): (
        "warn",
        "bureau came with columns that the contract does not know, and that are left out: RISK_GRADE (2025-01: 0; "
        "limit 0).",
        (),
    ),
    ("left_out", "bureau"): (
        "warn",
        "40.0% of the delivered rows of bureau have no parent in the cohort and are left out (2025-01: 0.0%; limit "
        "10.0%).",
        ("SK_ID_BUREAU 5002001", "SK_ID_BUREAU 5002002", "SK_ID_BUREAU 5002003"),
    ),
    ("left_out_most", "credit_card_balance"): (
        "block",
        "70.0% of the delivered rows of credit_card_balance have no parent in the cohort: files of different "
        "deliveries, or keys that were changed (2025-01: 0.0%; limit 50.0%).",
        ("SK_ID_PREV 1002001", "SK_ID_PREV 1002002", "SK_ID_PREV 1002003"),
    ),
    ("unlinked_most", "installments_payments"): (
        "block",
        "100.0% of the loans in installments_payments are not among the client's previous applications (2025-01: 0.0%; "
        "limit 50.0%).",
        ("SK_ID_PREV 1502001", "SK_ID_PREV 1502002", "SK_ID_PREV 1502003"),
    ),
    ("outside", "application.EXT_SOURCE_2"): (
        "warn",
        "10.0% of the values of EXT_SOURCE_2 of application lie outside the range that the contract promises (2025-01: "
        "0.0%; limit 0.1%).",
        ("SK_ID_CURR 102001", "SK_ID_CURR 102002", "SK_ID_CURR 102003"),
    ),
    ("outside_most", "bureau.DAYS_CREDIT"): (
        "block",
        "100.0% of the values of DAYS_CREDIT of bureau lie outside the range that the contract promises (2025-01: "
        "0.0%; limit 50.0%).",
        ("SK_ID_BUREAU 5002001", "SK_ID_BUREAU 5002002", "SK_ID_BUREAU 5002003"),
    ),
    ("sentinel_most", "application.DAYS_EMPLOYED"): (
        "block",
        "100.0% of DAYS_EMPLOYED of application say 365243 (no present job) (2025-01: 0.0%; limit 50.0%).",
        ("SK_ID_CURR 102001", "SK_ID_CURR 102002", "SK_ID_CURR 102003"),
    ),
    ("gone", "application.EXT_SOURCE_3"): (
        "block",
        "EXT_SOURCE_3 of application no longer arrives, its feed is broken: 100.0% of the rows lack it (2025-01: 0.0%; "
        "limit 99.9%).",
        ("SK_ID_CURR 102001", "SK_ID_CURR 102002", "SK_ID_CURR 102003"),
    ),
    ("gone", "application.OWN_CAR_AGE"): (
        "warn",
        "OWN_CAR_AGE of application no longer arrives, its feed is broken: 100.0% of the rows lack it (2025-01: 0.0%; "
        "limit 99.9%).",
        ("SK_ID_CURR 102001", "SK_ID_CURR 102002", "SK_ID_CURR 102003"),
    ),
    ("lost", "previous_application.AMT_CREDIT"): (
        "block",
        "AMT_CREDIT of previous_application is missing in 80.0% of the rows, most of what used to arrive is lost "
        "(2025-01: 0.0%; limit 50.0%).",
        ("SK_ID_PREV 1002001", "SK_ID_PREV 1002002", "SK_ID_PREV 1002003"),
    ),
    ("missing", "previous_application.AMT_ANNUITY"): (
        "warn",
        "AMT_ANNUITY of previous_application is missing in 40.0% of the rows (2025-01: 0.0%; limit 10.0%).",
        ("SK_ID_PREV 1002001", "SK_ID_PREV 1002002", "SK_ID_PREV 1002003"),
    ),
    ("unit", "application.AMT_INCOME_TOTAL"): (
        "block",
        "AMT_INCOME_TOTAL of application seems to come in another unit: it is typically 146, 1/1,000 of what it was, "
        "as if in thousands (2025-01: 146,250; limit 29,250).",
        (),
    ),
    ("size", "installments_payments.AMT_PAYMENT"): (
        "warn",
        "AMT_PAYMENT of installments_payments is typically 25,028, 3 times what it was (2025-01: 8,343; limit 20,857).",
        (),
    ),
    ("unseen", "application.NAME_INCOME_TYPE"): (
        "warn",
        "10.0% of the values of NAME_INCOME_TYPE of application are in categories never seen before: Platform worker "
        "(limit 0.0%).",
        ("SK_ID_CURR 102001", "SK_ID_CURR 102002", "SK_ID_CURR 102003"),
    ),
    ("unseen_most", "application.CODE_GENDER"): (
        "block",
        "100.0% of the values of CODE_GENDER of application are in categories never seen before: 1 (limit 50.0%).",
        ("SK_ID_CURR 102001", "SK_ID_CURR 102002", "SK_ID_CURR 102003"),
    ),
    ("repeated_most", "installments_payments"): (
        "block",
        "50.0% of the rows of installments_payments repeat another in every column, as if a file had been joined to "
        "itself (2025-01: 0.0%; limit 30.0%).",
        ("SK_ID_CURR 102001", "SK_ID_CURR 102002", "SK_ID_CURR 102003"),
    ),
    ("emptied", "bureau_balance"): (
        "block",
        "bureau_balance has nearly stopped arriving: 0.0% of the rows of bureau have rows in it (2025-01: 100.0%; "
        "limit 10.0%).",
        (),
    ),
    ("coverage", "pos_cash_balance"): (
        "warn",
        "50.0% of the applications have rows in pos_cash_balance (2025-01: 100.0%; limit 90.0%).",
        (),
    ),
    ("cut", "pos_cash_balance"): (
        "block",
        "pos_cash_balance has 8 rows for each of the applications that has any, 8 times what there were: histories are "
        "cut short, or doubled (2025-01: 1; limit 4).",
        (),
    ),
    ("stale_long", "pos_cash_balance"): (
        "block",
        "pos_cash_balance ends 35.0 months before the applications (2025-01: 28.0 months; limit 34.0 months).",
        (),
    ),
}


@pytest.fixture(scope="module")
def found(three_landed: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What is found in a cohort with every kind of damage."""
    folder = tmp_path_factory.mktemp("damaged")
    settings = Settings(_env_file=None, data_dir=shutil.copytree(three_landed, folder / "data"))
    spoilt = delivery_of(SECOND)
    damage(spoilt)
    take_in(settings, SECOND, spoilt, folder)
    return {(f.rule, ".".join(filter(None, f.key[:2]))): f for f in report(settings, SECOND).findings}


@pytest.mark.parametrize(("rule", "place"), FINDINGS)
def test_each_damage_is_found_by_its_rule_told_in_a_sentence_and_quoted_by_ids(
    found: Found, rule: str, place: str
) -> None:
    finding = found[rule, place]
    assert (finding.severity, finding.sentence, finding.ids) == FINDINGS[rule, place]


def test_a_sound_cohort_has_no_findings(sound: Settings) -> None:
    made = report(sound, SECOND)
    assert made.previous == FIRST
    assert made.findings == ()
    assert len(made.results) > 300


def test_the_same_delivery_under_another_name_is_recognised(spoil: Spoil) -> None:
    def deliver_the_first_again(delivery: TinyDelivery) -> None:
        delivery.rows = delivery_of(FIRST).rows

    (finding,) = report(spoil(deliver_the_first_again), SECOND).findings
    assert (finding.rule, finding.severity) == ("delivered_before", "block")
    assert "100.0% of the applications were delivered before, in 2025-01" in finding.sentence
    assert finding.ids == ("SK_ID_CURR 101001", "SK_ID_CURR 101002", "SK_ID_CURR 101003")


def test_a_cohort_without_any_history_is_told_so_table_by_table(spoil: Spoil) -> None:
    def lose_all_histories(delivery: TinyDelivery) -> None:
        for name, rows in delivery.rows.items():
            if name != "application":
                rows.clear()

    found = report(spoil(lose_all_histories), SECOND).findings
    assert {finding.rule for finding in found} == {"emptied"}
    assert len(found) == 5


def test_a_file_that_cohorts_share_has_no_orphans(spoil: Spoil) -> None:
    def deliver_histories_of_both(delivery: TinyDelivery) -> None:
        delivery.rows["bureau"] += delivery_of(FIRST).rows["bureau"]

    settings = spoil(deliver_histories_of_both)
    assert [finding.rule for finding in report(settings, SECOND).findings] == ["left_out"]
    both = (settings.landing_dir / SECOND / "bureau.csv").read_bytes()
    (settings.landing_dir / FIRST / "bureau.csv").write_bytes(both)
    assert report(settings, SECOND).findings == ()


def test_many_different_unknown_values_are_not_named(spoil: Spoil) -> None:
    def shift_columns(delivery: TinyDelivery) -> None:
        for i, row in enumerate(delivery.rows["application"]):
            row["NAME_FAMILY_STATUS"] = f"Smith {i}"

    made = report(spoil(shift_columns), SECOND)
    (finding,) = made.findings
    assert "never seen before: too many to be named" in finding.sentence
    assert "Smith" not in f"{made.results} {made.version.facts}"
    assert b"Smith" not in b"".join(path.read_bytes() for path in made.version.folder().iterdir())


def test_a_category_is_new_only_in_the_first_cohort_that_brings_it(spoil: Spoil) -> None:
    def bring_a_new_one(delivery: TinyDelivery) -> None:
        write(delivery, "bureau", "CREDIT_TYPE", "Bicycle loan", 0.1)

    settings = spoil(bring_a_new_one)
    assert [finding.rule for finding in report(settings, SECOND).findings] == ["unseen"]
    assert report(spoil(bring_a_new_one, THIRD), THIRD).findings == ()
