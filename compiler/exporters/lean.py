"""ONNX models made lean and canonical: one float output, nothing that it does not need, the same bytes each time.

Converters write random names, doc strings, labels and zip maps; all of that goes. A model that is one tree ensemble
becomes a single TreeEnsemble node, a third of the size.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import count

import onnx
from onnx import helper

from compiler.exporters import ExportError
from compiler.exporters.forest import ML_OPSET, from_converter, to_node
from engine.scorers.forest import Forest

_SUMS = "sums"
_UNIT = {"least": 0.0, "most": 1.0}
INPUTS, SCORES = "inputs", "scores"
_FLOAT = onnx.TensorProto.FLOAT
_IR_VERSION = 10
_OPSET = 18


class Ending(Enum):
    """What follows the sum of a forest's leaves: nothing, margin to probability, or rounding kept within [0, 1]."""

    NONE = "none"
    SIGMOID = "sigmoid"
    CLIP = "clip"


def lean(model: onnx.ModelProto, n_inputs: int) -> bytes:
    """The canonical bytes of a model; of a classifier its probabilities stay. Raises `ExportError`."""
    graph = model.graph
    if len(graph.input) != 1:
        hint = "give it a single float32 input of shape [rows, inputs]"
        raise ExportError(f"the graph has {len(graph.input)} inputs, one matrix is needed", hint)
    output = _score_output(graph)
    nodes = _needed(graph.node, output.name)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    _rename(nodes, tensors.values(), {graph.input[0].name: INPUTS, output.name: SCORES})
    versions = {item.domain: item.version for item in sorted(model.opset_import, key=lambda item: item.version)}
    used = {name for node in nodes for name in node.input}
    kept = sorted((tensor for tensor in tensors.values() if tensor.name in used), key=lambda tensor: tensor.name)
    return _canonical(
        nodes, kept, _shape(output), {node.domain: versions.get(node.domain, 1) for node in nodes}, n_inputs
    )


def lean_forest(model: onnx.ModelProto, n_inputs: int, ending: Ending) -> bytes | None:
    """The canonical bytes of one tree ensemble that reads the inputs themselves, with an ending; else None."""
    ensembles = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    if len(ensembles) != 1 or ensembles[0].input[0] != model.graph.input[0].name:
        return None
    forest = from_converter(ensembles[0])
    return None if forest is None else forest_graph(forest, n_inputs, ending)


def forest_graph(forest: Forest, n_inputs: int, ending: Ending) -> bytes:
    """The canonical bytes of a forest that reads the inputs themselves, with an ending."""
    nodes = [to_node(forest, INPUTS, SCORES if ending is Ending.NONE else _SUMS)]
    limits = []
    if ending is Ending.SIGMOID:
        nodes.append(helper.make_node("Sigmoid", [_SUMS], [SCORES]))
    if ending is Ending.CLIP:
        limits = [helper.make_tensor(name, _FLOAT, [], [limit]) for name, limit in _UNIT.items()]
        nodes.append(helper.make_node("Clip", [_SUMS, *_UNIT], [SCORES]))
    return _canonical(nodes, limits, [None, 1], {"ai.onnx.ml": ML_OPSET, "": _OPSET}, n_inputs)


def _score_output(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    floats: list[onnx.ValueInfoProto] = [item for item in graph.output if item.type.tensor_type.elem_type == _FLOAT]
    named = [item for item in floats if item.name == "probabilities"] or floats
    if len(named) != 1:
        names = ", ".join(item.name for item in graph.output)
        raise ExportError(
            f"the graph has {len(floats)} float outputs ({names}), one is needed",
            "keep one float32 output of shape [rows, 1], or call a classifier's output `probabilities`",
        )
    return named[0]


def _needed(nodes: Sequence[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    wanted = {output}
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            kept.append(copy)
    return kept[::-1]


def _rename(nodes: list[onnx.NodeProto], tensors: Iterable[onnx.TensorProto], names: dict[str, str]) -> None:
    """Names values in the order of their first use; the empty name (an omitted value) stays empty."""
    names |= {"": ""}
    numbers = count()
    for node in nodes:
        for name in (*node.input, *node.output):
            if name not in names:
                names[name] = f"v{next(numbers)}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in tensors:
        tensor.name = names.get(tensor.name, tensor.name)


def _shape(output: onnx.ValueInfoProto) -> list[int | None]:
    """Rows are free; the widths that follow stay as declared."""
    declared = output.type.tensor_type.shape.dim
    return [None, *(item.dim_value or None for item in declared[1:])]


def _canonical(
    nodes: Sequence[onnx.NodeProto],
    tensors: Sequence[onnx.TensorProto],
    shape: Sequence[int | None],
    versions: dict[str, int],
    n_inputs: int,
) -> bytes:
    source = helper.make_tensor_value_info(INPUTS, _FLOAT, [None, n_inputs])
    result = helper.make_tensor_value_info(SCORES, _FLOAT, shape)
    graph = helper.make_graph(nodes, "model", [source], [result], tensors)
    for item in (*graph.node, *graph.initializer):
        item.ClearField("doc_string")
    for node in graph.node:
        node.ClearField("name")
    domains = [helper.make_opsetid(domain, version) for domain, version in sorted(versions.items())]
    model = helper.make_model(graph, opset_imports=domains, ir_version=_IR_VERSION, producer_name="edgewise")
    data: bytes = model.SerializeToString(deterministic=True)
    return data
