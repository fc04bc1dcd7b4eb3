"""Ready ONNX files. They are their own native form: model parity shows that making them lean changed nothing."""

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from compiler.exporters import ExportError, Native
from compiler.exporters.lean import lean
from contracts.errors import NotRunnableError, ScoringError
from engine.column import Array
from engine.scorers.onnx import OnnxScorer


def load(data: bytes, output: str, n_inputs: int) -> Native:
    """The model in an ONNX file. Raises `ExportError`."""
    try:
        model = onnx.load_from_string(data)
        scorer = OnnxScorer(data, n_inputs, output)
    except DecodeError:
        raise ExportError("this is no ONNX file", "write it with `model.SerializeToString()`") from None
    except NotRunnableError as error:
        hint = "export it with allowed operators, one float32 matrix in and one float32 number per row out"
        raise ExportError(str(error), hint) from None
    return Native(
        n_inputs=n_inputs,
        input_names=(),
        ranges=np.tile([-1.0, 1.0], (n_inputs, 1)),
        predict=lambda rows: _predict(scorer, rows),
        to_onnx=lambda: lean(model, n_inputs),
    )


def _predict(scorer: OnnxScorer, rows: Array) -> Array:
    """One run for all rows; row by row where some have no score."""
    matrix = rows.astype(np.float32)
    try:
        return scorer.score(matrix)
    except ScoringError:
        return np.array([_score_or_nan(scorer, row) for row in matrix])


def _score_or_nan(scorer: OnnxScorer, row: Array) -> float:
    try:
        return float(scorer.score(row[np.newaxis])[0])
    except ScoringError:
        return float("nan")
