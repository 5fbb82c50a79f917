"""A CatBoost model's own export to JSON, and what it tells only indirectly. Not here: what is made of it."""

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catboost import CatBoost, Pool


def exported(model: "CatBoost", pool: "Pool | None" = None) -> dict[str, Any]:
    """The export. It holds the hashes of the categories that are in `pool`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json", pool=pool)
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found


def statistic_at(info: Mapping[str, Any]) -> Callable[[int], int]:
    """Which of the target statistics in `features_info` a split is about, by its `split_index`.

    Such a split is only told by its position among all splits, numeric and one-hot ones first.
    """
    numbers, categories, statistics = (info.get(k, []) for k in ("float_features", "categorical_features", "ctrs"))
    others = sum(len(f["borders"]) for f in numbers) + sum(len(f.get("values", ())) for f in categories)
    ends = list(accumulate((len(each["borders"]) for each in statistics), initial=others))[1:]
    return lambda split_index: bisect_right(ends, split_index)
