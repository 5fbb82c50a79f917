"""MLflow's artifacts in an S3-compatible object store: a real local server stands in for it."""

from pathlib import Path

import boto3
import pytest

from credit_platform.model import registry
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.worlds import SCHEMA, write_version

pytestmark = pytest.mark.xdist_group("graph")


def test_a_version_is_stored_there_and_found_from_another_machine(
    tracked: Settings, store_bucket: str, tmp_path: Path
) -> None:
    import mlflow

    here = tracked.model_copy(update={"mlflow_artifacts_uri": f"s3://{store_bucket}/mlflow"})
    experiment = registry.client(here).get_experiment_by_name(here.mlflow_experiment).experiment_id
    with mlflow.start_run(experiment_id=experiment):
        number = registry.log_version(here, write_version(tmp_path / registry.SCORER), SCHEMA)
    registry.point(here, here.model_alias, number)
    stored = boto3.client("s3").list_objects_v2(Bucket=store_bucket, Prefix="mlflow/")["Contents"]
    assert any(item["Key"].endswith("threshold.json") for item in stored)

    elsewhere = here.model_copy(update={"data_dir": tmp_path / "elsewhere", "mlflow_tracking_uri": here.tracking_uri})
    for place in (here, elsewhere):
        version = registry.fetch(place)
        assert version.folder.is_relative_to(place.data_dir)
        assert Scorer.load(version.folder, version.number).schema == SCHEMA
