"""Scorers: loaded models, by the name a bundle gives. A scorer's library is imported when the first model needs it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ScoringError


class Scorer(Protocol):
    """A loaded model."""

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """One finite score per row of the matrix. Raises `ScoringError`."""


def finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same scores, if all are finite numbers; else raises `ScoringError`."""
    if np.count_nonzero(np.isfinite(scores)) < len(scores):
        raise ScoringError("the model gave a score that is not a finite number")
    return scores


def _onnx(graph: bytes, n_inputs: int, output: str) -> Scorer:
    from engine.scorers.onnx import OnnxScorer

    return OnnxScorer(graph, n_inputs, output)


SCORERS: dict[str, Callable[[bytes, int, str], Scorer]] = {"onnx": _onnx}
