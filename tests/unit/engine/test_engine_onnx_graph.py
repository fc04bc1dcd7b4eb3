import contextlib

import numpy as np
import onnx
import pytest
from graphs import OPSETS, graph, one, weighed
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from contracts.errors import NotRunnableError
from engine.scorers.onnx_graph import ALLOWED_OPERATORS, check_graph

GOOD = weighed(1.0, 2.0)


def changed(model: bytes, change: str) -> bytes:
    """The model with one thing made bad."""
    proto = onnx.load_from_string(model)
    weights = proto.graph.initializer[0]
    if change == "external":
        weights.data_location = TensorProto.EXTERNAL
    elif change == "external path":
        weights.external_data.add(key="location", value="../secret")
    elif change == "function":
        node = helper.make_node("Identity", ["x"], ["y"])
        proto.functions.append(helper.make_function("own", "f", ["x"], ["y"], [node], OPSETS))
    else:
        values = numpy_helper.from_array(np.ones(1, dtype=np.float32), "v")
        at = numpy_helper.from_array(np.zeros(1, dtype=np.int64), "i")
        proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, at, [2]))
    return bytes(proto.SerializeToString())


def constant(external: bool) -> bytes:
    tensor = numpy_helper.from_array(np.ones((1, 2), dtype=np.float32), "t")
    if external:
        tensor.data_location = TensorProto.EXTERNAL
    return graph([helper.make_node("Constant", [], ["y"], value=tensor)])


def branching() -> bytes:
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "inner", [], [])
    return one("Identity", then_branch=inner)


def test_good_models_pass() -> None:
    check_graph(GOOD)
    check_graph(constant(external=False))
    check_graph(one("Identity", domain="ai.onnx"))
    check_graph(one("Scaler", domain="ai.onnx.ml", offset=[0.5] * 2, scale=[1.5, -(2.0**70)]))


def test_a_forest_passes() -> None:
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[1, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.5, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[-1.0, 1.0],
    )
    check_graph(graph([node]))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (one("Loop"), "operator :Loop, which is not on the allow-list"),
        (one("Identity", domain="com.microsoft"), "operator com.microsoft:Identity"),
        (one("Scaler"), "operator :Scaler"),
        (branching(), "a graph inside a graph"),
        (changed(GOOD, "external"), "outside its own bytes"),
        (changed(GOOD, "external path"), "outside its own bytes"),
        (constant(external=True), "outside its own bytes"),
        (changed(GOOD, "function"), "functions of its own"),
        (changed(GOOD, "sparse"), "sparse initializers"),
        (b"\x08\x08", "no graph"),
        (b"\x0b", "not an ONNX file"),
        (b"\x08" + b"\xff" * 10, "not an ONNX file"),
        (b"\x3a\x05ab", "end too early"),
        (b"\x08\xff", "end too early"),
        (b"\x05\x00\x00", "end too early"),
        (b"\x01" + bytes(7), "end too early"),
    ],
)
def test_what_is_not_accepted_is_named(model: bytes, message: str) -> None:
    with pytest.raises(NotRunnableError, match=message):
        check_graph(model)


def test_fixed_width_fields_are_passed_over() -> None:
    check_graph(b"\x05" + bytes(4) + b"\x01" + bytes(8) + GOOD)


def test_a_second_graph_counts_too() -> None:
    with pytest.raises(NotRunnableError, match="Loop"):
        check_graph(GOOD + one("Loop"))


@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_damaged_bytes_are_refused_or_read(cut: int, at: int, byte: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] = byte
    for data in (bytes(damaged), GOOD[:cut]):
        with contextlib.suppress(NotRunnableError):
            check_graph(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    with contextlib.suppress(NotRunnableError):
        check_graph(data)


def test_no_operator_runs_other_graphs() -> None:
    assert not {name for _, name in ALLOWED_OPERATORS} & {
        "Loop",
        "Scan",
        "If",
        "SequenceMap",
        "Expand",
        "Tile",
        "Range",
    }
