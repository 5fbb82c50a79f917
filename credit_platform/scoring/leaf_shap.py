"""Exact SHAP values and margins of a CatBoost model by table: from the leaves a row reaches, without its features.

In an oblivious tree a row's SHAP values depend on the leaf it reaches and on nothing else of it. So they are computed
once per model version, leaf by leaf, and a request costs one `calc_leaf_indexes` and a gather. They equal CatBoost's
`ShapValues` of type Regular (path-dependent TreeSHAP, Lundberg et al., arXiv 1802.03888): the population a client is
compared with is the one the model was trained on, as the weights of its leaves remember it. How rows become leaf
indexes, and what is done with the contributions, is `scorer.py`'s business.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from credit_platform.scoring.catboost_export import exported, statistic_at
from credit_platform.scoring.stored_arrays import StoredArrays

if TYPE_CHECKING:
    from catboost import CatBoost

FILE_NAME = "leaf_shap.npz"
MOST_DEPTH = 10
"""Time and memory to build a tree's tables grow with 4 ** depth."""
BLOCK_BYTES = 2**20
"""Working memory per array; small enough for the processor's cache."""

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Player = tuple[int, ...]
"""The features that a split decides on together: one, or all categories of a combination."""


@dataclass(frozen=True, eq=False, repr=False)
class LeafTables(StoredArrays):
    """The contributions of a model's leaves. A slot is one column in one tree and has a value for each of its leaves.

    Attributes:
        columns: how many features the model has, or groups of them.
        scale: margin = scale * sum of leaf values + bias.
        bias: see `scale`.
        baseline: the mean margin of the training population.
        leaf_values: the model's own, tree after tree, shape (leaves,).
        leaf_start: where a tree's begin in `leaf_values`, shape (trees,).
        leaf_count: leaves of a tree, shape (trees,).
        slot_count: slots of a tree, shape (trees,).
        slot_column: ascending, shape (slots,).
        slot_tree: ascending within a column, shape (slots,).
        slot_start: where in `slot_values` a slot's value for leaf 0 is, shape (slots,); the next leaf's is `slot_count`
            further on, so that what a row needs of a tree lies side by side.
        slot_values: contributions in log-odds.
    """

    file_name = FILE_NAME
    format = 1
    called = "leaf tables"

    columns: int
    scale: float
    bias: float
    baseline: float
    leaf_values: Floats
    leaf_start: Integers
    leaf_count: Integers
    slot_count: Integers
    slot_column: Integers
    slot_tree: Integers
    slot_start: Integers
    slot_values: Floats

    @classmethod
    def of(cls, model: "CatBoost", digest: str = "") -> Self:
        """Builds the tables of a fitted model with one output and symmetric trees; `digest` names the model.

        Raises:
            ValueError: the model is not of that kind, has text or embedding features, dropped its unused features, has
                trees deeper than 10, no leaf weights, or leaves that only training rows of weight 0 reached.
        """
        trees = _players(model)
        count = np.asarray(model.get_tree_leaf_counts(), np.intp)
        start = np.cumsum(count) - count
        values, weights = np.asarray(model.get_leaf_values(), float), np.asarray(model.get_leaf_weights(), float)
        _check_leaves(values, weights, start)
        scale, bias = model.get_scale_and_bias()
        column, tree, contributions, means = _contributions(trees, values, weights, start)
        slots = _slots(column, tree, scale * contributions, count)
        baseline = float(scale * means.sum() + bias)
        return cls(digest, len(model.feature_names_), scale, bias, baseline, values, start, count, *slots)

    def contributions(self, leaf_indexes: ArrayLike) -> Floats:
        """SHAP values in log-odds, shape (n, columns + 1), of `calc_leaf_indexes`' (n, trees); last the baseline.

        A row's are the same to the bit, alone and among others.

        Raises:
            ValueError: the leaf indexes are not those of this model's trees.
        """
        leaves = self._checked(leaf_indexes)
        found = np.zeros((len(leaves), self.columns + 1))
        found[:, -1] = self.baseline
        first, present = self._segments
        for rows in blocks(len(leaves), len(self.slot_tree)) if len(first) else ():
            reached = (leaves[rows] * self.slot_count).take(self.slot_tree, axis=1) + self.slot_start
            found[rows, present] = np.add.reduceat(self.slot_values.take(reached), first, axis=1)
        return found

    def margins(self, leaf_indexes: ArrayLike) -> Floats:
        """Log-odds, shape (n,): CatBoost's `RawFormulaVal`, summed in its order, tree after tree.

        Raises:
            ValueError: the leaf indexes are not those of this model's trees.
        """
        leaves = self._checked(leaf_indexes)
        found = np.empty(len(leaves))
        for rows in blocks(len(leaves), len(self.leaf_start)):
            values = self.leaf_values.take(leaves[rows] + self.leaf_start)
            found[rows] = np.add.accumulate(values, axis=1)[:, -1]
        return found * self.scale + self.bias

    def grouped(self, groups: ArrayLike) -> Self:
        """Tables with a column per group of features, to which `groups` assigns every column of these.

        Raises:
            ValueError: `groups` is not one whole number from 0 up for each column.
        """
        group = np.asarray(groups)
        if group.shape != (self.columns,) or group.dtype.kind not in "iu" or (group < 0).any():
            raise ValueError(f"groups must be {self.columns} whole numbers from 0 up, one for each column")
        tree, count = self.slot_tree, self.leaf_count
        contributions = self.slot_values[_positions(self.slot_start, self.slot_count[tree], count[tree])]
        slots = _slots(group.astype(np.intp)[self.slot_column], tree, contributions, count)
        kept = (self.scale, self.bias, self.baseline, self.leaf_values, self.leaf_start, count)
        return type(self)(self.digest, int(group.max(initial=-1)) + 1, *kept, *slots)

    @cached_property
    def _segments(self) -> tuple[Integers, Integers]:
        """The first slot of every column that has slots, and these columns."""
        first = np.flatnonzero(np.diff(self.slot_column, prepend=-1))
        return first, self.slot_column[first]

    def _checked(self, leaf_indexes: ArrayLike) -> NDArray[Any]:
        leaves = np.asarray(leaf_indexes)
        trees = len(self.leaf_count)
        if leaves.ndim != 2 or leaves.shape[1] != trees or leaves.dtype.kind not in "iu":
            raise ValueError(f"leaf indexes must be whole numbers of shape (n, {trees}), not {leaves.shape}")
        if ((leaves < 0) | (leaves >= self.leaf_count)).any():
            raise ValueError("a leaf index is beyond its tree's leaves: it is another model's")
        return leaves


def _players(model: "CatBoost") -> list[list[Player]]:
    """The player behind every split of every tree, lowest bit of the leaf index first, by the model's own export.

    A split on a combination of categories is one player, whatever numeric and one-hot conditions are combined with
    them; players of the same categories are one. So it is in CatBoost (libs/fstr/shap_prepared_trees.cpp).
    """
    if not model.is_fitted() or not model.tree_count_:
        raise ValueError("leaf tables need a fitted model with at least one tree")
    if model.get_text_feature_indices() or model.get_embedding_feature_indices():
        raise ValueError("leaf tables need a model without text and embedding features")
    told = exported(model)
    if "oblivious_trees" not in told:
        raise ValueError("leaf tables need symmetric trees: fit with grow_policy='SymmetricTree'")
    if (outputs := len(told["scale_and_bias"][1])) != 1:
        raise ValueError(f"leaf tables need a model with one output, this one has {outputs}")
    if not all("leaf_weights" in tree for tree in told["oblivious_trees"]):
        raise ValueError("the model's leaves have no weights, so that nothing tells whom a client is compared with")
    trees = [tree["splits"] or [] for tree in told["oblivious_trees"]]
    if (deepest := max(map(len, trees))) > MOST_DEPTH:
        raise ValueError(f"leaf tables need trees of depth {MOST_DEPTH} or less, one of this model's has {deepest}")

    info = told["features_info"]
    numbers, categories, ctrs = (info.get(k, []) for k in ("float_features", "categorical_features", "ctrs"))
    number = {f["feature_index"]: f["flat_feature_index"] for f in numbers}
    category = {f["feature_index"]: f["flat_feature_index"] for f in categories}
    if sorted([*number.values(), *category.values()]) != list(range(len(model.feature_names_))):
        raise ValueError("leaf tables need a model that knows all its features: fit without drop_unused_features")
    statistic = statistic_at(info)

    def player(split: dict[str, Any]) -> Player:
        if split["split_type"] == "FloatFeature":
            return (number[split["float_feature_index"]],)
        if split["split_type"] == "OneHotFeature":
            return (category[split["cat_feature_index"]],)
        elements = ctrs[statistic(split["split_index"])]["elements"]
        combined = (e for e in elements if e["combination_element"] == "cat_feature_value")
        return tuple(sorted(category[e["cat_feature_index"]] for e in combined))

    return [[player(split) for split in splits] for splits in trees]


def _check_leaves(values: Floats, weights: Floats, start: Integers) -> None:
    """Refuses leaves that only rows of weight 0 reached; with these, CatBoost compares with the rows it explains."""
    if len(light := np.flatnonzero(np.add.reduceat(weights, start) <= 0)):
        raise ValueError(f"the leaves of tree {light[0]} weigh nothing: fit without rows of weight 0")
    if len(odd := np.flatnonzero((weights == 0) & (np.abs(values) > 1e-9))):
        tree = bisect_right(start, odd[0]) - 1
        raise ValueError(
            f"leaf {odd[0] - start[tree]} of tree {tree} has a value but no weight: fit without rows of weight 0"
        )


def _contributions(
    trees: list[list[Player]], values: Floats, weights: Floats, start: Integers
) -> tuple[Integers, Integers, Floats, Floats]:
    """What every player of every tree gives each of its features, leaf by leaf: an even share of its SHAP value.

    Returns:
        Columns and trees of shape (gifts,), SHAP values leaf after leaf, gift after gift, and the trees' means.
    """
    depths = np.array([len(splits) for splits in trees])
    means = np.where(depths == 0, values[start], 0.0)
    gifts: list[tuple[int, int]] = []
    contributions: list[Floats] = [np.empty(0)]
    for depth in np.unique(depths[depths > 0]).tolist():
        alike = np.flatnonzero(depths == depth)
        for some in (alike[block] for block in blocks(len(alike), 4**depth)):
            players = [list(dict.fromkeys(trees[tree])) for tree in some]
            levels = np.array([[own.index(p) for p in trees[tree]] for own, tree in zip(players, some, strict=True)])
            leaves = start[some, None] + np.arange(1 << depth)
            shap, means[some] = _shap(values[leaves], weights[leaves], levels)
            for tree, own, of_players in zip(some.tolist(), players, shap, strict=True):
                for player, of_leaves in zip(own, of_players, strict=False):
                    gifts += [(column, tree) for column in player]
                    contributions += [of_leaves / len(player)] * len(player)
    column, tree = np.array(gifts, np.intp).reshape(-1, 2).T
    return column, tree, np.concatenate(contributions), means


def _shap(values: Floats, weights: Floats, levels: Integers) -> tuple[Floats, Floats]:
    """SHAP values of every leaf of trees of one depth: Shapley values of a game between the players of a tree.

    A set of players is worth the expected leaf value when the players' splits go the leaf's way, and all other splits
    go both ways, as often as the training rows' weights did.

    Args:
        values: of the leaves, shape (trees, 2**depth).
        weights: of the leaves, shape (trees, 2**depth).
        levels: the player behind each split, numbered from 0 in every tree, shape (trees, depth).

    Returns:
        SHAP values, shape (trees, depth, 2**depth), zeros where a tree has no such player; and the trees' means.
    """
    depth = levels.shape[1]
    bits = np.arange(1 << depth)[:, None] >> np.arange(depth) & 1  # (leaves or sets of splits, splits)
    owned = levels[:, None] == np.arange(depth)[:, None]  # (trees, players, splits)
    size = owned.sum(2, keepdims=True)
    among = owned @ bits.T  # how many of a player's splits are in a set of splits: (trees, players, sets)
    joined = (among == size) & (size > 0)
    others = joined.sum(1, keepdims=True) - joined
    weight = _SHAPLEY[(size > 0).sum(1, keepdims=True), others] * np.where(joined, 1.0, -1.0) * (size > 0)
    weight *= ((among == 0) | (among == size)).all(1, keepdims=True)  # other sets tear a player apart

    expected = _expected(values, weights)
    decided = bits * 3 ** np.arange(depth) @ (1 + bits).T  # where in `expected`: (sets, leaves)
    return weight @ expected[:, decided], expected[:, 0]


def _expected(values: Floats, weights: Floats) -> Floats:
    """Expected leaf values when some splits are decided and the others follow the weights, shape (trees, 3**depth).

    The index has a ternary digit per split, the lowest for the lowest bit: 0 is undecided, 1 and 2 are the two ways. A
    tree's root is its highest bit.
    """
    found = values[:, :, None]
    while (nodes := weights.shape[1] // 2) > 0:
        pairs = found.reshape(len(values), nodes, 2, -1)
        pair_weights = weights.reshape(len(values), nodes, 2)
        weights = pair_weights.sum(2)
        share = pair_weights / np.where(weights > 0, weights, 1.0)[:, :, None]
        undecided = (share[..., None] * pairs).sum(2, keepdims=True)
        found = np.concatenate([undecided, pairs], axis=2).reshape(len(values), nodes, -1)
    return found[:, 0]


_SHAPLEY = np.array(
    [
        [factorial(s) * factorial(n - s - 1) / factorial(n) if s < n else 0.0 for s in range(MOST_DEPTH + 1)]
        for n in range(MOST_DEPTH + 1)
    ]
)
"""Weight of a set of s other players in a game of n, at [n, s]."""


def _slots(
    column: Integers, tree: Integers, contributions: Floats, leaf_count: Integers
) -> tuple[Integers, Integers, Integers, Integers, Floats]:
    """Lays out contributions, given leaf after leaf for each pair of column and tree; those of the same pair add up.

    Returns:
        `slot_count`, `slot_column`, `slot_tree`, `slot_start` and `slot_values` of `LeafTables`.
    """
    key, slot = np.unique(column * len(leaf_count) + tree, return_inverse=True)
    slot_column, slot_tree = np.divmod(key, len(leaf_count))
    slot_count = np.bincount(slot_tree, minlength=len(leaf_count))
    by_tree = np.argsort(slot_tree, kind="stable")
    within = np.arange(len(key)) - np.repeat(np.cumsum(slot_count) - slot_count, slot_count)
    tree_size = slot_count * leaf_count
    slot_start = (np.cumsum(tree_size) - tree_size)[slot_tree]
    slot_start[by_tree] += within
    at = _positions(slot_start[slot], slot_count[tree], leaf_count[tree])
    values = np.bincount(at, contributions, minlength=int(tree_size.sum()))
    return slot_count, slot_column, slot_tree, slot_start, values.astype(float)


def _positions(start: Integers, step: Integers, count: Integers) -> Integers:
    """`count` positions from each `start`, `step` apart, one start after the other."""
    nth: Integers = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(start, count) + np.repeat(step, count) * nth


def blocks(rows: int, width: int) -> list[slice]:
    """Slices of rows of `width` doubles that fit the working memory."""
    step = max(1, BLOCK_BYTES // (8 * width))
    return [slice(begin, begin + step) for begin in range(0, rows, step)]
