"""Reads out of ONNX bytes what must be known before a runtime may see them: operators, subgraphs, external data.

The few fields that matter (onnx.proto: ModelProto 7 graph, 25 functions; GraphProto 1 node, 5 initializer, 15 sparse
initializer; NodeProto 4 op_type, 5 attribute, 7 domain; AttributeProto 5, 10 tensors, 6, 11 graphs; TensorProto
13 external_data, 14 data_location).
"""

import re

from contracts.errors import NotRunnableError
from engine.scorers.protobuf import VARINT, fields, messages

_NUMBERS = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f])+", re.DOTALL)  # a forest holds 100,000 of them

ALLOWED_OPERATORS = frozenset(
    {
        *(("ai.onnx.ml", name) for name in ("TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor")),
        *(("ai.onnx.ml", name) for name in ("LinearClassifier", "LinearRegressor", "Normalizer", "Scaler", "Imputer")),
        *(("ai.onnx.ml", name) for name in ("ArrayFeatureExtractor", "Binarizer", "FeatureVectorizer")),
        *(("", name) for name in ("Add", "Sub", "Mul", "Div", "Neg", "Abs", "Sqrt", "Exp", "Log", "Pow", "Clip")),
        *(("", name) for name in ("MatMul", "Gemm", "Relu", "Sigmoid", "Tanh", "Softmax", "Identity", "Cast")),
        *(("", name) for name in ("Concat", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Gather", "Slice")),
        *(("", name) for name in ("Transpose", "ArgMax", "ReduceSum", "Min", "Max", "Sum", "Constant")),
        *(("", name) for name in ("Less", "Greater", "Equal", "Where", "Not", "And", "Or", "IsNaN")),
    }
)


def check_graph(model: bytes) -> None:
    """Refuses a model with anything but allowed operators on inlined data. Raises `NotRunnableError`."""
    graphs = list(messages(model, 7))
    if not graphs:
        raise NotRunnableError("the model holds no graph")
    if any(True for _ in messages(model, 25)):
        raise NotRunnableError("the model declares functions of its own, which are not accepted")
    for graph in graphs:
        for tensor in messages(graph, 5):
            _check_tensor(tensor)
        if any(True for _ in messages(graph, 15)):
            raise NotRunnableError("the model has sparse initializers, which are not accepted")
        for node in messages(graph, 1):
            _check_node(node)


def _check_node(node: bytes) -> None:
    operators = [text.decode("utf-8", "replace") for text in messages(node, 4)] or [""]
    domains = [text.decode("utf-8", "replace") for text in messages(node, 7)] or [""]
    for operator in operators:
        for domain in domains:
            if ("" if domain == "ai.onnx" else domain, operator) not in ALLOWED_OPERATORS:
                raise NotRunnableError(f"the model uses operator {domain}:{operator}, which is not on the allow-list")
    for attribute in messages(node, 5):
        _check_attribute(attribute)


def _check_attribute(attribute: bytes) -> None:
    for number, _, value in fields(attribute, _NUMBERS):
        if number in (6, 11):
            raise NotRunnableError("the model holds a graph inside a graph, which is not accepted")
        if number in (5, 10) and isinstance(value, bytes):
            _check_tensor(value)


def _check_tensor(tensor: bytes) -> None:
    for number, kind, value in fields(tensor):
        if number == 13 or (number == 14 and (kind != VARINT or value)):
            raise NotRunnableError("the model keeps data outside its own bytes, which is not accepted")
