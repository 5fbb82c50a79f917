"""Importance: mean absolute contributions, strongest first, before and after they are stored."""

from pathlib import Path

import numpy as np
import pytest

from credit_platform.model.importance import importance_of, read_importance, write_importance

CONTRIBUTIONS = np.array([[0.1, -2.0, 0.0], [-0.3, 1.0, 0.0]])


def test_it_is_the_mean_absolute_contribution_strongest_first() -> None:
    found = importance_of(["A", "B", "C"], CONTRIBUTIONS)
    assert list(found.items()) == [("B", 1.5), ("A", pytest.approx(0.2)), ("C", 0.0)]


def test_features_of_equal_importance_keep_their_order() -> None:
    assert list(importance_of(["B", "A"], np.array([[1.0, -1.0]]))) == ["B", "A"]


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = importance_of(["A", "B", "C"], CONTRIBUTIONS)
    write_importance(found, tmp_path)
    assert list(read_importance(tmp_path).items()) == list(found.items())


def test_reading_it_where_there_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_importance(tmp_path)
