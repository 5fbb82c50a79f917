"""Training through dagster-mlflow: how runs end, whom they belong to, and what a version is made of."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from credit_platform.model import registry
from credit_platform.model.assets import SearchConfig, candidate, champion, evaluation, scorecard
from credit_platform.resources import resources
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.worlds import SCHEMA, applicants

pytestmark = pytest.mark.xdist_group("graph")

SMALL = SearchConfig(families={"catboost": {"depth": [1, 2], "iterations": [10], "learning_rate": [0.3]}})
IMPOSSIBLE = SearchConfig(families={"catboost": {"depth": [99], "iterations": [10]}})


def materialize(settings: Settings, *names: str, config: SearchConfig = SMALL) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [scorecard, candidate, evaluation, champion],
        selection=list(names),
        resources=resources(settings),
        run_config=dg.RunConfig({"candidate": config} if "candidate" in names else {}),
        raise_on_error=False,
    )


def mlflow_runs(settings: Settings) -> list[Any]:
    """The MLflow runs of an experiment, oldest first; trials, which are nested, left out."""
    client = registry.client(settings)
    experiment = client.get_experiment_by_name(settings.mlflow_experiment)
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    assert not [run for run in found if run.info.status == "RUNNING"]
    return [run for run in found if "mlflow.parentRunId" not in run.data.tags]


def nothing_is_active() -> bool:
    import mlflow

    return mlflow.active_run() is None


def test_a_training_run_ends_finished_with_its_trials_parameters_and_a_version(tracked: Settings) -> None:
    result = materialize(tracked, "candidate")
    assert result.success
    (run,) = mlflow_runs(tracked)
    assert run.info.status == "FINISHED"
    assert run.data.tags["dagster_run_id"] == result.run_id
    assert run.data.params["family"] == "catboost"
    assert 1 <= int(run.data.params["iterations"]) <= 10
    assert run.data.params["cohorts"] == "2025-01, 2025-02"
    assert {"threshold", "out_of_fold_cost_per_client", "calibration_slope"} <= set(run.data.metrics)
    client = registry.client(tracked)
    trials = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert [trial.info.status for trial in trials] == ["FINISHED"] * 4
    assert {(trial.data.params["depth"], trial.data.params["fold"]) for trial in trials} == {
        (depth, fold) for depth in "12" for fold in "12"
    }
    assert all({"cost_per_client", "auc", "fit_seconds"} <= set(trial.data.metrics) for trial in trials)
    assert registry.fetch(tracked, registry.CHALLENGER).run_id == run.info.run_id
    assert nothing_is_active()


def test_a_run_that_fails_inside_the_candidate_ends_failed_and_registers_nothing(tracked: Settings) -> None:
    result = materialize(tracked, "candidate", config=IMPOSSIBLE)
    assert not result.success
    (run,) = mlflow_runs(tracked)
    assert run.info.status == "FAILED"
    assert nothing_is_active()
    assert registry.find(tracked, registry.CHALLENGER) is None


def test_two_materialisations_never_share_a_run_even_after_a_failure(tracked: Settings) -> None:
    results = [
        materialize(tracked, "candidate"),
        materialize(tracked, "candidate", config=IMPOSSIBLE),
        materialize(tracked, "candidate"),
    ]
    runs = mlflow_runs(tracked)
    assert [run.info.status for run in runs] == ["FINISHED", "FAILED", "FINISHED"]
    assert [run.data.tags["dagster_run_id"] for run in runs] == [result.run_id for result in results]


def test_evaluation_logs_to_the_run_of_the_version_it_judges(tracked: Settings) -> None:
    materialize(tracked, "candidate")
    result = materialize(tracked, "scorecard", "evaluation")
    assert result.success
    (run,) = mlflow_runs(tracked)
    assert run.info.status == "FINISHED"
    reported = result.asset_materializations_for_node("evaluation")[0].metadata
    assert run.data.metrics["test_auc"] == pytest.approx(reported["auc"].value)
    logged = {file.path for file in registry.client(tracked).list_artifacts(run.info.run_id, "evaluation")}
    figures = ("roc_curve", "strategy", "reliability", "gains", "grades", "score_distribution")
    pictures = {"evaluation/importance.png", *(f"evaluation/test_{name}.png" for name in figures)}
    assert logged == {"evaluation/report.json", *pictures}
    report = json.loads(registry.attached(tracked, "1", "evaluation/report.json") or "")
    assert report["test"]["metrics"]["auc"]["value"] == pytest.approx(reported["auc"].value)
    assert report["test"]["clients"] == reported["dagster/row_count"].value == 300


def test_a_version_holds_all_that_was_fitted_and_no_identities(tracked: Settings) -> None:
    import pyarrow.parquet as pq

    materialize(tracked, "candidate")
    version = registry.fetch(tracked, registry.CHALLENGER)
    scorer = Scorer.load(version.folder, version.number)
    assert scorer.schema == SCHEMA
    assert 0 < scorer.table_probabilities(applicants(5))[0] < 1
    reference = pq.read_table(version.folder / "reference.parquet")
    assert reference.column_names == [*SCHEMA.names, "probability_of_default"]
    assert not (version.folder / "input_example.json").exists()
    assert not list(Path.cwd().iterdir())


def test_without_a_version_the_registry_says_what_to_do(tracked: Settings) -> None:
    with pytest.raises(registry.NoModelError, match="materialise the model group first"):
        registry.fetch(tracked)


def test_a_run_that_a_killed_process_left_open_is_ended_with_its_trials_and_no_other(tracked: Settings) -> None:
    program = (
        "import os, sys; import credit_platform.model.assets as assets; from credit_platform.settings import Settings; "
        "from credit_platform_tests.model.test_tracking import materialize; import mlflow\n"
        "def killed(*_, **__):\n mlflow.start_run(nested=True)\n os._exit(9)\n"
        "assets.train = killed\n"
        "materialize(Settings.model_validate_json(sys.argv[1]), 'candidate')"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", program, tracked.model_dump_json()],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == 9, killed.stderr
    client = registry.client(tracked)
    experiment = client.get_experiment_by_name(tracked.mlflow_experiment).experiment_id
    other = client.create_run(experiment, tags={"dagster_run_id": "of-someone-else"}).info.run_id
    opened = [run for run in client.search_runs([experiment]) if run.info.run_id != other]
    assert [run.info.status for run in opened] == ["RUNNING", "RUNNING"]
    dagster_run = next(run.data.tags["dagster_run_id"] for run in opened if "dagster_run_id" in run.data.tags)

    assert registry.fail_open_runs(tracked, dagster_run) == 2
    assert {client.get_run(run.info.run_id).info.status for run in opened} == {"FAILED"}
    assert client.get_run(other).info.status == "RUNNING"
    assert registry.fail_open_runs(tracked, dagster_run) == 0
