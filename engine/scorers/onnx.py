"""ONNX Runtime as a scorer; nothing else imports it. One thread, from bytes, so that equal inputs give equal scores."""

from collections.abc import Callable

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from contracts.errors import NotRunnableError, ScoringError
from engine.scorers import finite
from engine.scorers.onnx_graph import check_graph

_ERRORS = (
    runtime.EngineError,
    runtime.EPFail,
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.ModelRequiresCompilation,
    runtime.NoModel,
    runtime.NotImplemented,
    runtime.RuntimeException,
    ValueError,
)
_SILENT = 4


class OnnxScorer:
    """One graph with one float32 input `[rows, n_inputs]`.

    Of a classifier the second column of its `probabilities` is the score; any other graph has one float output, one
    number per row. `output` is `margin` or `probability`; a probability outside [0, 1] is refused.
    """

    def __init__(self, graph: bytes, n_inputs: int, output: str) -> None:
        check_graph(graph)
        try:
            self._session = onnxruntime.InferenceSession(graph, _options(), providers=["CPUExecutionProvider"])
        except _ERRORS as error:
            raise NotRunnableError(f"the ONNX runtime refuses the model: {error}") from None
        self._input = _input_name(self._session, n_inputs)
        self._outputs = [_output_name(self._session)]
        self._run: Callable[[list[str], dict[str, NDArray[np.float32]]], list[NDArray[np.float32]]] = self._session.run
        self._is_probability = output == "probability"

    def run(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the graph gives, unchecked: what a bare run costs."""
        return self._run(self._outputs, {self._input: matrix})[0]

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """One finite score per row. Raises `ScoringError`."""
        try:
            result = self.run(matrix)
        except _ERRORS as error:
            raise ScoringError(f"the ONNX runtime failed: {error}") from None
        scores = finite(_one_per_row(result, len(matrix)))
        if self._is_probability and len(scores) and not 0.0 <= float(scores.min()) <= float(scores.max()) <= 1.0:
            raise ScoringError("the model gave a probability outside [0, 1]")
        return scores


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = _SILENT
    return options


def _input_name(session: onnxruntime.InferenceSession, n_inputs: int) -> str:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        raise NotRunnableError("the model takes something else than one float32 matrix")
    width = inputs[0].shape[1]
    if isinstance(width, int) and width != n_inputs:
        raise NotRunnableError(f"the model takes {width} inputs, the bundle declares {n_inputs}")
    return str(inputs[0].name)


def _output_name(session: onnxruntime.InferenceSession) -> str:
    names = [str(output.name) for output in session.get_outputs() if output.type == "tensor(float)"]
    if "probabilities" in names:
        return "probabilities"
    if len(names) != 1:
        raise NotRunnableError(f"the model has {len(names)} float outputs, one is needed")
    return names[0]


def _one_per_row(result: NDArray[np.float32], rows: int) -> NDArray[np.float64]:
    if result.ndim == 2 and result.shape[1] in (1, 2):
        result = result[:, -1]
    if result.shape != (rows,):
        raise ScoringError(f"the model gave shape {result.shape} for {rows} rows")
    return result.astype(np.float64)
