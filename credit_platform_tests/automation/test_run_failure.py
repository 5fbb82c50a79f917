"""The alert that a failed run raises."""

import json

import dagster as dg
import pytest

from credit_platform.alerting.log import log_path
from credit_platform.automation.sensors import run_failure_alert
from credit_platform.model import registry
from credit_platform.settings import Settings

pytestmark = pytest.mark.xdist_group("graph")


@dg.op
def read_clients() -> None:
    raise ValueError("Could not convert 'Jane Doe' of client 100001")


@dg.job
def broken() -> None:
    read_clients()


def test_a_failed_run_raises_an_alert_without_client_data_and_ends_its_mlflow_runs(tracked: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = broken.execute_in_process(instance=instance, raise_on_error=False)
        client = registry.client(tracked)
        experiment = client.get_experiment_by_name(tracked.mlflow_experiment).experiment_id
        left_open = client.create_run(experiment, tags={"dagster_run_id": result.run_id}).info.run_id
        context = dg.build_run_status_sensor_context(
            "run_failure_alert", result.get_run_failure_event(), instance, result.dagster_run
        ).for_run_failure()
        run_failure_alert(context, settings=tracked)

    (line,) = log_path(tracked).read_text("utf-8").splitlines()
    alert = json.loads(line)
    assert (alert["kind"], alert["severity"], alert["subject"]) == ("run_failure", "critical", "broken")
    (incident,) = alert["incidents"]
    assert incident["sentence"] == f"run {result.run_id[:8]} of broken failed in read_clients."
    assert alert["where"] == "docs/alerts.md#run-failure"
    assert "Jane" not in line
    assert "100001" not in line
    assert client.get_run(left_open).info.status == "FAILED"
