"""Who decides, with real models: the first that beats no model, then only what is better, and never a leak."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform.definitions import build_defs
from credit_platform.features.splits import splits_dir
from credit_platform.model import registry
from credit_platform.model.assets import SearchConfig
from credit_platform.model.succession import history
from credit_platform.resources import resources
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.model.test_tracking import materialize
from credit_platform_tests.worlds import outcomes, people, write_labelled_cohort, write_splits

pytestmark = pytest.mark.xdist_group("graph")

SOUND = {"catboost": {"depth": [2], "iterations": [80], "learning_rate": [0.15]}}
CRIPPLED = {"catboost": {"depth": [1], "iterations": [2], "learning_rate": [0.05]}}
HOPELESS = {"catboost": {"depth": [1], "iterations": [1], "learning_rate": [1e-6], "patience": [0]}}


@dataclass(frozen=True)
class Trained:
    """A training from the scorecard to the champion, by what its assets said."""

    result: dg.ExecuteInProcessResult
    champion: dict[str, Any]
    evaluation: dict[str, Any]

    def told(self, *words: str) -> bool:
        return all(word in self.champion["reason"] for word in words)


def trained(settings: Settings, families: dict[str, Any]) -> Trained:
    config = SearchConfig(families=families)
    result = materialize(settings, "scorecard", "candidate", "evaluation", "champion", config=config)
    assert result.success
    said = {
        asset: {k: v.value for k, v in result.asset_materializations_for_node(asset)[0].metadata.items()}
        for asset in ("champion", "evaluation")
    }
    return Trained(result, **said)


def decides(settings: Settings) -> str | None:
    return registry.number_under(settings, settings.model_alias)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of an MLflow store and a lake of its own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(tmp_path_factory.mktemp("elsewhere"))
        yield Settings(
            _env_file=None,
            data_dir=tmp_path_factory.mktemp("champions"),
            mlflow_tracking_uri="",
            cross_validation_folds=2,
            threads=1,
            bootstrap_samples=40,
            # At 15 % of defaults approving and refusing everyone cost about the same, and a model has to be one.
            cost_false_negative=5,
        )


@pytest.fixture(scope="module")
def story(own: Settings) -> dict[str, tuple[Trained, str | None]]:
    """Four trainings, one after the other, and who decided after each: all judged on the same 4,000 clients."""
    write_splits(own, {"train": 250, "test": 4000})
    told = {"first": (trained(own, SOUND), decides(own)), "equal": (trained(own, SOUND), decides(own))}
    write_splits(own, {"train": 3000, "test": 4000})
    told["better"] = (trained(own, SOUND), decides(own))
    told["worse"] = (trained(own, CRIPPLED), decides(own))
    return told


def test_the_first_version_decides_because_it_beats_approving_and_refusing_everyone(
    story: dict[str, tuple[Trained, str | None]],
) -> None:
    first, champion = story["first"]
    assert champion == "1"
    assert first.champion["promoted"] is True
    assert first.told("approving everyone", "refusing everyone", "significantly less")
    judged = first.evaluation
    assert judged["cost_per_client"] < min(judged["cost_approve_all"], judged["cost_refuse_all"])
    assert judged["dagster/row_count"] == first.champion["dagster/row_count"] == 4000


def test_an_equal_retrain_is_the_same_model_to_the_bit_and_does_not_decide(
    story: dict[str, tuple[Trained, str | None]], own: Settings
) -> None:
    equal, champion = story["equal"]
    assert (champion, equal.champion["challenger"], equal.champion["result"]) == ("1", "2", "refused")
    assert equal.told("the champion")
    rows = pq.read_table(splits_dir(own) / "X_test.parquet")
    one, two = (Scorer.load(registry.fetch(own, alias).folder, alias) for alias in numbered(own, "1", "2"))
    assert (one.table_probabilities(rows) == two.table_probabilities(rows)).all()
    assert (one.table_contributions(rows) == two.table_contributions(rows)).all()
    assert (one.threshold, one.calibration, one.scale) == (two.threshold, two.calibration, two.scale)
    assert one.reason_table == two.reason_table


def numbered(settings: Settings, *numbers: str) -> list[str]:
    """Aliases for versions by their numbers."""
    for number in numbers:
        registry.point(settings, f"number_{number}", number)
    return [f"number_{number}" for number in numbers]


def test_a_better_version_takes_over(story: dict[str, tuple[Trained, str | None]]) -> None:
    better, champion = story["better"]
    assert (champion, better.champion["result"]) == ("3", "promoted")
    assert better.told("the champion", "significantly less")
    assert better.evaluation["auc"] > story["first"][0].evaluation["auc"]
    assert better.evaluation["cost_per_client"] < story["first"][0].evaluation["cost_per_client"]


def test_a_worse_version_does_not(story: dict[str, tuple[Trained, str | None]]) -> None:
    worse, champion = story["worse"]
    assert (champion, worse.champion["challenger"], worse.champion["result"]) == ("3", "4", "refused")
    assert worse.told("the champion", "a significant loss")
    assert worse.evaluation["auc"] < story["better"][0].evaluation["auc"]


def test_the_ledger_tells_the_story(story: dict[str, tuple[Trained, str | None]], own: Settings) -> None:
    lines, notes = history(own)
    assert [(line.entry.kind, line.entry.to_version) for line in lines] == [
        ("promotion", "1"),
        ("refusal", "2"),
        ("promotion", "3"),
        ("refusal", "4"),
    ]
    assert notes == ()


def test_a_first_version_that_does_not_beat_approving_everyone_does_not_decide(own: Settings) -> None:
    alone = own.model_copy(update={"data_dir": own.data_dir / "alone", "model_name": "hopeless"})
    write_splits(alone, {"test": 1500})
    hopeless = trained(alone, HOPELESS)
    assert (hopeless.champion["version"], hopeless.champion["result"]) == ("none", "refused")
    assert hopeless.told("approving everyone", "the benchmark")
    assert decides(alone) is None


def train_job(settings: Settings, leak: bool) -> tuple[dg.ExecuteInProcessResult, dict[str, bool]]:
    """The training job on two cohorts in the lake; with a leak a count is what came of the loan, nearly."""
    for seed, cohort in enumerate(("2025-01", "2025-02")):
        mart = people(700, seed)
        mart = mart.set_column(0, "SK_ID_CURR", pa.array(np.arange(700) + 100_001 + 1000 * seed))
        defaulted = outcomes(mart, seed)
        if leak:
            knows = np.where(np.random.default_rng(seed).random(700) < 0.9, defaulted, 1 - defaulted)
            place = mart.column_names.index("BURO_COUNT")
            mart = mart.set_column(place, "BURO_COUNT", pa.array(knows.astype(float)))
        write_labelled_cohort(settings, cohort, mart, defaulted)
    config = {"ops": {"candidate": {"config": {"families": SOUND}}}}
    result = (
        build_defs(resources(settings))
        .resolve_job_def("train")
        .execute_in_process(instance=dg.DagsterInstance.ephemeral(), run_config=config, raise_on_error=False)
    )
    checks = {check.asset_check_key.to_user_string(): check.passed for check in result.get_asset_check_evaluations()}
    return result, checks


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}


@pytest.mark.parametrize("leak", [True, False])
def test_a_feature_that_knows_the_outcome_ends_the_training_before_a_version_is_registered(
    own: Settings, tmp_path: Path, leak: bool
) -> None:
    settings = own.model_copy(update={"data_dir": tmp_path, "bootstrap_samples": 20, "shap_sample": 20})
    result, checks = train_job(settings, leak)
    assert checks["feature_splits:no_feature_knows_the_outcome"] is not leak
    assert checks["feature_splits:parts_are_disjoint"]
    assert (made(result) == {"feature_splits"}) is leak
    assert (registry.number_under(settings, registry.CHALLENGER) is None) is leak
    assert result.success is not leak or decides(settings) is None
    if not leak:
        scorer = Scorer.load(registry.fetch(settings, registry.CHALLENGER).folder, "1")
        assert {"CODE_GENDER", "DAYS_BIRTH"}.isdisjoint(scorer.schema.names)
        assert {feature.name for feature in scorer.schema.audited} == {"CODE_GENDER", "DAYS_BIRTH"}
