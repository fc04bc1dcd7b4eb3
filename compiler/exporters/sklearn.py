"""scikit-learn models in joblib files -> ONNX, by skl2onnx: binary classifiers, regressors, pipelines of them.

A joblib file runs code when it is loaded; `models.lock` is what makes that file the one that train.py wrote.
"""

import io
import pickle
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import TypeAlias

import joblib
import numpy as np
import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline

from compiler.exporters import MARGIN, PROBABILITY, ExportError, Native
from compiler.exporters.forest import rounded_down
from compiler.exporters.lean import Ending, lean, lean_forest
from compiler.exporters.shapley import contributions, is_explained
from engine.column import Array

Model: TypeAlias = BaseEstimator
_UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)
_UNCONVERTED = (MissingConverter, MissingShapeCalculator, AttributeError, RuntimeError, ValueError)
_MAX_REASON = 200
_OPSETS = {"": 18, "ai.onnx.ml": 3}


def load(data: bytes, output: str, n_inputs: int) -> Native:
    """The model in a file that `joblib.dump` wrote. Raises `ExportError`."""
    try:
        model = joblib.load(io.BytesIO(data))
    except _UNREADABLE as error:
        hint = "write it with `joblib.dump(model, file)`, in the environment that builds"
        raise ExportError(f"joblib cannot read the model: {error}", hint) from None
    if not isinstance(model, BaseEstimator) or not hasattr(model, "n_features_in_") or not hasattr(model, "predict"):
        hint = "dump a fitted classifier, regressor or pipeline"
        raise ExportError(f"the file holds a {type(model).__name__}, no fitted scikit-learn model", hint)
    _check_single(model)
    _check_output(model, output)
    return Native(
        n_inputs=int(model.n_features_in_),
        input_names=tuple(map(str, getattr(model, "feature_names_in_", ()))),
        ranges=_ranges(model),
        predict=lambda rows: _predict(model, rows, output),
        to_onnx=lambda: _to_onnx(model, output),
        contributions=(lambda rows: _contributions(model, rows, output)) if is_explained(model) else None,
        adds_up_to=MARGIN if _has_margin(model) else PROBABILITY,
    )


def _check_single(model: Model) -> None:
    try:
        answer = _by_place(model.predict, np.zeros((1, model.n_features_in_)))
    except ValueError:
        return  # what it refuses so, its conversion or its comparison tells
    if answer.shape != (1,):
        raise ExportError("the model gives an array for a row, one number is needed", "fit it on a flat `y`")


def _check_output(model: Model, output: str) -> None:
    if is_classifier(model) and len(model.classes_) != 2:
        raise ExportError(f"the model has {len(model.classes_)} classes, two are needed", "train one binary model")
    if output == PROBABILITY and not hasattr(model, "predict_proba"):
        raise ExportError("the model gives no probabilities", 'say `output = "margin"`')
    if output != PROBABILITY and not _has_margin(model):
        raise ExportError("the model gives no margins", 'say `output = "probability"`')


def _has_margin(model: Model) -> bool:
    return not is_classifier(model) or hasattr(model, "decision_function")


def _predict(model: Model, rows: Array, output: str) -> Array:
    """The model's answers; NaN for rows with NaN, and for rows with infinity, if the model refuses those."""
    answers = np.full(len(rows), np.nan)
    is_finite, is_infinite = np.isfinite(rows).all(axis=1), np.isinf(rows).any(axis=1)
    for some in (is_finite, is_infinite, ~is_finite & ~is_infinite):
        try:
            if some.any():
                answers[some] = _answers(model, rows[some], output)
        except ValueError:
            if some is is_finite:
                raise
    return answers


def _answers(model: Model, rows: Array, output: str) -> Array:
    if output == PROBABILITY:
        return _by_place(model.predict_proba, rows)[:, 1]
    return _by_place(model.decision_function if is_classifier(model) else model.predict, rows)


def _by_place(answer: Callable[[Array], Array], rows: Array) -> Array:
    """The answers to rows whose inputs are known by their places, also of a model that was fitted on named ones."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return np.asarray(answer(rows))


def _contributions(model: Model, rows: Array, output: str) -> Array:
    try:
        _answers(model, rows, output)
    except ValueError as error:
        why = str(error).partition("\n")[0]
        raise ExportError(f"the model refuses such a row: {why}", "keep NaN and infinity from its inputs") from None
    return contributions(model, rows)


def _ranges(model: Model) -> Array:
    """Where inputs lie: three deviations round a leading scaler's mean; of a linear model, where terms are up to 3."""
    first = model.steps[0][1] if isinstance(model, Pipeline) else model
    width = model.n_features_in_
    if getattr(first, "mean_", None) is not None and getattr(first, "scale_", None) is not None:
        return np.column_stack([first.mean_ - 3 * first.scale_, first.mean_ + 3 * first.scale_])
    if hasattr(first, "coef_"):
        reach = 3 / np.maximum(np.abs(np.ravel(first.coef_)), 0.01)
        return np.column_stack([-reach, reach])
    return np.tile([-1.0, 1.0], (width, 1))


def _to_onnx(model: Model, output: str) -> bytes:
    width = int(model.n_features_in_)
    exact = _with_exact_thresholds(model)
    last = exact.steps[-1][1] if isinstance(exact, Pipeline) else exact
    asked = {"zipmap": False} if output == PROBABILITY else {"zipmap": False, "raw_scores": True}
    options = {id(last): asked} if is_classifier(last) else None
    types = [("inputs", FloatTensorType([None, width]))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where warnings are errors, protobuf refuses skl2onnx's NumPy integers
            graph = to_onnx(exact, initial_types=types, options=options, target_opset=_OPSETS)
    except _UNCONVERTED as error:
        why = str(error).partition("\n")[0][:_MAX_REASON]
        raise ExportError(f"skl2onnx cannot convert it: {why}", "use estimators that skl2onnx supports") from None
    _check_trees(graph)
    _restore_missing(graph, last)
    ending = Ending.NONE
    if output == PROBABILITY:
        ending = Ending.SIGMOID if hasattr(last, "decision_function") else Ending.CLIP
    return lean_forest(graph, width, ending) or lean(graph, width)


def _check_trees(graph: onnx.ModelProto) -> None:
    """Steps before trees compute in float32, the model itself in float64: values cross thresholds unprobed."""
    made_by = {name: node for node in graph.graph.node for name in node.output}
    for node in graph.graph.node:
        if node.op_type.startswith("TreeEnsemble") and (step := made_by.get(node.input[0])) is not None:
            hint = "fit the trees on the inputs themselves: splits need no scaling, and NaN has a way of its own"
            raise ExportError(f"trees stand behind another step ({step.op_type}), which float32 rounds", hint)


def _restore_missing(graph: onnx.ModelProto, model: Model) -> None:
    """Says at each split of decision trees which way NaN goes; skl2onnx leaves that out."""
    members = np.ravel(getattr(model, "estimators_", [model]))
    if not all(hasattr(member, "tree_") for member in members):
        return
    is_left = np.concatenate([member.tree_.missing_go_to_left for member in members])
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name == "nodes_missing_value_tracks_true":
                attribute.ints[:] = is_left.tolist()


def _with_exact_thresholds(model: Model) -> Model:
    """A copy whose gradient-boosting thresholds are rounded down to float32; skl2onnx would round to nearest."""
    copied = deepcopy(model)
    for step in (name_step[1] for name_step in copied.steps) if isinstance(copied, Pipeline) else (copied,):
        for predictor in (tree for trees in getattr(step, "_predictors", ()) for tree in trees):
            if predictor.nodes["is_categorical"].any():
                raise ExportError("the model has categorical splits", "give categories as numbers or as one input each")
            predictor.nodes["num_threshold"] = rounded_down(predictor.nodes["num_threshold"])
    return copied
