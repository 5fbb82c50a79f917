"""One run of the whole graph on the committed samples, for all tests of this folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from credit_platform.definitions import build_defs
from credit_platform.home_credit.landing import land
from credit_platform.model import registry
from credit_platform.resources import resources
from credit_platform.runner import register_cohorts
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
FAMILIES = {
    "catboost": {"depth": [1, 2], "l2_leaf_reg": [10.0], "iterations": [80], "learning_rate": [0.1]},
    "logistic_regression": {"logisticregression__C": [0.001]},
}


@dataclass(frozen=True)
class World:
    """What the run left behind."""

    settings: Settings
    instance: dg.DagsterInstance
    cohorts: list[str]
    result: dg.ExecuteInProcessResult

    def run(self, job: str, first: str, last: str, run_config: Any = None) -> dg.ExecuteInProcessResult:
        """Runs a job on a range of cohorts."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return (
            build_defs(resources(self.settings))
            .resolve_job_def(job)
            .execute_in_process(instance=self.instance, tags=tags, run_config=run_config, raise_on_error=False)
        )

    def metadata(self, asset: str) -> dict[str, Any]:
        """What an asset reported last, as plain values."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    @property
    def scorer(self) -> Scorer:
        version = registry.fetch(self.settings, registry.CHALLENGER)
        return Scorer.load(version.folder, version.number)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("data"),
        mlflow_tracking_uri="",
        cross_validation_folds=3,
        bootstrap_samples=100,
        shap_sample=60,
        drift_columns=8,
        # At 1 default in 16, approving and refusing everyone cost alike: there even a model of few clients beats both.
        cost_false_negative=15,
        # With so few clients calibration is a matter of luck: a seed that deals them so that the gate passes a version.
        seed=22,
        # There is one cohort of 400 to learn from: too few to choose features by, and most of it is to train on.
        most_features=1000,
        valid_share=0.15,
        test_share=0.15,
    )
    land(settings, SAMPLES)
    with dg.instance_for_test() as instance:
        cohorts = register_cohorts(instance, settings)
        made = World(settings, instance, cohorts, None)  # type: ignore[arg-type]
        config = {"ops": {"candidate": {"config": {"families": FAMILIES}}}}
        result = made.run("everything", cohorts[0], cohorts[-1], config)
        yield World(settings, instance, cohorts, result)
