"""Backfills over a range of cohorts: one run for each, or one run for all; either way the lake holds the same."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from credit_platform.definitions import build_defs
from credit_platform.home_credit.landing import land
from credit_platform.lake import require
from credit_platform.resources import resources
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery

pytestmark = pytest.mark.xdist_group("graph")

ROOT = Path(__file__).parents[2]
COHORTS = ("2025-01", "2025-02", "2025-03")
TABLES = ("raw_application", "raw_bureau_balance", "client_mart", "client_lookup")


@pytest.fixture
def landed(settings: Settings, tmp_path: Path) -> Settings:
    """Three cohorts of their own clients, landed."""
    for number, cohort in enumerate(COHORTS):
        delivery = TinyDelivery(clients=8 + number)
        for rows in delivery.rows.values():
            for row in rows:
                row.update({name: str(int(row[name]) + 1000 * number) for name in row if name.startswith("SK_ID")})
        land(settings, delivery.write(tmp_path / cohort))
    return settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as persistent:
        persistent.add_dynamic_partitions("cohort", list(COHORTS))
        yield persistent


def contents(settings: Settings) -> dict[tuple[str, str], str]:
    return {(table, cohort): require(settings, table, cohort).content for table in TABLES for cohort in COHORTS}


def test_one_run_over_a_range_makes_what_a_run_for_each_cohort_makes(
    landed: Settings, instance: dg.DagsterInstance
) -> None:
    job = build_defs(resources(landed)).resolve_job_def("build_mart")
    span = {ASSET_PARTITION_RANGE_START_TAG: COHORTS[0], ASSET_PARTITION_RANGE_END_TAG: COHORTS[-1]}
    together = job.execute_in_process(instance=instance, tags=span)
    assert together.success
    made = {event.partition for event in together.get_asset_materialization_events() if event.partition}
    assert made == set(COHORTS)
    of_one_run = contents(landed)

    apart = [job.execute_in_process(instance=instance, partition_key=cohort) for cohort in COHORTS]
    assert all(result.success for result in apart)
    assert contents(landed) == of_one_run
    for result in apart:
        (mart,) = result.asset_materializations_for_node("client_mart")
        assert mart.metadata["unchanged_buckets"].value == mart.metadata["buckets"].value


@pytest.mark.parametrize(("setting", "runs_of"), [("per_cohort", 1), ("single_run", None)])
def test_the_settings_say_whether_a_backfill_is_one_run_or_one_for_each_cohort(
    setting: str, runs_of: int | None, tmp_path: Path
) -> None:
    program = (
        "import json; from credit_platform.definitions import build_defs; "
        "graph = build_defs().resolve_asset_graph(); "
        "nodes = [graph.get(key) for key in graph.get_all_asset_keys()]; "
        "print(json.dumps([n.backfill_policy.max_partitions_per_run for n in nodes if n.is_partitioned]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "CREDIT_BACKFILL": setting, "CREDIT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found
    assert set(found) == {runs_of}


def test_a_corrected_table_makes_what_is_built_from_it_stale_and_nothing_else(
    landed: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    job = build_defs(resources(landed)).resolve_job_def("build_mart")
    assert job.execute_in_process(instance=instance, partition_key=COHORTS[0]).success

    def version(asset: str) -> str | None:
        record = instance.get_latest_data_version_record(dg.AssetKey(asset), partition_key=COHORTS[0])
        event = record.asset_materialization if record else None
        return event.tags.get("dagster/data_version") if event else None

    before = {asset: version(asset) for asset in (*TABLES, "raw_bureau")}
    corrected = TinyDelivery(clients=8)
    corrected.rows["bureau"][0]["AMT_CREDIT_SUM"] = "123456"
    land(landed, corrected.write(tmp_path / "again" / COHORTS[0], only=("bureau",)), COHORTS[0])
    assert job.execute_in_process(
        instance=instance, partition_key=COHORTS[0], asset_selection=[dg.AssetKey("raw_bureau")]
    ).success
    after = {asset: version(asset) for asset in before}
    assert {asset for asset in before if before[asset] != after[asset]} == {"raw_bureau"}
