"""Tree ensembles as arrays, read out of the lean ONNX form that the compiler writes; anything else is no forest here.

The form is one TreeEnsemble of ai.onnx.ml version 5 that sums one weight per tree over splits `input <= threshold`
(onnx.proto: NodeProto 1 input, 2 output, 4 op_type, 5 attribute, 7 domain; AttributeProto 1 name, 3 i, 5 t, 8 ints;
TensorProto 2 data_type, 9 raw_data).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.column import Array
from engine.scorers.protobuf import integers, messages

_FLOAT, _UINT8 = 1, 2
_SUM = 1
_DTYPES = {_FLOAT: "<f4", _UINT8: "<u1"}
_UNSAID: dict[str, Array] = {
    "aggregate_function": np.array([_SUM]),
    "n_targets": np.array([1]),
    "post_transform": np.array([0]),
    "nodes_missing_value_tracks_true": np.zeros(0, np.int64),
}


@dataclass(frozen=True, eq=False)
class Forest:
    """Splits `inputs[feature] <= threshold` of all trees; a child is a split, or a leaf where `is_*_leaf` says so."""

    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    on_true: NDArray[np.int64]
    on_false: NDArray[np.int64]
    is_true_leaf: NDArray[np.bool_]
    is_false_leaf: NDArray[np.bool_]
    is_missing_true: NDArray[np.bool_]
    leaves: NDArray[np.float64]
    roots: NDArray[np.int64]


def read_forest(model: bytes, *, is_all: bool = False, most_splits: float = math.inf) -> Forest | None:
    """The forest that a graph begins with, or, if `is_all`, that it is; None when it has none.

    None as well, and soon, when its trees have more than `most_splits` on average. Raises `NotRunnableError` for what
    is no ONNX file.
    """
    graphs = list(messages(model, 7))
    nodes = [node for graph in graphs for node in messages(graph, 1)]
    if len(graphs) != 1 or not nodes or not _begins(graphs[0], nodes[0]) or (is_all and len(nodes) > 1):
        return None
    try:
        written = {_text(each, 1): each for each in messages(nodes[0], 5)}
        if len(_numbers(written["nodes_modes"])) > most_splits * len(_numbers(written["tree_roots"])):
            return None
        return _forest({**_UNSAID, **{name: _numbers(each) for name, each in written.items()}})
    except (KeyError, ValueError, IndexError):  # of another form
        return None


def _begins(graph: bytes, node: bytes) -> bool:
    """Whether this node is a tree ensemble that reads the graph's only input."""
    is_ensemble = _text(node, 7) == "ai.onnx.ml" and _text(node, 4) == "TreeEnsemble"
    return is_ensemble and [_text(each, 1) for each in messages(graph, 11)] == [_text(node, 1)]


def _text(message: bytes, number: int) -> str:
    return b"".join(messages(message, number)).decode("utf-8", "replace")


def _numbers(attribute: bytes) -> Array:
    """What an attribute holds: a number or a list of them as integers, a tensor's entries as they are."""
    for tensor in messages(attribute, 5):
        return np.frombuffer(b"".join(messages(tensor, 9)), _DTYPES[integers(tensor, 2)[-1]])
    return np.array(integers(attribute, 3) + integers(attribute, 8), np.int64)


def _forest(said: Mapping[str, Array]) -> Forest | None:
    """The forest, if it is the plain sum of one weight per tree."""
    is_sum = said["aggregate_function"].tolist() == [_SUM] and not said["post_transform"].any()
    is_single = said["n_targets"].tolist() == [1] and not said["leaf_targetids"].any()
    if not is_sum or not is_single or said["nodes_modes"].any():
        return None
    missing = said["nodes_missing_value_tracks_true"]
    if any(
        ((flags != 0) & (flags != 1)).any() for flags in (said["nodes_trueleafs"], said["nodes_falseleafs"], missing)
    ):
        return None
    return Forest(
        features=said["nodes_featureids"],
        thresholds=said["nodes_splits"].astype(np.float64),
        on_true=said["nodes_truenodeids"],
        on_false=said["nodes_falsenodeids"],
        is_true_leaf=said["nodes_trueleafs"] == 1,
        is_false_leaf=said["nodes_falseleafs"] == 1,
        is_missing_true=(missing if len(missing) else np.zeros(len(said["nodes_featureids"]))) == 1,
        leaves=said["leaf_weights"].astype(np.float64),
        roots=said["tree_roots"],
    )
