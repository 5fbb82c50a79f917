"""The quality report in the graph: what is grave stops its cohort and no other, until it is mended or let pass."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from credit_platform import quarantine
from credit_platform.automation.partitions import cohorts, sound_cohorts
from credit_platform.lake import cohorts_of
from credit_platform.quality.assets import quality_report
from credit_platform.quality.reports import TABLE
from credit_platform.quality.rules import families
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.quality.conftest import FIRST, SECOND, Spoil


@dg.asset(partitions_def=cohorts, deps=[quality_report], backfill_policy=dg.BackfillPolicy.single_run())
def after_it(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"cohorts": ", ".join(sound_cohorts(context, settings))})


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        ephemeral.add_dynamic_partitions("cohort", [SECOND, FIRST])
        yield ephemeral


def run(settings: Settings, instance: dg.DagsterInstance, **of: object) -> dg.ExecuteInProcessResult:
    """A run of the second cohort, or of what else is asked for."""
    return dg.materialize(
        [asset.with_attributes(backfill_policy=dg.BackfillPolicy.single_run()) for asset in (quality_report, after_it)],
        instance=instance,
        resources={"settings": settings},
        raise_on_error=False,
        **(of or {"partition_key": SECOND}),
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}


def lose_two_columns(delivery: TinyDelivery) -> None:
    for row in delivery.rows["bureau"]:
        row["AMT_CREDIT_SUM"] = row["AMT_ANNUITY"] = ""


def bring_a_new_category(delivery: TinyDelivery) -> None:
    delivery.rows["bureau"][0]["CREDIT_TYPE"] = "Bicycle loan"


def test_a_sound_cohort_passes_every_check_and_goes_on(sound: Settings, instance: dg.DagsterInstance) -> None:
    result = run(sound, instance)
    assert result.success
    assert {name: check.passed for name, check in checks(result).items()} == dict.fromkeys(families(), True)
    assert made(result) == {TABLE, "after_it"}


def test_what_is_told_only_does_not_hold_the_cohort_up(spoil: Spoil, instance: dg.DagsterInstance) -> None:
    result = run(spoil(bring_a_new_category), instance)
    assert result.success
    check = checks(result)["categories"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "warn: 1.7% of the values of CREDIT_TYPE of bureau" in str(check.metadata[SECOND].value)
    assert "For example SK_ID_BUREAU 5002001." in str(check.metadata[SECOND].value)
    assert made(result) == {TABLE, "after_it"}


def test_a_grave_finding_fails_its_check_and_stops_the_cohort_in_words(
    spoil: Spoil, instance: dg.DagsterInstance
) -> None:
    settings = spoil(lose_two_columns)
    result = run(settings, instance)
    assert not result.success
    check = checks(result)["missing"]
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert "block: AMT_CREDIT_SUM of bureau no longer arrives" in str(check.metadata[SECOND].value)
    assert "warn: AMT_ANNUITY of bureau no longer arrives" in str(check.metadata[SECOND].value)
    assert made(result) == {TABLE}
    (failure,) = (event.step_failure_data.user_failure_data for event in result.get_step_failure_events())
    assert "cohort 2025-02 is in quarantine: AMT_CREDIT_SUM of bureau no longer arrives" in failure.description
    assert "credit-platform release 2025-02 --by NAME --why REASON" in failure.description
    assert quarantine.quarantined(settings) == [SECOND]
    assert cohorts_of(settings, TABLE) == [FIRST, SECOND]


def test_a_corrected_delivery_leaves_quarantine_by_itself(spoil: Spoil, instance: dg.DagsterInstance) -> None:
    settings = spoil(lose_two_columns)
    run(settings, instance)
    spoil()
    assert run(settings, instance).success
    assert quarantine.quarantined(settings) == []


def test_a_person_can_let_it_pass_and_the_check_still_tells(spoil: Spoil, instance: dg.DagsterInstance) -> None:
    settings = spoil(lose_two_columns)
    run(settings, instance)
    quarantine.release(settings, SECOND, "Ada", "the bureau closed")
    result = run(settings, instance)
    assert result.success
    check = checks(result)["missing"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert made(result) == {TABLE, "after_it"}


def test_in_a_run_of_several_cohorts_the_one_that_is_held_is_left_out(
    spoil: Spoil, instance: dg.DagsterInstance
) -> None:
    settings = spoil(lose_two_columns)
    both = {ASSET_PARTITION_RANGE_START_TAG: SECOND, ASSET_PARTITION_RANGE_END_TAG: FIRST}
    result = run(settings, instance, tags=both)
    assert result.success
    check = checks(result)["missing"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "block: AMT_CREDIT_SUM of bureau no longer arrives" in str(check.metadata[SECOND].value)
    materialized = result.asset_materializations_for_node("after_it")
    assert {m.partition: m.metadata["cohorts"].value for m in materialized} == {FIRST: FIRST, SECOND: FIRST}
    assert "left_out" in next(m.metadata for m in materialized if m.partition == SECOND)


def test_the_report_shows_its_findings_and_a_picture_of_the_trends(spoil: Spoil, instance: dg.DagsterInstance) -> None:
    result = run(spoil(lose_two_columns), instance)
    (materialization,) = result.asset_materializations_for_node(TABLE)
    shown = materialization.metadata
    assert (shown["compared_with"].value, shown["blocking"].value) == (FIRST, 1)
    assert "| block | missing | AMT_CREDIT_SUM of bureau no longer arrives" in shown["findings"].value
    assert shown["trends"].value.startswith("![plot](data:image/png;base64,")
