"""Tree ensembles: the converters' verbose form -> the lean TreeEnsemble of ai.onnx.ml version 5.

`engine.scorers.forest` reads it back.

A float32 input must fall on the side of a split where float64 training would have put it. For `x <= t` that holds
for every float32 x exactly when the threshold is rounded down to float32, so thresholds are rounded that way here.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from engine.column import Array
from engine.scorers.forest import Forest

ML_OPSET = 5
_KINDS = {"TreeEnsembleRegressor": "target", "TreeEnsembleClassifier": "class"}


def rounded_down(thresholds: Array) -> Array:
    """The largest float32 value at or below each threshold, as float64."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    with np.errstate(over="ignore"):  # below the least float32 is -inf
        lower = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > thresholds, lower, nearest).astype(np.float64)


def from_converter(node: onnx.NodeProto) -> Forest | None:
    """The forest of a TreeEnsembleRegressor or binary -Classifier; None when it needs more than `<=` and a sum."""
    kind = _KINDS.get(node.op_type)
    if kind is None:
        return None
    arrays = _arrays(node)
    is_leq = np.isin(arrays["nodes_modes"], [b"LEAF", b"BRANCH_LEQ"]).all()
    is_sum = arrays.get("aggregate_function", np.array(b"SUM")) == b"SUM"
    is_single = arrays.get("n_targets", np.array(1)) == 1 if kind == "target" else len(_labels(arrays)) == 2
    return _assembled(arrays, kind) if is_leq and is_sum and is_single else None


def to_node(forest: Forest, source: str, result: str) -> onnx.NodeProto:
    """One TreeEnsemble node that sums the leaves: raw margins."""
    return helper.make_node(
        "TreeEnsemble",
        [source],
        [result],
        domain="ai.onnx.ml",
        aggregate_function=1,
        n_targets=1,
        post_transform=0,
        tree_roots=forest.roots.tolist(),
        nodes_featureids=forest.features.tolist(),
        nodes_splits=numpy_helper.from_array(forest.thresholds.astype(np.float32)),
        nodes_modes=numpy_helper.from_array(np.zeros(len(forest.features), np.uint8)),
        nodes_truenodeids=forest.on_true.tolist(),
        nodes_falsenodeids=forest.on_false.tolist(),
        nodes_trueleafs=forest.is_true_leaf.astype(int).tolist(),
        nodes_falseleafs=forest.is_false_leaf.astype(int).tolist(),
        nodes_missing_value_tracks_true=forest.is_missing_true.astype(int).tolist(),
        leaf_targetids=[0] * len(forest.leaves),
        leaf_weights=numpy_helper.from_array(forest.leaves.astype(np.float32)),
    )


def _assembled(arrays: Mapping[str, Array], kind: str) -> Forest:
    trees, nodes = arrays["nodes_treeids"], arrays["nodes_nodeids"]
    is_leaf = arrays["nodes_modes"] == b"LEAF"
    is_root = np.append(True, trees[1:] != trees[:-1])
    is_split = ~is_leaf | is_root  # a tree that is one leaf becomes a split with that leaf on both sides
    split_of = _numbered(trees[is_split], nodes[is_split])
    leaf_of = _numbered(trees[is_leaf], nodes[is_leaf])
    children = [
        _keys(trees[is_split], np.where(is_leaf, nodes, arrays[name])[is_split])
        for name in ("nodes_truenodeids", "nodes_falsenodeids")
    ]
    numbers = [np.array([leaf_of.get(key, split_of.get(key, 0)) for key in keys], np.int64) for keys in children]
    are_leaves = [np.array([key in leaf_of for key in keys]) for keys in children]
    return Forest(
        features=arrays["nodes_featureids"][is_split],
        thresholds=arrays["nodes_values"][is_split],
        on_true=numbers[0],
        on_false=numbers[1],
        is_true_leaf=are_leaves[0],
        is_false_leaf=are_leaves[1],
        is_missing_true=_missing(arrays, len(nodes))[is_split],
        leaves=_weights(arrays, kind, leaf_of, int(np.count_nonzero(trees[is_leaf] == trees[0]))),
        roots=np.flatnonzero(is_root[is_split]),
    )


def _weights(arrays: Mapping[str, Array], kind: str, leaf_of: Mapping[tuple[int, int], int], n_first: int) -> Array:
    """The weight of each leaf. The base value goes into the leaves of the first tree: one of them is always reached."""
    weights = np.zeros(len(leaf_of))
    is_wanted = arrays[f"{kind}_ids"] == arrays[f"{kind}_ids"].max()
    places = [leaf_of[key] for key in _keys(arrays[f"{kind}_treeids"], arrays[f"{kind}_nodeids"])]
    np.add.at(weights, places, np.where(is_wanted, arrays[f"{kind}_weights"], 0.0))
    weights[:n_first] += arrays.get("base_values", np.zeros(1))[-1]
    return weights


def _arrays(node: onnx.NodeProto) -> dict[str, Array]:
    values = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return {
        name: numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.array(value)
        for name, value in values.items()
    }


def _labels(arrays: Mapping[str, Array]) -> Array:
    return arrays.get("classlabels_int64s", arrays.get("classlabels_strings", np.zeros(0)))


def _missing(arrays: Mapping[str, Array], size: int) -> Array:
    return np.equal(arrays.get("nodes_missing_value_tracks_true", np.zeros(size)), 1)


def _numbered(trees: Array, nodes: Array) -> dict[tuple[int, int], int]:
    return {key: number for number, key in enumerate(_keys(trees, nodes))}


def _keys(trees: Array, nodes: Array) -> list[tuple[int, int]]:
    return list(zip(trees.tolist(), nodes.tolist(), strict=True))
