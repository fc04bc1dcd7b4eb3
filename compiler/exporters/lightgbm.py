"""LightGBM text models -> ONNX, by onnxmltools.

Before conversion the model's text is rewritten into an equal one that survives it: thresholds rounded down to
float32, the treatment of NaN spelled out at each split, the objective taken away so that raw margins come out.
How a split reads: LightGBM, include/LightGBM/tree.h, NumericalDecision and the bits of decision_type.
"""

import re

import lightgbm
import numpy as np
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from compiler.exporters import PROBABILITY, ExportError, Native
from compiler.exporters.forest import rounded_down
from compiler.exporters.lean import Ending, lean_forest
from engine.column import Array

_TREE_SPLITS = re.compile(r"^threshold=(.*)\ndecision_type=(.*)$", re.MULTILINE)
_UNNAMED = re.compile(r"Column_\d+")
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_ZERO, _MISSING_NAN = 1, 2
_CONVERTER_OPSET = 15
_ZERO = float(np.float32(1e-35))  # kZeroThreshold of include/LightGBM/meta.h
_BELOW_ZERO = float(np.nextafter(np.float32(-_ZERO), np.float32(-1)))


def load(data: bytes, output: str, n_inputs: int) -> Native:
    """The model in a file that `Booster.save_model` wrote. Raises `ExportError`."""
    text = data.decode("utf-8", "replace")
    if not text.startswith("tree\n"):
        raise ExportError("this is no LightGBM text model", "write it with `Booster.save_model(file)`")
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ExportError(f"LightGBM cannot read the model: {error}", "run train.py again") from None
    _check_kind(booster, text, output)
    names = booster.feature_name()
    width = booster.num_feature()
    return Native(
        n_inputs=width,
        input_names=() if all(map(_UNNAMED.fullmatch, names)) else tuple(names),
        ranges=_ranges(text, width),
        predict=lambda rows: np.asarray(booster.predict(rows, raw_score=output != PROBABILITY, num_threads=1)),
        to_onnx=lambda: _to_onnx(text, width, output),
        contributions=lambda rows: np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1)),
    )


def _check_kind(booster: lightgbm.Booster, text: str, output: str) -> None:
    objective = _field(text, "objective")
    if booster.num_model_per_iteration() != 1:
        raise ExportError("the model has several classes, one score per row is needed", "train one binary model")
    if output == PROBABILITY and objective.split(" ")[0] != "binary":
        hint = 'say `output = "margin"`, or train with objective `binary`'
        raise ExportError(f"objective `{objective}` gives no probabilities", hint)


def _ranges(text: str, width: int) -> Array:
    """What training saw of each feature, from the line `feature_infos`; constant features stay at 0."""
    infos = [info.strip("[]").split(":") for info in _field(text, "feature_infos").split()]
    spans = [(float(info[0]), float(info[1])) if len(info) == 2 else (0.0, 0.0) for info in infos]
    return np.array(spans).reshape(width, 2)


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def _to_onnx(text: str, width: int, output: str) -> bytes:
    equal = re.sub(r"^tree_sizes=.*\n", "", _TREE_SPLITS.sub(_rewritten, text), flags=re.MULTILINE)
    equal = re.sub(r"^objective=.*$", "objective=regression", equal, flags=re.MULTILINE)
    types = [("inputs", FloatTensorType([None, width]))]
    booster = lightgbm.Booster(model_str=equal)
    model = convert_lightgbm(booster, name="model", initial_types=types, target_opset=_CONVERTER_OPSET, zipmap=False)
    graph = lean_forest(model, width, Ending.SIGMOID if output == PROBABILITY else Ending.NONE)
    if graph is None:
        raise ExportError("its trees need more than `<=` splits and a sum", "train without linear or averaged trees")
    return graph


def _rewritten(found: re.Match[str]) -> str:
    kinds = np.array(found[2].split(), np.int64)
    if (kinds & _CATEGORICAL).any():
        raise ExportError("the model has categorical splits", "give categories as numbers or as one input each")
    missing = kinds >> 2
    if (missing == _MISSING_ZERO).any():
        raise ExportError("the model was trained with `zero_as_missing`", "train without it")
    thresholds = np.array(found[1].split(), np.float64)
    # Without NaN in training, LightGBM reads NaN as 0.
    is_left = np.where(missing == _MISSING_NAN, (kinds & _DEFAULT_LEFT) > 0, thresholds >= 0)
    is_below_zero = (thresholds < 0) & (thresholds >= -_ZERO)  # what lies that near counts as 0, and is above it
    rounded = " ".join(map(repr, np.where(is_below_zero, _BELOW_ZERO, rounded_down(thresholds)).tolist()))
    spelled = " ".join("10" if left else "8" for left in is_left)
    return f"threshold={rounded}\ndecision_type={spelled}"
