"""The monthly schedule."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from credit_platform.automation.schedules import monthly_monitoring, weekly_alarm_test, weekly_serving_drift
from credit_platform.settings import Settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as persistent:
        yield persistent


def evaluate(instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(instance, scheduled_execution_time=datetime(2025, 5, 2, 6, tzinfo=UTC))
    return monthly_monitoring(context)


def champion(instance: dg.DagsterInstance, version: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("champion", metadata={"version": version}))


def test_without_cohorts_the_month_is_skipped(instance: dg.DagsterInstance) -> None:
    champion(instance, "1")
    assert evaluate(instance).skip_message == "no cohort has been landed"


def test_without_a_champion_the_month_is_skipped(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("cohort", ["2025-03"])
    assert evaluate(instance).skip_message == "no champion has been trained"
    champion(instance, "none")
    assert evaluate(instance).skip_message == "no champion has been trained"


def test_the_newest_cohort_is_monitored_once_a_month(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("cohort", ["2025-04", "2025-03"])
    champion(instance, "1")
    request = evaluate(instance)
    assert request.partition_key == "2025-04"
    assert request.run_key == "2025-04-2025-05"


def test_served_decisions_are_judged_each_week_once_there_are_any(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    monday = datetime(2025, 5, 5, 6, tzinfo=UTC)

    def week() -> dg.RunRequest | dg.SkipReason:
        context = dg.build_schedule_context(instance, scheduled_execution_time=monday)
        return weekly_serving_drift(context, settings=settings)

    assert week().skip_message == "no cohort is scored yet"
    instance.add_dynamic_partitions("cohort", ["2025-04", "2025-03"])
    champion(instance, "1")
    assert week().skip_message == "the API has decided nothing yet"
    (settings.data_dir / "decisions").mkdir(parents=True)
    request = week()
    assert (request.partition_key, request.run_key) == ("2025-04", "2025-04-2025-05-05")
    assert [key.to_user_string() for key in request.asset_selection or []] == ["drift_report"]


def test_the_alarms_are_tested_each_week_once_a_champion_decides(instance: dg.DagsterInstance) -> None:
    context = dg.build_schedule_context(instance, scheduled_execution_time=datetime(2025, 5, 4, 4, tzinfo=UTC))
    assert weekly_alarm_test(context).skip_message == "no champion has been trained"
    champion(instance, "1")
    assert weekly_alarm_test(context).run_key == "2025-05-04"
