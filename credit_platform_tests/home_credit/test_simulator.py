"""The simulator keeps the contracts, resembles the public data, repeats itself, and changes what a scenario says."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import duckdb
import numpy as np
import pytest

from credit_platform.home_credit.contracts import Column, table, tables
from credit_platform.home_credit.simulator import SCENARIOS, simulate
from credit_platform.lake import identifier, quote

CLIENTS = 8000
EVERY_TABLE = [contract.name for contract in (*tables(), table("outcomes"))]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One ordinary month with known outcomes."""
    (folder,) = simulate(tmp_path_factory.mktemp("month") / "landing", cohorts=1, clients=CLIENTS)
    return folder


@pytest.fixture(scope="module")
def database(month: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for name in EVERY_TABLE:
            path = quote(str(month / f"{table(name).file}.parquet"))
            connection.execute(f"create view {name} as from read_parquet({path})")
        yield connection


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Two months of every scenario, which acts in the second."""
    root = tmp_path_factory.mktemp("scenarios")
    return {
        name: simulate(root / name, cohorts=2, clients=1000, labelled=2, scenario=name, change_month="2025-02")
        for name in SCENARIOS
        if name != "kaggle"
    }


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def over(folder: Path, measure: str, file: str = "application") -> float:
    return float(
        one(duckdb.connect(), f"select {measure} from read_parquet({quote(str(folder / f'{file}.parquet'))})")[0]
    )


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def auc(value: np.ndarray, target: np.ndarray) -> float:
    """The chance that a defaulter has the higher value, ties counting half."""
    known = ~np.isnan(value)
    value, target = value[known], target[known]
    good, bad = np.sort(value[target == 0]), value[target == 1]
    return float((np.searchsorted(good, bad, "left") + np.searchsorted(good, bad, "right")).mean() / 2 / len(good))


def feature_auc(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    """Of a query giving SK_ID_CURR and a value."""
    frame = connection.execute(
        f"select value::double as value, TARGET from outcomes join ({query}) as v(SK_ID_CURR, value) "
        "using (SK_ID_CURR) where value is not null"
    ).fetchnumpy()
    return auc(np.asarray(frame["value"]), np.asarray(frame["TARGET"]))


def test_the_same_call_gives_the_same_bytes(tmp_path: Path) -> None:
    first = tmp_path / "first"
    simulate(first, cohorts=2, clients=500, threads=2)
    again = tmp_path / "again"
    simulate(again, cohorts=2, clients=500, threads=1)
    assert len(hashes(first)) == 15
    assert hashes(first) == hashes(again)


def test_compressed_csv_repeats_itself_too(tmp_path: Path) -> None:
    simulate(tmp_path / "first", cohorts=1, clients=100, format="csv.gz")
    simulate(tmp_path / "again", cohorts=1, clients=100, format="csv.gz")
    assert hashes(tmp_path / "first") == hashes(tmp_path / "again")


def test_another_seed_gives_other_clients(tmp_path: Path) -> None:
    (one_seed,) = simulate(tmp_path / "one", cohorts=1, clients=200, seed=1)
    (other_seed,) = simulate(tmp_path / "other", cohorts=1, clients=200, seed=2)
    same = {name for name, value in hashes(one_seed).items() if hashes(other_seed)[name] == value}
    assert same == set()


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_columns_and_types_are_those_of_the_contract(database: duckdb.DuckDBPyConnection, name: str) -> None:
    described = database.execute(f"describe {name}").fetchall()
    assert [(row[0], row[1]) for row in described] == [(c.name, c.type) for c in table(name).columns.values()]


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_values_stay_within_the_contract(database: duckdb.DuckDBPyConnection, name: str) -> None:
    broken = {
        column.name: condition
        for column in table(name).columns.values()
        for condition in violations(column)
        if one(database, f"select count(*) from {name} where {condition}")[0]
    }
    assert broken == {}


def violations(column: Column) -> Iterator[str]:
    value = identifier(column.name)
    ordinary = (
        " and ".join(f"{value}::varchar not in ({quote(s)}, {quote(s + '.0')})" for s in column.sentinels) or "true"
    )
    if not column.nullable:
        yield f"{value} is null"
    if column.min is not None:
        yield f"{ordinary} and {value} < {column.min}"
    if column.max is not None:
        yield f"{ordinary} and {value} > {column.max}"
    if column.categories:
        yield f"{ordinary} and {value}::varchar not in ({', '.join(quote(c) for c in column.categories)})"


@pytest.mark.parametrize("name", [name for name in EVERY_TABLE if table(name).key])
def test_keys_are_unique_across_cohorts(scenarios: dict[str, list[Path]], name: str) -> None:
    contract = table(name)
    files = ", ".join(quote(str(folder / f"{contract.file}.parquet")) for folder in scenarios["stable"])
    repeated = f"select count(*) - count(distinct ({', '.join(contract.key)})) from read_parquet([{files}])"
    assert one(duckdb.connect(), repeated) == (0,)


def test_every_history_belongs_to_a_client_of_its_cohort(database: duckdb.DuckDBPyConnection) -> None:
    for name in ("bureau", "previous_application", "pos_cash_balance", "credit_card_balance", "installments_payments"):
        strangers = f"select count(*) from {name} anti join application using (SK_ID_CURR)"
        assert one(database, strangers) == (0,), name


@pytest.mark.parametrize(
    "name", ["application", "bureau", "bureau_balance", "previous_application", "pos_cash_balance"]
)
def test_shares_are_close_to_the_contract(database: duckdb.DuckDBPyConnection, name: str) -> None:
    apart = {}
    for column in table(name).columns.values():
        if column.categories:
            counted = database.execute(
                f"select {identifier(column.name)}::varchar, count(*) / sum(count(*)) over () from {name} "
                f"where {identifier(column.name)} is not null group by all"
            ).fetchall()
            seen = {value: float(share) for value, share in counted}
            total = sum(column.categories.values())
            for value in column.categories.keys() | seen.keys():
                difference = seen.get(value, 0.0) - column.categories.get(value, 0.0) / total
                if abs(difference) > 0.035:
                    apart[f"{column.name} {value}"] = round(difference, 3)
    assert apart == {}


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_as_much_is_missing_as_the_contract_says(database: duckdb.DuckDBPyConnection, name: str) -> None:
    columns = list(table(name).columns.values())
    missing = one(
        database, f"select {', '.join(f'avg(({identifier(c.name)} is null)::integer)' for c in columns)} from {name}"
    )
    apart = {
        column.name: round(share - column.missing_share, 3)
        for column, share in zip(columns, missing, strict=True)
        if abs(share - column.missing_share) > 0.03
    }
    assert apart == {}


def test_the_quartiles_of_applications_are_close_to_the_contract(database: duckdb.DuckDBPyConnection) -> None:
    apart = {}
    for column in table("application").columns.values():
        wanted = dict(column.quantiles)
        if not {0.05, 0.25, 0.5, 0.75, 0.95} <= wanted.keys() or column.unit == "count":
            continue
        value = identifier(column.name)
        ordinary = f"{value} <> 365243" if column.sentinels else "true"
        (seen,) = one(database, f"select quantile_cont({value}, [0.25, 0.5, 0.75]) from application where {ordinary}")
        spread = wanted[0.95] - wanted[0.05]
        for p, quantile in zip((0.25, 0.5, 0.75), seen, strict=True):
            if abs(quantile - wanted[p]) > 0.05 * spread:
                apart[f"{column.name} {p}"] = (quantile, wanted[p])
    assert apart == {}


def test_who_has_no_job_has_no_employer_nor_employment(database: duckdb.DuckDBPyConnection) -> None:
    coincidences = database.execute(
        "select distinct DAYS_EMPLOYED = 365243, ORGANIZATION_TYPE = 'XNA', FLAG_EMP_PHONE = 0, "
        "NAME_INCOME_TYPE in ('Pensioner', 'Unemployed') from application"
    ).fetchall()
    assert sorted(coincidences) == [(False,) * 4, (True,) * 4]


def test_what_is_missing_hangs_together(database: duckdb.DuckDBPyConnection) -> None:
    car, bureau, buildings = one(
        database,
        "select count(*) filter ((OWN_CAR_AGE is null) <> (FLAG_OWN_CAR = 'N')), "
        "corr((EXT_SOURCE_3 is null)::integer, (AMT_REQ_CREDIT_BUREAU_YEAR is null)::integer), "
        "count(*) filter (TOTALAREA_MODE is null and COMMONAREA_AVG is not null) from application",
    )
    assert car == 0
    assert bureau == pytest.approx(0.80, abs=0.04)
    assert buildings == 0


def test_amounts_are_multiples_of_four_and_a_half(database: duckdb.DuckDBPyConnection) -> None:
    for column in ("AMT_CREDIT", "AMT_ANNUITY", "AMT_GOODS_PRICE", "AMT_INCOME_TOTAL"):
        assert one(database, f"select count(*) filter ({column} % 4.5 <> 0) from application") == (0,), column


def test_loans_keep_their_arithmetic(database: duckdb.DuckDBPyConnection) -> None:
    below, equal, revolving = one(
        database,
        "select count(*) filter (AMT_CREDIT < AMT_GOODS_PRICE), avg((AMT_CREDIT = AMT_GOODS_PRICE)::integer), "
        "count(*) filter (NAME_CONTRACT_TYPE = 'Revolving loans' and abs(AMT_ANNUITY - 0.05 * AMT_CREDIT) > 0.01) "
        "from application",
    )
    assert below == 0
    assert equal == pytest.approx(0.35, abs=0.03)
    assert revolving == 0


def test_about_one_client_in_twelve_defaults(database: duckdb.DuckDBPyConnection) -> None:
    assert one(database, "select avg(TARGET) from outcomes")[0] == pytest.approx(0.0807, abs=0.01)


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("EXT_SOURCE_1", 0.332),
        ("EXT_SOURCE_2", 0.345),
        ("EXT_SOURCE_3", 0.312),
        ("DAYS_BIRTH", 0.587),
        ("nullif(DAYS_EMPLOYED, 365243)", 0.587),
        ("AMT_CREDIT / AMT_GOODS_PRICE", 0.567),
        ("REGION_RATING_CLIENT", 0.550),
    ],
)
def test_application_columns_tell_as_much_as_the_public_ones(
    database: duckdb.DuckDBPyConnection, feature: str, expected: float
) -> None:
    assert feature_auc(database, f"select SK_ID_CURR, {feature} from application") == pytest.approx(expected, abs=0.045)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select SK_ID_CURR, avg(DAYS_CREDIT) from bureau group by 1", 0.645),
        ("select SK_ID_CURR, avg((CREDIT_ACTIVE = 'Active')::integer) from bureau group by 1", 0.619),
        ("select SK_ID_CURR, sum(AMT_CREDIT_SUM_DEBT) / nullif(sum(AMT_CREDIT_SUM), 0) from bureau group by 1", 0.627),
        (
            "select SK_ID_CURR, avg((NAME_CONTRACT_STATUS = 'Refused')::integer) from previous_application group by 1",
            0.576,
        ),
        (
            "select SK_ID_CURR, avg(AMT_BALANCE / nullif(AMT_CREDIT_LIMIT_ACTUAL, 0)) from credit_card_balance "
            "group by 1",
            0.665,
        ),
    ],
)
def test_histories_tell_as_much_as_the_public_ones(
    database: duckdb.DuckDBPyConnection, query: str, expected: float
) -> None:
    assert feature_auc(database, query) == pytest.approx(expected, abs=0.07)


@pytest.mark.parametrize(
    ("name", "covered", "rows"),
    [
        ("bureau", 0.86, 5.5),
        ("previous_application", 0.95, 4.9),
        ("pos_cash_balance", 0.95, 29.0),
        ("credit_card_balance", 0.28, 36.8),
        ("installments_payments", 0.95, 40.0),
    ],
)
def test_histories_fan_out_like_the_public_ones(
    database: duckdb.DuckDBPyConnection, name: str, covered: float, rows: float
) -> None:
    having, each = one(
        database, f"select count(distinct SK_ID_CURR) / {CLIENTS}, count(*) / count(distinct SK_ID_CURR) from {name}"
    )
    assert having == pytest.approx(covered, abs=0.03)
    assert each == pytest.approx(rows, rel=0.15)


def test_a_third_of_the_bureau_credits_have_monthly_balances(database: duckdb.DuckDBPyConnection) -> None:
    (share,) = one(
        database,
        "select avg((SK_ID_BUREAU in (select SK_ID_BUREAU from bureau_balance))::integer) from bureau",
    )
    assert share == pytest.approx(0.361, abs=0.04)


def test_only_approved_applications_have_balances(database: duckdb.DuckDBPyConnection) -> None:
    statuses = database.execute(
        "select distinct NAME_CONTRACT_STATUS from previous_application where SK_ID_PREV in "
        "(select SK_ID_PREV from pos_cash_balance union select SK_ID_PREV from credit_card_balance)"
    ).fetchall()
    assert statuses == [("Approved",)]


def test_a_few_balances_lack_their_application(database: duckdb.DuckDBPyConnection) -> None:
    for name, expected in (("pos_cash_balance", 0.034), ("credit_card_balance", 0.30)):
        (share,) = one(
            database,
            f"select avg((SK_ID_PREV not in (select SK_ID_PREV from previous_application))::integer) from {name}",
        )
        assert share == pytest.approx(expected, rel=0.4), name


def test_instalments_are_split_and_paid_late_as_often_as_in_the_public_data(
    database: duckdb.DuckDBPyConnection,
) -> None:
    late, repeated, median = one(
        database,
        "select avg((DAYS_ENTRY_PAYMENT > DAYS_INSTALMENT)::integer), "
        "1 - count(distinct (SK_ID_PREV, NUM_INSTALMENT_VERSION, NUM_INSTALMENT_NUMBER)) / count(*), "
        "median(DAYS_ENTRY_PAYMENT - DAYS_INSTALMENT) from installments_payments",
    )
    assert late == pytest.approx(0.083, abs=0.015)
    assert repeated == pytest.approx(0.05, abs=0.02)
    assert median == pytest.approx(-6, abs=1)


def test_some_loans_stay_active_with_nothing_left_to_pay(database: duckdb.DuckDBPyConnection) -> None:
    (share,) = one(
        database,
        "select avg((NAME_CONTRACT_STATUS = 'Active' and CNT_INSTALMENT_FUTURE = 0)::integer) from pos_cash_balance",
    )
    assert share == pytest.approx(0.04, abs=0.015)


def test_cohorts_are_consecutive_months_and_only_old_ones_have_outcomes(tmp_path: Path) -> None:
    folders = simulate(tmp_path / "landing", cohorts=4, clients=100, first_month="2024-11")
    assert [folder.name for folder in folders] == ["2024-11", "2024-12", "2025-01", "2025-02"]
    assert [(folder / "outcomes.parquet").exists() for folder in folders] == [True, True, False, False]


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name not in {"stable", "kaggle"}])
def test_a_scenario_leaves_the_months_before_it_alone(scenarios: dict[str, list[Path]], scenario: str) -> None:
    before, after = scenarios[scenario]
    stable_before, stable_after = scenarios["stable"]
    assert hashes(before) == hashes(stable_before)
    assert hashes(after)["application.parquet"] != hashes(stable_after)["application.parquet"]


def test_gradual_ages_and_indebts_the_clients_more_each_month(tmp_path: Path) -> None:
    months = simulate(
        tmp_path / "gradual", cohorts=3, clients=1000, labelled=3, scenario="gradual", change_month="2025-02"
    )
    age = [over(month, "-avg(DAYS_BIRTH)") for month in months]
    score = [over(month, "avg(EXT_SOURCE_3)") for month in months]
    assert age[0] < age[1] < age[2]
    assert score[0] > score[1] > score[2]
    assert over(months[2], "avg(TARGET)", "outcomes") > over(months[0], "avg(TARGET)", "outcomes")


def test_shock_cuts_incomes_and_lifts_defaults_at_once(scenarios: dict[str, list[Path]]) -> None:
    changed, unchanged = scenarios["shock"][1], scenarios["stable"][1]
    assert over(changed, "avg(AMT_INCOME_TOTAL)") == pytest.approx(0.8 * over(unchanged, "avg(AMT_INCOME_TOTAL)"))
    assert over(changed, "avg(TARGET)", "outcomes") > 1.3 * over(unchanged, "avg(TARGET)", "outcomes")


def test_a_broken_feed_changes_what_is_delivered_but_not_what_comes_true(scenarios: dict[str, list[Path]]) -> None:
    changed, unchanged = scenarios["broken-feed"][1], scenarios["stable"][1]
    assert over(changed, "count(EXT_SOURCE_3)") == 0
    assert over(changed, "1000 * sum(AMT_INCOME_TOTAL)") == pytest.approx(over(unchanged, "sum(AMT_INCOME_TOTAL)"))
    differing = {file for file, value in hashes(changed).items() if hashes(unchanged)[file] != value}
    assert differing == {"application.parquet"}


def test_a_new_category_is_one_the_contract_does_not_know(scenarios: dict[str, list[Path]]) -> None:
    before, after = scenarios["new-category"]
    for column in ("NAME_INCOME_TYPE", "ORGANIZATION_TYPE"):
        known = ", ".join(quote(value) for value in table("application").columns[column].categories)
        share = f"avg(({column} not in ({known}))::integer)"
        assert over(before, share) == 0
        assert over(after, share) == pytest.approx(0.03, abs=0.02)


def test_kaggle_comes_in_its_own_layout_with_its_own_drift(tmp_path: Path) -> None:
    progress: list[str] = []
    (folder,) = simulate(tmp_path / "kaggle", scenario="kaggle", clients=3000, progress=progress.append)
    files = {"application_train", "application_test", *(contract.file for contract in tables())} - {"application"}
    assert {path.name for path in folder.iterdir()} == {f"{file}.parquet" for file in files} == set(progress)

    def columns(file: str) -> list[str]:
        path = quote(str(folder / f"{file}.parquet"))
        return [row[0] for row in duckdb.execute(f"describe from read_parquet({path})").fetchall()]

    application = list(table("application").columns)
    assert columns("application_train") == [application[0], "TARGET", *application[1:]]
    assert columns("application_test") == application
    assert over(folder, "count(*)", "application_train") == 3000
    assert over(folder, "count(*)", "application_test") == 3000 * 48744 // 307511

    revolving = "avg((NAME_CONTRACT_TYPE = 'Revolving loans')::integer)"
    assert over(folder, revolving, "application_train") == pytest.approx(0.097, abs=0.02)
    assert over(folder, revolving, "application_test") < 0.03
    assert over(folder, "avg(FLAG_EMAIL)", "application_test") == pytest.approx(0.154, abs=0.06)
    balances = "SK_ID_BUREAU in (from (select SK_ID_BUREAU from read_parquet({})))"
    of_test = "SK_ID_CURR in (select SK_ID_CURR from read_parquet({}))"
    covered = balances.format(quote(str(folder / "bureau_balance.parquet")))
    tested = of_test.format(quote(str(folder / "application_test.parquet")))
    assert over(folder, f"avg(({covered})::integer) filter ({tested})", "bureau") > 0.98
    assert over(folder, f"avg(({covered})::integer) filter (not {tested})", "bureau") == pytest.approx(0.361, abs=0.06)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scenario": "boom"}, "scenario must be one of stable"),
        ({"cohorts": 0}, "cohorts must be at least 1"),
        ({"clients": 99}, "clients must be at least 100"),
        ({"first_month": "2025-13"}, "first_month must be a month as YYYY-MM"),
        ({"change_month": "May"}, "change_month must be a month as YYYY-MM"),
        ({"change_month": "2030-01"}, "change_month must lie between 2025-01 and 2025-06"),
        ({"labelled": 7}, "labelled must be between 0 and the number of cohorts, 6"),
        ({"format": "xlsx"}, "format must be one of parquet, csv, csv.gz"),
    ],
)
def test_a_bad_argument_is_refused_with_what_is_allowed(tmp_path: Path, arguments: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        simulate(tmp_path / "landing", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="already exists and is not an empty folder"):
        simulate(tmp_path, cohorts=1, clients=100)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    out = tmp_path / "landing"
    out.mkdir()
    assert simulate(out, cohorts=1, clients=100) == [out / "2025-01"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(file: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "landing", cohorts=1, clients=100, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
