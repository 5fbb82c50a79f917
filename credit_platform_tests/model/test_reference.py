"""The reference a version remembers."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from credit_platform.model import reference
from credit_platform.model.reference import SCORE, draw, read_reference, write_reference


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
    features = pa.table({"EXT_SOURCE_2": np.linspace(0, 1, reference.MOST_ROWS + 5)})
    (tmp_path / "extra_files").mkdir()
    write_reference(features, np.linspace(1, 0, features.num_rows), 0, tmp_path / "extra_files")
    stored = read_reference(tmp_path)
    assert stored.column_names == ["EXT_SOURCE_2", SCORE]
    assert stored.num_rows == reference.MOST_ROWS
    assert np.allclose(stored["EXT_SOURCE_2"].to_numpy() + stored[SCORE].to_numpy(), 1)
