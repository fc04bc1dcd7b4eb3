"""XGBoost models saved as JSON -> ONNX, tree by tree: no converter in between.

XGBoost sends x left where x < t, in float32; that is x <= the next float32 below t. NaN goes the default way. The base
score stands in the space of the answer, so a logistic objective's goes through the logit first. Layout of the file:
XGBoost's documentation, "Introduction to Model IO" and its JSON schema.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import xgboost

from compiler.exporters import PROBABILITY, ExportError, Native
from compiler.exporters.lean import Ending, forest_graph
from engine.column import Array
from engine.scorers.forest import Forest

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
_LOGISTIC = ("binary:logistic", "reg:logistic")
_IDENTITY = ("binary:logitraw", "reg:squarederror", "rank:pairwise", "rank:ndcg", "rank:map")
_BELOW = np.float32(-np.inf)
_UNGROWN = ((0, False), (0, False))


def load(data: bytes, output: str, n_inputs: int) -> Native:
    """The model in a file that `Booster.save_model("model.json")` wrote. Raises `ExportError`."""
    learner = _learner(data)
    objective = _text(learner, "objective", "name")
    _check_kind(learner, objective, output)
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(data))
    except xgboost.core.XGBoostError as error:
        why = str(error).partition("\n")[0]
        raise ExportError(f"XGBoost cannot read the model: {why}", "run train.py again") from None
    forest = _forest(learner, objective)
    width = int(booster.num_features())
    ending = Ending.SIGMOID if output == PROBABILITY else Ending.NONE
    return Native(
        n_inputs=width,
        input_names=tuple(booster.feature_names or ()),
        ranges=_ranges(forest, width),
        predict=lambda rows: _predict(booster, rows, output),
        to_onnx=lambda: forest_graph(forest, width, ending),
        contributions=lambda rows: _contributions(booster, rows),
    )


def _learner(data: bytes) -> Mapping[str, Json]:
    """The part of the file that says what was learned. XGBoost ends the process over some bytes, so look first."""
    hint = 'write it with `Booster.save_model("model.json")`'
    try:
        document = json.loads(data)
        return _table(document["learner"])
    except (ValueError, TypeError, KeyError):
        raise ExportError("this is no XGBoost model in JSON", hint) from None


def _check_kind(learner: Mapping[str, Json], objective: str, output: str) -> None:
    booster = _text(learner, "gradient_booster", "name")
    if booster != "gbtree":
        raise ExportError(f"the model is a {booster}, its trees do not simply add up", 'train with booster "gbtree"')
    parameters = _table(learner["learner_model_param"])
    if int(str(parameters.get("num_class", 0))) > 1 or int(str(parameters.get("num_target", 1))) > 1:
        why = "the model has several classes or targets, one score per row is needed"
        raise ExportError(why, "train one binary model")
    if objective not in (*_LOGISTIC, *_IDENTITY):
        hint = f"train with one of {', '.join((*_LOGISTIC, *_IDENTITY))}"
        raise ExportError(f"objective `{objective}` is unknown here", hint)
    if output == PROBABILITY and objective not in _LOGISTIC:
        hint = 'say `output = "margin"`, or train with objective `binary:logistic`'
        raise ExportError(f"objective `{objective}` gives no probabilities", hint)


def _predict(booster: xgboost.Booster, rows: Array, output: str) -> Array:
    matrix = xgboost.DMatrix(rows.astype(np.float32), nthread=1)
    return np.asarray(booster.predict(matrix, output_margin=output != PROBABILITY, validate_features=False), np.float64)


def _contributions(booster: xgboost.Booster, rows: Array) -> Array:
    matrix = xgboost.DMatrix(rows.astype(np.float32), nthread=1)
    return np.asarray(booster.predict(matrix, pred_contribs=True, validate_features=False), np.float64)


def _forest(learner: Mapping[str, Json], objective: str) -> Forest:
    growing = _Growing()
    for tree in _list(_table(_table(learner["gradient_booster"])["model"])["trees"]):
        growing.add(_tree(_table(tree)))
    base = float(str(_table(learner["learner_model_param"])["base_score"]).strip("[]"))
    return growing.grown(math.log(base / (1.0 - base)) if objective in _LOGISTIC else base)


@dataclass(frozen=True)
class _Tree:
    """One tree as the file has it: per node its children (-1: a leaf), its split, or the value of the leaf."""

    left: Sequence[float]
    right: Sequence[float]
    features: Sequence[float]
    values: Sequence[float]
    is_default_left: Sequence[float]


def _tree(tree: Mapping[str, Json]) -> _Tree:
    if any(_numbers(tree, "split_type")):
        raise ExportError("the model has categorical splits", "give categories as numbers or as one input each")
    keys = ("left_children", "right_children", "split_indices", "split_conditions", "default_left")
    return _Tree(*(_numbers(tree, key) for key in keys))


class _Growing:
    """The arrays of a forest while its trees are added."""

    def __init__(self) -> None:
        self._splits: list[tuple[int, float, bool]] = []
        self._children: list[tuple[tuple[int, bool], tuple[int, bool]]] = []
        self._leaves: list[float] = []
        self._roots: list[int] = []
        self._n_first = 0

    def add(self, tree: _Tree) -> None:
        """One tree. A tree that is one leaf becomes a split with that leaf on both sides."""
        self._roots.append(len(self._splits))
        root = self._grow(tree, 0)
        if root[1]:
            self._splits.append((0, 0.0, True))
            self._children.append((root, root))
        self._n_first = self._n_first or len(self._leaves)

    def grown(self, base: float) -> Forest:
        """The forest; its base margin goes into the leaves of the first tree, one of which is always reached."""
        leaves = np.array(self._leaves, np.float64)
        leaves[: self._n_first] += base
        children = np.array(self._children, np.int64)
        return Forest(
            features=np.array([split[0] for split in self._splits], np.int64),
            thresholds=np.array([split[1] for split in self._splits], np.float64),
            on_true=children[:, 0, 0],
            on_false=children[:, 1, 0],
            is_true_leaf=children[:, 0, 1] == 1,
            is_false_leaf=children[:, 1, 1] == 1,
            is_missing_true=np.array([split[2] for split in self._splits], np.bool_),
            leaves=leaves,
            roots=np.array(self._roots, np.int64),
        )

    def _grow(self, tree: _Tree, node: int) -> tuple[int, bool]:
        """The number of a node among splits or leaves, and whether it is a leaf."""
        if tree.left[node] < 0:
            self._leaves.append(tree.values[node])
            return len(self._leaves) - 1, True
        number = len(self._splits)
        threshold = float(np.nextafter(np.float32(tree.values[node]), _BELOW))
        self._splits.append((int(tree.features[node]), threshold, bool(tree.is_default_left[node])))
        self._children.append(_UNGROWN)
        sides = self._grow(tree, int(tree.left[node])), self._grow(tree, int(tree.right[node]))
        self._children[number] = sides
        return number, False


def _ranges(forest: Forest, width: int) -> Array:
    """Round the thresholds of each input; where there is none, round 0."""
    ranges = np.tile([-1.0, 1.0], (width, 1))
    for feature in np.unique(forest.features):
        thresholds = forest.thresholds[forest.features == feature]
        ranges[feature] = thresholds.min() - 1.0, thresholds.max() + 1.0
    return ranges


def _table(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise TypeError("expected an object")
    return value


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _numbers(tree: Mapping[str, Json], key: str) -> Sequence[float]:
    return [float(number) for number in _list(tree[key]) if isinstance(number, int | float)]


def _text(learner: Mapping[str, Json], section: str, key: str) -> str:
    return str(_table(learner.get(section, {})).get(key, ""))
