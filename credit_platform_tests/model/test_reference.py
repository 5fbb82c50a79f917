"""The reference a version remembers."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.model.reference import MOST_ROWS, SCORE, draw, read_reference, with_score, write_reference
from credit_platform.scoring.scorer import Scorer
from credit_platform_tests.worlds import SCHEMA, applicants, fit_version, outcomes

TRAIN = applicants(300, seed=3)


def test_a_draw_takes_rows_from_everywhere_and_keeps_their_order() -> None:
    table = pa.table({"x": np.arange(10_000)})
    drawn = draw(table, 500, seed=1).column("x").to_numpy()
    assert len(drawn) == len(set(drawn)) == 500
    assert (np.diff(drawn) > 0).all()
    assert 4_000 < drawn.mean() < 6_000


def test_a_draw_of_more_rows_than_there_are_takes_them_all() -> None:
    table = pa.table({"x": [3, 1, 2]})
    assert draw(table, 5, seed=1) == table


def test_the_same_seed_draws_the_same_rows() -> None:
    table = pa.table({"x": np.arange(1_000)})
    assert draw(table, 10, seed=7) == draw(table, 10, seed=7)
    assert draw(table, 10, seed=7) != draw(table, 10, seed=8)


def test_the_reference_holds_features_and_scores_of_at_most_ten_thousand_clients(tmp_path: Path) -> None:
    valid = applicants(MOST_ROWS + 5, seed=2)
    fit_version(tmp_path, SCHEMA, TRAIN, outcomes(TRAIN, 3), valid)
    stored = read_reference(tmp_path)
    assert stored.column_names == [*SCHEMA.names, SCORE]
    assert stored.num_rows == MOST_ROWS
    scorer = Scorer.load(tmp_path, "1")
    assert stored[SCORE].to_numpy() == pytest.approx(scorer.table_probabilities(stored), abs=1e-12)


def test_scores_stand_beside_the_rows_they_belong_to(tmp_path: Path) -> None:
    features = pa.table({"EXT_SOURCE_2": np.linspace(0, 1, 50)})
    write_reference(with_score(features, np.linspace(1, 0, 50)), tmp_path)
    stored = read_reference(tmp_path)
    assert np.allclose(stored["EXT_SOURCE_2"].to_numpy() + stored[SCORE].to_numpy(), 1)
