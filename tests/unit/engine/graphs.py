"""ONNX graphs by hand, for tests of the scorer and of models in slots."""

import warnings

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import onnx
    from onnx import TensorProto, helper, numpy_helper

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]


def graph(nodes: list[onnx.NodeProto], width: int = 2, out_width: int = 1, **more: object) -> bytes:
    """A model from input `x` to output `y`; `inputs`, `outputs` and `initializer` may be given."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, out_width])
    made = helper.make_graph(nodes, "g", more.pop("inputs", [x]), more.pop("outputs", [y]), **more)
    return helper.make_model(made, opset_imports=OPSETS, ir_version=8).SerializeToString()


def weighed(*weights: float) -> bytes:
    """A margin: the sum of the inputs, each times its weight."""
    matrix = numpy_helper.from_array(np.array(weights, dtype=np.float32).reshape(-1, 1), "w")
    return graph([helper.make_node("MatMul", ["x", "w"], ["y"])], len(weights), initializer=[matrix])


def one(operator: str, domain: str = "", width: int = 2, **attributes: object) -> bytes:
    """A model of one operator."""
    node = helper.make_node(operator, ["x"], ["y"], domain=domain, **attributes)
    return graph([node], width, width)
