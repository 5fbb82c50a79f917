"""MLflow's artifacts in an S3-compatible object store: a real local server stands in for it."""

import boto3
import pytest

from credit_platform.model import registry
from credit_platform.model.assets import candidate
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.model.test_tracking import materialize

pytestmark = pytest.mark.xdist_group("graph")


def test_a_version_is_stored_there_and_found_again(tracked: Settings, store_bucket: str) -> None:
    stored = tracked.model_copy(update={"mlflow_artifacts_uri": f"s3://{store_bucket}/mlflow"})
    assert materialize(stored, "candidate").success
    found = boto3.client("s3").list_objects_v2(Bucket=store_bucket, Prefix="mlflow/")
    assert any(item["Key"].endswith("threshold.json") for item in found["Contents"])
    version = registry.fetch(stored, registry.CHALLENGER)
    assert Scorer.load(version.folder, version.number).schema.names
    assert registry.fetch(stored, registry.CHALLENGER).folder == version.folder
