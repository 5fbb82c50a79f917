"""Batch scoring: many batches are as good as one, and nothing is half written."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from credit_platform.lake import bucket_file
from credit_platform.scoring import batch
from credit_platform.scoring.batch import score_mart
from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.worlds import THRESHOLD, applicants

TABLE = applicants(250, seed=12)


@pytest.fixture
def mart(tmp_path: Path) -> Path:
    """A mart in two buckets."""
    folder = tmp_path / "mart"
    folder.mkdir()
    pq.write_table(TABLE.slice(0, 100), folder / bucket_file(0))
    pq.write_table(TABLE.slice(100), folder / bucket_file(1))
    return folder


def test_several_batches_write_the_same_scores_as_one(
    scorer: Scorer, mart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = score_mart(scorer, mart, tmp_path / "once")
    monkeypatch.setattr(batch, "BATCH_ROWS", 60)
    by_part = score_mart(scorer, mart, tmp_path / "parts")
    assert pq.read_table(tmp_path / "once").equals(pq.read_table(tmp_path / "parts"))
    assert by_part.clients == at_once.clients == 250
    assert by_part.refused == at_once.refused
    assert by_part.mean_probability == pytest.approx(at_once.mean_probability, abs=1e-12)


def test_every_mart_row_has_the_scorers_probability_and_decision(scorer: Scorer, mart: Path, tmp_path: Path) -> None:
    scored = score_mart(scorer, mart, tmp_path / "scores")
    found = pq.read_table(tmp_path / "scores").to_pydict()
    probability = scorer.table_probabilities(TABLE)
    assert found["SK_ID_CURR"] == TABLE.column("SK_ID_CURR").to_pylist()
    assert found["probability_of_default"] == probability.tolist()
    assert found["decision"] == ["refuse" if p >= THRESHOLD else "approve" for p in probability]
    assert set(found["threshold"]) == {THRESHOLD}
    assert set(found["model_version"]) == {"7"}
    assert scored.refused == found["decision"].count("refuse") > 0


def test_a_mart_without_clients_gives_an_empty_table_of_scores(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "mart").mkdir()
    pq.write_table(TABLE.slice(0, 0), tmp_path / "mart" / bucket_file(0))
    scored = score_mart(scorer, tmp_path / "mart", tmp_path / "scores")
    assert (scored.clients, scored.mean_probability) == (0, 0.0)
    assert pq.read_table(tmp_path / "scores").num_rows == 0


def test_scores_that_fail_leave_the_earlier_ones_and_nothing_else(scorer: Scorer, mart: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    score_mart(scorer, mart, out)
    before = [path.read_bytes() for path in sorted(out.iterdir())]
    pq.write_table(TABLE.drop_columns(["DAYS_BIRTH"]), mart / bucket_file(1))
    with pytest.raises(KeyError, match="DAYS_BIRTH"):
        score_mart(scorer, mart, out)
    assert [path.read_bytes() for path in sorted(out.iterdir())] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mart", "scores"]
