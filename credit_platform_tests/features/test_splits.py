"""The splits are disjoint, stratified, repeatable and stay put when cohorts are added."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from credit_platform.features.checks import (
    no_feature_knows_the_outcome,
    outcome_is_no_feature,
    outcomes_are_stratified,
    parts_are_disjoint,
)
from credit_platform.features.schema import FeatureSchema
from credit_platform.features.splits import (
    OUT_OF_TIME,
    PARTS,
    NotEnoughOutcomesError,
    parts_of,
    splits_dir,
    write_splits,
)
from credit_platform.features.window import Window
from credit_platform.lake import draft, require, scan, table_path
from credit_platform.settings import Settings
from credit_platform_tests.tables import put, put_file, rows_of

FEATURES = ["AMT", "GAPS", "KIND", "SOMETIMES", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH"]


PROTECTED = {"DAYS_BIRTH", "CODE_GENDER"}


def person(number: str, cohort: str) -> str:
    """SQL of a person's dates, as days before an application in a cohort: three numbers tell people apart."""
    days = sum(cohort.encode()) % 97
    return (
        f"-10000 - {days} - 3 * ({number}) as DAYS_BIRTH, -2000 - {days} - ({number}) as DAYS_REGISTRATION, "
        f"-3000 - {days} - ({number}) as DAYS_ID_PUBLISH, ['F', 'M'][1 + ({number}) % 2] as CODE_GENDER"
    )


def write_cohort(settings: Settings, cohort: str, clients: int = 200, defaults: int = 40, labelled: int = 0) -> None:
    """A mart and outcomes: two features of full columns, one with gaps, one constant, one always empty.

    The ids of cohort `a` start at 1000; every other cohort has ids of its own.
    """
    start = 1000 if cohort == "a" else 1000 * sum(cohort.encode())
    mart, outcomes = rows_of(
        settings,
        [
            f"select {start} + i as SK_ID_CURR, i * 1.5 as AMT, case when i % 4 > 0 then i end as GAPS, "
            "['Lorry', 'Car', null][1 + i % 3] as KIND, case when i % 2 = 0 then 7 end as SOMETIMES, "
            f"3 as CONSTANT, null::double as EMPTY, {person(f'{start} + i', cohort)} from range({clients}) t(i)",
            f"select {start} + i as SK_ID_CURR, (i < {defaults})::integer as TARGET "
            f"from range({labelled or clients}) t(i)",
        ],
    )
    put(settings, "client_mart", cohort, mart)
    put(settings, "raw_outcomes", cohort, outcomes)


def split(settings: Settings, *cohorts: str, latest: str | None = None) -> FeatureSchema:
    """Writes the splits of cohorts to where they belong."""
    with draft(settings, "feature_splits") as new:
        schema, parts = write_splits(settings, Window(cohorts, latest), {"AMT": "An amount"}, PROTECTED, new.folder)
        new.publish(sum(part.clients for part in parts.values()))
    return schema


def read(settings: Settings, side: str, part: str) -> pa.Table:
    return pq.read_table(splits_dir(settings) / f"{side}_{part}.parquet")


def clients(settings: Settings, part: str, cohort: str) -> list[int]:
    rows = read(settings, "y", part).filter(pc.field("cohort") == cohort)
    return list(rows.column("SK_ID_CURR").to_pylist())


def test_every_labelled_client_is_in_exactly_one_part(settings: Settings) -> None:
    write_cohort(settings, "a", labelled=150)
    split(settings, "a")
    together = [client for part in PARTS for client in clients(settings, part, "a")]
    assert sorted(together) == list(range(1000, 1150))


def test_the_parts_have_the_configured_sizes_and_the_same_default_rate(settings: Settings, tmp_path: Path) -> None:
    for cohort in ("a", "b"):
        write_cohort(settings, cohort)
    _, parts = write_splits(settings, Window(("a", "b"), None), {}, (), tmp_path)
    assert {name: part.clients for name, part in parts.items()} == {"train": 240, "valid": 80, "test": 80}
    assert all(part.default_rate == pytest.approx(0.2) for part in parts.values())


def test_an_application_that_two_cohorts_hold_counts_once_in_the_newest(settings: Settings) -> None:
    write_cohort(settings, "a")
    for name in ("client_mart", "raw_outcomes"):
        put(settings, name, "b", pq.read_table(table_path(settings, name, "a")))
    split(settings, "a", "b")
    assert [client for part in PARTS for client in clients(settings, part, "a")] == []
    assert sorted(client for part in PARTS for client in clients(settings, part, "b")) == list(range(1000, 1200))
    assert parts_are_disjoint(settings).passed


def test_sample_weights_balance_the_outcomes_of_the_train_part(settings: Settings) -> None:
    write_cohort(settings, "a")
    split(settings, "a")
    train = read(settings, "y", "train")
    totals = train.group_by("TARGET").aggregate([("sample_weight", "sum")]).to_pylist()
    assert [row["sample_weight_sum"] for row in totals] == pytest.approx([60, 60])
    assert pc.sum(train.column("sample_weight")).as_py() == pytest.approx(train.num_rows)


def test_features_and_outcomes_have_the_same_clients_in_the_same_order(settings: Settings) -> None:
    for cohort in ("b", "a"):
        write_cohort(settings, cohort)
    split(settings, "b", "a")
    for part in PARTS:
        x, y = read(settings, "X", part), read(settings, "y", part)
        assert x.select(["cohort", "SK_ID_CURR"]).equals(y.select(["cohort", "SK_ID_CURR"]))
        assert x.column_names[:2] == ["cohort", "SK_ID_CURR"]
        assert set(FEATURES) < set(x.column_names)
        assert "TARGET" not in x.column_names
        assert y.column_names == ["cohort", "SK_ID_CURR", "TARGET", "sample_weight"]


def test_splitting_again_gives_the_same_bytes(settings: Settings) -> None:
    write_cohort(settings, "a")
    split(settings, "a")
    first = require(settings, "feature_splits")
    split(settings, "a")
    assert require(settings, "feature_splits") == first


def test_another_seed_splits_otherwise(settings: Settings) -> None:
    write_cohort(settings, "a")
    split(settings, "a")
    first = clients(settings, "test", "a")
    split(settings.model_copy(update={"seed": settings.seed + 1}), "a")
    assert clients(settings, "test", "a") != first


def test_a_further_cohort_leaves_the_clients_of_the_others_where_they_were(settings: Settings) -> None:
    for cohort in ("a", "b"):
        write_cohort(settings, cohort)
    split(settings, "a")
    first = {part: clients(settings, part, "a") for part in PARTS}
    split(settings, "a", "b")
    assert {part: clients(settings, part, "a") for part in PARTS} == first


def test_the_schema_describes_the_train_part_and_leaves_out_what_never_varies(settings: Settings) -> None:
    write_cohort(settings, "a")
    schema = split(settings, "a")
    train = read(settings, "X", "train")
    assert schema.names == FEATURES
    assert schema.cohorts == ("a",)
    features = {feature.name: feature for feature in schema.features}
    amount = train.column("AMT").to_pylist()
    assert (features["AMT"].low, features["AMT"].high) == (min(amount), max(amount))
    assert features["AMT"].meaning == "An amount"
    assert features["GAPS"].missing_share == pytest.approx(train.column("GAPS").null_count / train.num_rows)
    assert features["KIND"].kind == "category"
    assert features["KIND"].categories == ("Car", "Lorry")
    assert FeatureSchema.read(splits_dir(settings)) == schema


def test_protected_columns_are_audited_and_no_features(settings: Settings) -> None:
    write_cohort(settings, "a")
    schema = split(settings, "a")
    assert {feature.name for feature in schema.audited} == PROTECTED
    assert not PROTECTED & set(schema.names)
    assert set(read(settings, "X", "test").column_names) > PROTECTED
    assert FeatureSchema.read(splits_dir(settings)) == schema


def test_the_newest_cohort_is_a_part_of_its_own(settings: Settings) -> None:
    for cohort in ("a", "b"):
        write_cohort(settings, cohort)
    split(settings, "a")
    before = {part: clients(settings, part, "a") for part in PARTS}
    schema = split(settings, "a", latest="b")
    assert parts_of(splits_dir(settings)) == [*PARTS, OUT_OF_TIME]
    assert len(clients(settings, OUT_OF_TIME, "b")) == 200
    assert clients(settings, OUT_OF_TIME, "a") == []
    assert {part: clients(settings, part, "a") for part in PARTS} == before
    assert schema.cohorts == ("a",)
    assert parts_are_disjoint(settings).passed


def test_a_newest_cohort_with_hardly_any_outcomes_is_given_up(settings: Settings) -> None:
    write_cohort(settings, "a")
    write_cohort(settings, "b", defaults=9)
    split(settings, "a", latest="b")
    assert parts_of(splits_dir(settings)) == list(PARTS)


def returning(settings: Settings, cohort: str, of: str) -> None:
    """Another cohort with the people of one that was written, under new application ids, three months older."""
    for name, changes in (
        (
            "client_mart",
            "DAYS_BIRTH - 90 as DAYS_BIRTH, DAYS_REGISTRATION - 90 as DAYS_REGISTRATION, "
            "DAYS_ID_PUBLISH - 90 as DAYS_ID_PUBLISH,",
        ),
        ("raw_outcomes", ""),
    ):
        rows = scan(table_path(settings, name, of))
        query = f"select * replace ({changes} SK_ID_CURR + 500000 as SK_ID_CURR) from {rows}"
        put(settings, name, cohort, *rows_of(settings, [query]))


def test_a_person_who_applies_again_stays_in_their_part(settings: Settings) -> None:
    write_cohort(settings, "a")
    returning(settings, "b", of="a")
    split(settings, "a", "b")
    for part in PARTS:
        assert [client + 500_000 for client in clients(settings, part, "a")] == clients(settings, part, "b")


def test_people_of_the_window_are_left_out_of_the_part_out_of_time(settings: Settings) -> None:
    write_cohort(settings, "a")
    returning(settings, "c", of="a")
    write_cohort(settings, "b")
    for name in ("client_mart", "raw_outcomes"):
        rows = [pq.read_table(table_path(settings, name, cohort)) for cohort in ("b", "c")]
        put(settings, name, "d", pa.concat_tables(rows))
    split(settings, "a", latest="d")
    assert (
        clients(settings, OUT_OF_TIME, "d")
        == pq.read_table(table_path(settings, "raw_outcomes", "b")).column("SK_ID_CURR").to_pylist()
    )


@pytest.mark.parametrize(
    "leak", ["TARGET * 2 + 1", "case when TARGET = 1 then 'bad' else 'good' end", "nullif(TARGET, 0)"]
)
def test_a_feature_made_from_the_outcome_fails_the_check_and_an_honest_one_does_not(
    settings: Settings, leak: str
) -> None:
    write_cohort(settings, "a")
    mart, outcomes = (scan(table_path(settings, name, "a")) for name in ("client_mart", "raw_outcomes"))
    joined = f"{mart} as m join {outcomes} as o using (SK_ID_CURR)"
    told = "TARGET, AMT, GAPS, DAYS_REGISTRATION, DAYS_ID_PUBLISH, DAYS_BIRTH"  # the defaulters are the first ones
    honest = f"select * exclude ({told}), hash(SK_ID_CURR) % 9 as AMT,"
    days = {"DAYS_BIRTH": 7919, "DAYS_REGISTRATION": 6007, "DAYS_ID_PUBLISH": 5003}
    dates = ", ".join(f"SK_ID_CURR * {prime} % 10007 as {name}" for name, prime in days.items())
    put(settings, "client_mart", "a", *rows_of(settings, [f"{honest} {dates} from {joined}"]))
    split(settings, "a")
    assert no_feature_knows_the_outcome(settings).passed
    put(settings, "client_mart", "a", *rows_of(settings, [f"{honest} {dates}, {leak} as SMART from {joined}"]))
    split(settings, "a")
    result = no_feature_knows_the_outcome(settings)
    assert not result.passed
    assert result.metadata["leaks"].value == "SMART"


def test_no_cohort_with_outcomes_is_refused_with_what_to_do(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughOutcomesError, match="land one with an outcomes file or TARGET"):
        write_splits(settings, Window((), None), {}, (), tmp_path)


@pytest.mark.parametrize(("count", "defaults"), [(100, 9), (100, 91), (100, 0)])
def test_too_few_of_one_kind_are_refused_with_the_numbers(settings: Settings, count: int, defaults: int) -> None:
    write_cohort(settings, "a", clients=count, defaults=defaults)
    with pytest.raises(NotEnoughOutcomesError, match=f"{count} clients have a known outcome, {defaults} of them"):
        split(settings, "a")


def test_cohorts_too_small_to_fill_every_part_are_refused(settings: Settings) -> None:
    cohorts = [f"c{i}" for i in range(12)]
    for cohort in cohorts:
        write_cohort(settings, cohort, clients=20, defaults=1)
    with pytest.raises(NotEnoughOutcomesError, match="too small to give each part"):
        split(settings, *cohorts)


def test_the_checks_pass_on_sound_splits(settings: Settings) -> None:
    write_cohort(settings, "a")
    split(settings, "a")
    for check in (parts_are_disjoint, outcomes_are_stratified, outcome_is_no_feature):
        assert check(settings).passed


def test_a_client_in_two_parts_fails_the_check(settings: Settings) -> None:
    write_cohort(settings, "a")
    split(settings, "a")
    both = pa.concat_tables([read(settings, "y", "test"), read(settings, "y", "train").slice(0, 2)])
    put_file(settings, "feature_splits", None, "y_test.parquet", both)
    result = parts_are_disjoint(settings)
    assert not result.passed
    assert result.metadata["clients_in_two_parts"].value == 2


def test_parts_with_other_default_rates_fail_the_check(settings: Settings) -> None:
    write_cohort(settings, "a")
    split(settings, "a")
    y = read(settings, "y", "test")
    put_file(settings, "feature_splits", None, "y_test.parquet", y.filter(pc.field("TARGET") == 1))
    assert not outcomes_are_stratified(settings).passed


def test_an_outcome_among_the_features_fails_the_check(settings: Settings) -> None:
    write_cohort(settings, "a")
    mart = scan(table_path(settings, "client_mart", "a"))
    put(settings, "client_mart", "a", *rows_of(settings, [f"select *, SK_ID_CURR % 2 as MEAN_TARGET from {mart}"]))
    split(settings, "a")
    result = outcome_is_no_feature(settings)
    assert not result.passed
    assert result.metadata["leaks"].value == "MEAN_TARGET"
