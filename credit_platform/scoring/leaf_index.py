"""Which leaf of each tree a row reaches, by table: CatBoost's `calc_leaf_indexes` without CatBoost.

CatBoost spends half a millisecond on making a Pool of one row, and seconds and a hundred megabytes on being imported.
So what its trees ask is laid out as arrays once per model version: every split becomes "is a column above a border",
where columns are the numbers, whether a category is a certain one, and the target statistics of categories and of their
combinations, which are looked up by the model's own hashes. Arithmetic is in single precision, as CatBoost's is: the
leaves are the same, not nearly the same. Not here: what a leaf is worth (`leaf_shap.py`), and where rows come from
(`models.py`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from credit_platform.scoring.catboost_export import exported, statistic_at
from credit_platform.scoring.leaf_shap import blocks
from credit_platform.scoring.stored_arrays import StoredArrays

if TYPE_CHECKING:
    from catboost import CatBoost

FILE_NAME = "leaf_index.npz"

UNSEEN = 1 << 63
"""Stands for the hash of a category that the training never saw; hashes have 32 bits and their sign."""

_MULTIPLIER = 0x4906BA494954CB65
"""By which CatBoost mixes hashes (catboost/libs/helpers/hash.h)."""
_LARGEST = 2**64 - 1

Floats = NDArray[np.float32]
Hashes = NDArray[np.uint64]
Integers = NDArray[np.intp]


@dataclass(frozen=True, eq=False, repr=False)
class LeafIndex(StoredArrays):
    """What a model's trees ask of columns: first the numbers, then sameness of categories, then target statistics.

    A group is a category, or a combination, that has target statistics; its key is a hash of its parts.

    Attributes:
        texts: the categories that the model knows, a list in JSON.
        text_hashes: theirs, shape (texts,).
        gaps: what stands for a missing number, shape (numbers,).
        same_category: which category a column of sameness is about, shape (sameness,).
        same_hash: and what it is to be, shape (sameness,).
        condition_column: a number, or sameness, as a part of combinations, shape (conditions,).
        condition_border: above which it counts as 1, shape (conditions,).
        parts: what a group's key is mixed from, first to last: a category, a condition (numbered behind the
            categories), or -1 for nothing; shape (most parts, groups).
        keys: those that the training saw, ascending, shape (keys,).
        key_start: where a key's statistics begin in `values`, shape (keys,).
        unseen_start: where those of a group's other keys do, shape (groups,).
        values: target statistics.
        statistic_group: whose a column of target statistics is, shape (statistics,).
        statistic_place: which of the group's it is, shape (statistics,).
        split_column: of each tree, the lowest bit of the leaf's index first, shape (trees, 8 or 16).
        split_border: same shape; where a tree has no more splits, none is above it.
    """

    file_name = FILE_NAME
    format = 1
    called = "leaf index"

    texts: str
    text_hashes: Hashes
    gaps: Floats
    same_category: Integers
    same_hash: Hashes
    condition_column: Integers
    condition_border: Floats
    parts: Integers
    keys: Hashes
    key_start: Integers
    unseen_start: Integers
    values: Floats
    statistic_group: Integers
    statistic_place: Integers
    split_column: Integers
    split_border: Floats

    @classmethod
    def of(cls, model: "CatBoost", texts: Iterable[str], digest: str = "") -> Self:
        """Lays out a fitted model that `LeafTables.of` accepts; `texts` are all categories that it was fitted on.

        Raises:
            ValueError: it knows other categories, or target statistics of a kind that is not laid out here.
        """
        known = sorted(set(texts))
        told = _with_hashes(model, known)
        info = told["features_info"]
        numbers, categories, statistics = (info.get(k, []) for k in ("float_features", "categorical_features", "ctrs"))
        hashes = {each["value"]: _signed(each["hash"]) for each in info.get("cat_features_hash", [])}
        combined = [element for each in statistics for element in each["elements"] if "value" in element]
        same = list(
            dict.fromkeys(
                [(f["feature_index"], _signed(value)) for f in categories for value in f.get("values", ())]
                + [(element["cat_feature_index"], _signed(element["value"])) for element in combined]
            )
        )
        statistic = statistic_at(info)

        def asked(split: Mapping[str, Any]) -> tuple[int, float]:
            """The column and the border of a split, or of a condition in a combination."""
            if "float_feature_index" in split:
                return split["float_feature_index"], split["border"]
            if "cat_feature_index" in split:
                return len(numbers) + same.index((split["cat_feature_index"], _signed(split["value"]))), 0.5
            return len(numbers) + len(same) + statistic(split["split_index"]), split["border"]

        conditions: dict[tuple[int, float], int] = {}
        groups: dict[tuple[int, ...], list[tuple[dict[int, np.float32], np.float32]]] = {}
        places = []
        for each in statistics:
            parts = tuple(
                element["cat_feature_index"]
                if element["combination_element"] == "cat_feature_value"
                else len(categories) + conditions.setdefault(asked(element), len(conditions))
                for element in each["elements"]
            )
            table = groups.setdefault(parts, [])
            places.append((list(groups).index(parts), len(table)))
            table.append(_statistic(each, told["ctr_data"][each["identifier"]]))
        alone = {_mixed(0, each) for each in hashes.values()}
        strange = {value for _, value in same} - set(hashes.values())
        for parts, table in groups.items():
            if len(parts) == 1:
                strange |= {key for found, _ in table for key in found} - alone
        if strange:
            raise ValueError(f"the model knows {len(strange)} categories that are not among those it was given")

        trees = [tree["splits"] or [] for tree in told["oblivious_trees"]]
        width = 8 if max(map(len, trees)) <= 8 else 16
        column, border = np.zeros((len(trees), width), np.intp), np.full((len(trees), width), np.inf, np.float32)
        for tree, splits in enumerate(trees):
            for level, split in enumerate(splits):
                column[tree, level], border[tree, level] = asked(split)
        return cls(
            digest=digest,
            texts=json.dumps(known),
            text_hashes=np.array([hashes.get(text, UNSEEN) for text in known], np.uint64),
            gaps=np.array([np.inf if f["nan_value_treatment"] == "AsTrue" else np.nan for f in numbers], np.float32),
            same_category=np.array([category for category, _ in same], np.intp),
            same_hash=np.array([value for _, value in same], np.uint64),
            condition_column=np.array([column for column, _ in conditions], np.intp),
            condition_border=np.array([border for _, border in conditions], np.float32),
            parts=_padded(groups),
            **_keyed(list(groups.values())),
            statistic_group=np.array([group for group, _ in places], np.intp),
            statistic_place=np.array([place for _, place in places], np.intp),
            split_column=column,
            split_border=border,
        )

    def leaves(self, numbers: NDArray[np.floating], categories: Hashes) -> NDArray[np.integer]:
        """`calc_leaf_indexes` of rows, shape (n, trees).

        Args:
            numbers: the model's numbers in its order, NaN where missing, shape (n, numbers).
            categories: the hashes of its categories, by `hash_of`, shape (n, categories).
        """
        with np.errstate(over="ignore"):  # what single precision can't hold is infinite, in CatBoost as well
            narrowed = numbers.astype(np.float32)
        trees, width = self.split_column.shape
        found = np.empty((len(numbers), trees), f"<u{width // 8}")
        column, border = self.split_column.ravel(), self.split_border.ravel()
        for rows in blocks(len(numbers), len(column)):
            bits = self._columns(narrowed[rows], categories[rows]).take(column, axis=1) > border
            found[rows] = np.packbits(bits, axis=1, bitorder="little").view(found.dtype)
        return found

    @cached_property
    def hash_of(self) -> dict[str, int]:
        """The hash of every category that the model knows; `UNSEEN` is that of all others."""
        return dict(zip(json.loads(self.texts), self.text_hashes.tolist(), strict=True))

    def _columns(self, numbers: Floats, categories: Hashes) -> Floats:
        """All that splits ask about, shape (n, columns)."""
        given = np.where(np.isnan(numbers), self.gaps, numbers) if self._some_gaps_are_high else numbers
        if not categories.shape[1]:
            return given
        same = categories.take(self.same_category, axis=1) == self.same_hash
        columns = np.concatenate([given, same], axis=1, dtype=np.float32)
        if not len(self.statistic_group):
            return columns
        holds = columns.take(self.condition_column, axis=1) > self.condition_border
        values = np.concatenate([categories, holds], axis=1, dtype=np.uint64)
        key = np.zeros((len(numbers), self.parts.shape[1]), np.uint64)
        for part in self.parts:
            key = np.where(part >= 0, _mixed(key, values.take(part, axis=1)), key)
        key = _mixed(key, self._salt)
        place = np.searchsorted(self.keys, key)
        seen = self.keys.take(place, mode="clip") == key
        start = np.where(seen, self.key_start.take(place, mode="clip"), self.unseen_start)
        statistics = self.values.take(start.take(self.statistic_group, axis=1) + self.statistic_place)
        return np.concatenate([columns, statistics], axis=1)

    @cached_property
    def _some_gaps_are_high(self) -> bool:
        """Whether a missing number may be above a border; as NaN it never is."""
        return not np.isnan(self.gaps).all()

    @cached_property
    def _salt(self) -> Hashes:
        """What tells the keys of groups apart."""
        return np.arange(self.parts.shape[1], dtype=np.uint64)


def _with_hashes(model: "CatBoost", texts: list[str]) -> dict[str, Any]:
    """The model's export, with the hashes of the texts."""
    from catboost import Pool

    categories = model.get_cat_feature_indices()
    if not categories:
        return exported(model)
    rows = [[text if i in categories else 0.0 for i in range(len(model.feature_names_))] for text in texts or [""]]
    return exported(model, Pool(rows, cat_features=categories, feature_names=model.feature_names_))


def _signed(value: int) -> int:
    """A hash of 32 bits, extended to 64 by its sign."""
    return ((value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000) & _LARGEST


def _mixed(key: Any, part: Any) -> Any:
    """CatBoost's hash of a hash and what comes next, of whole numbers or of arrays of shape (n, groups)."""
    if isinstance(key, int):
        return _MULTIPLIER * (key + _MULTIPLIER * part) & _LARGEST
    multiplier = np.uint64(_MULTIPLIER)
    return multiplier * (key + multiplier * part)


def _statistic(declared: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[dict[int, np.float32], np.float32]:
    """A target statistic by hash, and its value for all other hashes (catboost/libs/model/online_ctr.h).

    Raises:
        ValueError: it is of another kind.
    """
    stride, table = data["hash_stride"], data["hash_map"]
    hashes = [int(each) for each in table[::stride]]
    counts = np.array([*(table[i::stride] for i in range(1, stride))], float)
    counts = np.append(counts, np.zeros((len(counts), 1)), axis=1)  # of what was never seen
    kind, target = declared["ctr_type"], declared["target_border_idx"]
    if kind == "Counter":
        good, total = counts[0], np.full(len(hashes) + 1, data["counter_denominator"], float)
    elif kind == "Borders":
        good, total = counts[target + 1 :].sum(axis=0), counts.sum(axis=0)
    elif kind == "Buckets":
        good, total = counts[target], counts.sum(axis=0)
    elif kind == "BinarizedTargetMeanValue":
        good, total = counts
    else:
        raise ValueError(f"target statistics of the kind {kind} are not laid out")
    prior, weight, shift, scale = (
        np.float32(declared[name]) for name in ("prior_numerator", "prior_denomerator", "shift", "scale")
    )
    values = ((good.astype(np.float32) + prior) / (total.astype(np.float32) + weight) + shift) * scale
    found = dict(zip(hashes, values, strict=False))
    found.pop(_LARGEST, None)  # marks empty places of CatBoost's own table
    return found, values[-1]


def _padded(groups: Iterable[tuple[int, ...]]) -> Integers:
    """The parts of groups side by side, shape (most parts, groups)."""
    every = list(groups)
    most = max(map(len, every), default=0)
    return np.array([[*parts, *[-1] * (most - len(parts))] for parts in every], np.intp).reshape(len(every), most).T


def _keyed(groups: list[list[tuple[dict[int, np.float32], np.float32]]]) -> dict[str, Any]:
    """The statistics of groups by key: `keys`, `key_start`, `unseen_start` and `values` of a `LeafIndex`.

    Raises:
        ValueError: two keys are the same.
    """
    starts: dict[int, int] = {}
    unseen: list[int] = []
    values: list[np.float32] = []
    for number, table in enumerate(groups):
        unseen.append(len(values))
        values += [other for _, other in table]
        for each in dict.fromkeys(key for found, _ in table for key in found):
            key = _mixed(each, number)
            if key in starts:
                raise ValueError("two combinations of categories have the same key")
            starts[key] = len(values)
            values += [found.get(each, other) for found, other in table]
    keys = sorted(starts)
    return {
        "keys": np.array(keys, np.uint64),
        "key_start": np.array([starts[key] for key in keys], np.intp),
        "unseen_start": np.array(unseen, np.intp),
        "values": np.array(values, np.float32),
    }
