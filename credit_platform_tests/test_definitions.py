"""The graph as it is put together: a picture of it, what every asset tells about itself, and what loading it costs."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from credit_platform.definitions import build_defs
from credit_platform.monitoring.findings import LAYERS

ROOT = Path(__file__).parent.parent

RAW = (
    "raw_application",
    "raw_bureau",
    "raw_bureau_balance",
    "raw_credit_card_balance",
    "raw_installments_payments",
    "raw_pos_cash_balance",
    "raw_previous_application",
)
PER_COHORT = True
# asset: (group, what it is made from, whether it is partitioned by cohort)
GRAPH = {
    "raw_application": ("raw", (), PER_COHORT),
    "raw_bureau": ("raw", ("raw_application",), PER_COHORT),
    "raw_bureau_balance": ("raw", ("raw_bureau",), PER_COHORT),
    "raw_credit_card_balance": ("raw", ("raw_application",), PER_COHORT),
    "raw_installments_payments": ("raw", ("raw_application",), PER_COHORT),
    "raw_outcomes": ("raw", ("raw_application",), PER_COHORT),
    "raw_pos_cash_balance": ("raw", ("raw_application",), PER_COHORT),
    "raw_previous_application": ("raw", ("raw_application",), PER_COHORT),
    "quality_report": ("quality", RAW, PER_COHORT),
    "client_mart": ("mart", ("quality_report", *RAW), PER_COHORT),
    "client_lookup": ("mart", ("client_mart",), PER_COHORT),
    "feature_splits": ("features", ("client_mart", "raw_outcomes"), not PER_COHORT),
    "scorecard": ("model", ("feature_splits",), not PER_COHORT),
    "candidate": ("model", ("feature_splits",), not PER_COHORT),
    "evaluation": ("model", ("candidate", "feature_splits", "scorecard"), not PER_COHORT),
    "champion": ("model", ("evaluation", "feature_splits", "scorecard"), not PER_COHORT),
    "model_card": ("model", ("champion", "evaluation"), not PER_COHORT),
    "shap_summary": ("explain", ("champion", "feature_splits"), not PER_COHORT),
    "population": ("explain", ("champion", "feature_splits"), not PER_COHORT),
    "scores": ("scoring", ("champion", "client_mart"), PER_COHORT),
    "drift_report": ("monitoring", ("champion", "client_mart", "scores"), PER_COHORT),
    "alarm_test": ("alerting", ("champion", "client_mart"), not PER_COHORT),
    "performance": ("monitoring", ("feature_splits", "raw_outcomes", "scores"), PER_COHORT),
}
QUALITY = (
    "categories",
    "duplicates",
    "freshness",
    "keys",
    "missing",
    "orphans",
    "ranges",
    "sentinels",
    "units",
    "volume",
)
BLOCKING = {
    *(f"{table}:contract" for table in (*RAW, "raw_outcomes")),
    *(f"quality_report:{family}" for family in QUALITY),
    "client_mart:one_row_per_client",
    "feature_splits:no_feature_knows_the_outcome",
    "feature_splits:outcome_is_no_feature",
    "feature_splits:parts_are_disjoint",
    "champion:a_champion_decides",
}
WARNING = {
    *(f"{table}:known_values" for table in (*RAW, "raw_outcomes")),
    "client_mart:history_is_from_before_the_application",
    "quality_report:schema",
    "feature_splits:outcomes_are_stratified",
    "evaluation:the_challenger_earns_its_keep",
    "scores:every_client_has_a_score",
    "alarm_test:every_alarm_rings",
    "drift_report:monitoring_is_alive",
    *(f"drift_report:{layer}" for layer in LAYERS),
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_defs()


def test_the_graph_is_the_one_in_the_picture(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    nodes = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    found = {
        name: (node.group_name, tuple(sorted(key.to_user_string() for key in node.parent_keys)), node.is_partitioned)
        for name, node in nodes.items()
    }
    assert found == GRAPH


def test_the_checks_are_the_listed_ones_and_the_right_ones_block(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    blocks = {key.to_user_string(): graph.get(key).blocking for key in graph.asset_check_keys}
    assert {name for name, blocking in blocks.items() if blocking} == BLOCKING
    assert {name for name, blocking in blocks.items() if not blocking} == WARNING


def test_every_asset_and_every_check_says_what_it_is_and_whose(definitions: dg.Definitions) -> None:
    specs = list(definitions.resolve_all_asset_specs())
    assert len(specs) == len(GRAPH)
    for spec in specs:
        assert len(spec.description or "") > 20, spec.key
        assert spec.owners, spec.key
        assert all(owner.startswith("team:") for owner in spec.owners), spec.key
        assert spec.kinds, spec.key
    graph = definitions.resolve_asset_graph()
    assert all(graph.get(key).description for key in graph.asset_check_keys)


def test_every_raw_table_and_the_mart_show_their_columns_before_they_are_made(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        if spec.group_name in ("raw", "mart"):
            schema = spec.metadata["dagster/column_schema"]
            assert len(schema.columns) > 1
            assert all(column.type and column.description for column in schema.columns), spec.key


def test_jobs_schedules_and_sensors_are_the_listed_ones_described_and_running(definitions: dg.Definitions) -> None:
    names = {"build_mart", "train", "score", "monitor", "process_cohort", "take_outcomes"}
    names |= {"rehearse_alarms", "everything"}
    assert {job.name for job in definitions.jobs or []} == names
    assert all(definitions.resolve_job_def(name).description for name in names)
    assert [s.name for s in definitions.schedules or []] == [
        "monthly_monitoring",
        "weekly_serving_drift",
        "weekly_alarm_test",
        "quarterly_retraining",
    ]
    assert {s.name for s in definitions.sensors or []} == {
        "landing_sensor",
        "drift_sensor",
        "performance_sensor",
        "retraining_sensor",
        "heartbeat_sensor",
        "run_failure_alert",
        "run_success_alert",
    }
    for sensor in definitions.sensors or []:
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
        assert sensor.description


def test_loading_the_code_location_is_cheap_and_imports_no_modelling_library() -> None:
    program = (
        "import resource, sys; import credit_platform.definitions; "
        "used = resource.getrusage(resource.RUSAGE_SELF); "
        "heavy = {'mlflow', 'catboost', 'shap', 'sklearn', 'evidently', 'matplotlib', 'pandas'} & set(sys.modules); "
        "print(sorted(heavy), used.ru_utime + used.ru_stime)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy, seconds = done.stdout.strip().rsplit(" ", 1)
    assert heavy == "[]"
    assert float(seconds) < 3


def test_dagster_finds_the_workspace_valid(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "CREDIT_DATA_DIR": str(tmp_path), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
