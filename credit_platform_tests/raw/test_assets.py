"""The raw assets materialise per cohort, with their contract as schema and as blocking check."""

from collections.abc import Iterator

import dagster as dg
import pytest

from credit_platform.home_credit.contracts import table
from credit_platform.lake import buckets, table_path
from credit_platform.raw.assets import raw_tables
from credit_platform.settings import Settings

COHORT = "2025-01"
ASSETS = {asset.key.to_user_string(): asset for asset in raw_tables}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        ephemeral.add_dynamic_partitions("cohort", [COHORT])
        yield ephemeral


def materialise(
    settings: Settings, instance: dg.DagsterInstance, *names: str, raise_on_error: bool = True
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [ASSETS[name] for name in names],
        partition_key=COHORT,
        instance=instance,
        resources={"settings": settings},
        raise_on_error=raise_on_error,
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_raw_table_is_described_owned_and_has_its_contract_as_schema(name: str) -> None:
    spec = ASSETS[name].specs_by_key[dg.AssetKey(name)]
    contract = table(name.removeprefix("raw_"))
    assert spec.group_name == "raw"
    assert spec.owners
    assert {"duckdb", "parquet"} <= spec.kinds
    assert contract.meaning in (spec.description or "")
    schema = spec.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == list(contract.columns)
    assert all(column.description for column in schema.columns)


def test_a_table_depends_on_its_parent() -> None:
    parents = {name: {key.to_user_string() for key in asset.dependency_keys} for name, asset in ASSETS.items()}
    assert parents["raw_application"] == set()
    assert parents["raw_bureau_balance"] == {"raw_bureau"}
    assert parents["raw_outcomes"] == {"raw_application"}


def test_a_faultless_cohort_passes_both_checks(landed: Settings, instance: dg.DagsterInstance) -> None:
    result = materialise(landed, instance, "raw_application")
    assert result.success
    assert {name: check.passed for name, check in checks(result).items()} == {"contract": True, "known_values": True}
    assert buckets(table_path(landed, "raw_application", COHORT))


def test_an_unknown_category_is_accepted_and_warned_of(landed: Settings, instance: dg.DagsterInstance) -> None:
    path = landed.landing_dir / COHORT / "application.csv"
    path.write_bytes(path.read_bytes().replace(b"Cash loans", b"Car loans", 1))
    result = materialise(landed, instance, "raw_application")
    assert result.success
    check = checks(result)["known_values"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "unknown category 'Car loans'; e.g. SK_ID_CURR 100001" in str(check.metadata[COHORT].value)


def test_a_broken_contract_fails_the_run_the_check_and_what_follows(
    landed: Settings, instance: dg.DagsterInstance
) -> None:
    path = landed.landing_dir / COHORT / "application.csv"
    path.write_bytes(path.read_bytes().replace(b"100003", b"100002"))
    result = materialise(landed, instance, "raw_application", "raw_bureau", raise_on_error=False)
    assert not result.success
    check = checks(result)["contract"]
    assert not check.passed
    assert check.blocking
    assert "application.csv, column SK_ID_CURR, row 3: repeats a key" in str(check.metadata[COHORT].value)
    assert not result.get_asset_materialization_events()
    failures = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    assert any(f and "row 3: repeats a key" in (f.description or "") for f in failures)
    assert not (landed.lake_dir / "raw_bureau").exists()
