"""Batch scoring: many batches are as good as one, unchanged buckets keep their scores, nothing is half written."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from credit_platform.lake import bucket_file, current, require, table_path
from credit_platform.model.business_cost import Threshold
from credit_platform.scoring import batch
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.tables import put, put_file
from credit_platform_tests.worlds import THRESHOLD, applicants

COHORT = "2025-01"
TABLE = applicants(250, seed=12)


@pytest.fixture
def mart(settings: Settings) -> Settings:
    """Settings of a lake with a mart in two buckets."""
    put(settings, "client_mart", COHORT, TABLE.slice(0, 100), TABLE.slice(100))
    return settings


def test_several_batches_write_the_same_scores_as_one(
    scorer: Scorer, mart: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = score_cohort(mart, scorer, COHORT)
    once = pq.read_table(at_once.version.folder())
    monkeypatch.setattr(batch, "BATCH_ROWS", 60)
    put(mart, "scores", COHORT)
    by_part = score_cohort(mart, scorer, COHORT)
    assert by_part.reused == 0
    assert pq.read_table(by_part.version.folder()).equals(once)
    assert (by_part.clients, by_part.refused) == (at_once.clients, at_once.refused) == (250, at_once.refused)
    assert by_part.mean_probability == pytest.approx(at_once.mean_probability, abs=1e-12)


def test_every_mart_row_has_the_scorers_probability_and_decision(scorer: Scorer, mart: Settings) -> None:
    scored = score_cohort(mart, scorer, COHORT)
    found = pq.read_table(table_path(mart, "scores", COHORT)).to_pydict()
    probability = scorer.table_probabilities(TABLE)
    assert found["SK_ID_CURR"] == TABLE.column("SK_ID_CURR").to_pylist()
    assert found["probability_of_default"] == probability.tolist()
    assert found["decision"] == ["refuse" if p >= THRESHOLD else "approve" for p in probability]
    assert found["score"] == [scorer.scale.score(p) for p in probability]
    assert found["grade"] == [scorer.scale.grade(p) for p in probability]
    assert set(found["threshold"]) == {THRESHOLD}
    assert set(found["model_version"]) == {"7"}
    assert scored.refused == found["decision"].count("refuse") > 0


def test_clients_in_the_grey_zone_are_neither_approved_nor_refused(
    version_folder: Path, mart: Settings, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(version_folder, tmp_path / "grey"))
    replace(Threshold.read(folder), review_margin=0.5).write(folder)
    scored = score_cohort(mart, Scorer.load(folder, "7"), COHORT)
    found = pq.read_table(scored.version.folder()).to_pydict()
    grey = [THRESHOLD * 0.5 <= p < THRESHOLD * 1.5 for p in found["probability_of_default"]]
    assert [decision == "review" for decision in found["decision"]] == grey
    assert 0 < sum(grey) < len(grey)
    assert (
        scored.refused
        == found["decision"].count("refuse")
        < sum(p >= THRESHOLD for p in found["probability_of_default"])
    )


def test_a_mart_without_clients_gives_an_empty_table_of_scores(scorer: Scorer, settings: Settings) -> None:
    put(settings, "client_mart", COHORT, TABLE.slice(0, 0))
    scored = score_cohort(settings, scorer, COHORT)
    assert (scored.clients, scored.mean_probability) == (0, 0.0)
    assert pq.read_table(table_path(settings, "scores", COHORT)).num_rows == 0


def test_scoring_again_changes_nothing(scorer: Scorer, mart: Settings) -> None:
    first = score_cohort(mart, scorer, COHORT)
    again = score_cohort(mart, scorer, COHORT)
    assert (first.reused, again.reused) == (0, 2)
    assert again.version == first.version


def test_only_the_bucket_whose_rows_changed_is_scored_again(scorer: Scorer, mart: Settings) -> None:
    score_cohort(mart, scorer, COHORT)
    put_file(mart, "client_mart", COHORT, bucket_file(1), applicants(150, seed=13))
    assert score_cohort(mart, scorer, COHORT).reused == 1
    assert pq.read_table(table_path(mart, "scores", COHORT)).num_rows == 250


def test_another_version_of_the_model_scores_every_bucket(scorer: Scorer, version_folder: Path, mart: Settings) -> None:
    score_cohort(mart, scorer, COHORT)
    assert score_cohort(mart, Scorer.load(version_folder, "8"), COHORT).reused == 0


def test_scores_that_fail_leave_the_earlier_ones(scorer: Scorer, mart: Settings) -> None:
    before = score_cohort(mart, scorer, COHORT).version
    put_file(mart, "client_mart", COHORT, bucket_file(1), TABLE.drop_columns(["DAYS_BIRTH"]))
    with pytest.raises(KeyError, match="DAYS_BIRTH"):
        score_cohort(mart, scorer, COHORT)
    assert current(mart, "scores", COHORT) == before
    assert require(mart, "scores", COHORT).is_whole()
