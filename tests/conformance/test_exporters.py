"""Every exporter keeps these promises; a new entry of EXPORTERS is tested as soon as it has a specimen here."""

import io
from collections.abc import Callable
from functools import cache

import joblib
import lightgbm
import numpy as np
import onnx
import pytest
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier

from compiler.diagnostics import Where
from compiler.export import Exported
from compiler.exporters import EXPORTERS, OUTPUTS, ExportError, Native, exporter
from compiler.model_parity import BOUND, compare
from compiler.reading.models import ModelSource
from contracts.bundle import InputSpec
from engine.column import Array
from engine.scorers.onnx import OnnxScorer

N_INPUTS = 4
ROWS = 400


def training_rows() -> tuple[Array, Array]:
    chance = np.random.default_rng(11)
    rows = chance.normal(size=(ROWS, N_INPUTS)).astype(np.float32).astype(np.float64)
    labels = rows[:, 0] + rows[:, 1] ** 2 + 0.3 * chance.normal(size=ROWS) > 0.5
    rows[chance.random(ROWS) < 0.2, 2] = np.nan
    return rows, labels


@cache
def a_lightgbm_model(output: str) -> bytes:
    rows, labels = training_rows()
    settings = {"objective": "binary", "num_leaves": 7, "num_threads": 1, "deterministic": True, "verbose": -1}
    return lightgbm.train(settings, lightgbm.Dataset(rows, labels), 20).model_to_string().encode()


@cache
def a_sklearn_model(output: str) -> bytes:
    file = io.BytesIO()
    joblib.dump(HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=7).fit(*training_rows()), file)
    return file.getvalue()


@cache
def an_onnx_model(output: str) -> bytes:
    model = onnx.load_from_string(exporter("lightgbm")(a_lightgbm_model(output), output, N_INPUTS).to_onnx())
    model.doc_string, model.graph.name, model.producer_name = "made on a Tuesday", "f3a9", "somebody"
    model.graph.output[0].name = model.graph.node[-1].output[0] = "what_i_call_it"
    return model.SerializeToString()


@cache
def an_xgboost_model(output: str) -> bytes:
    settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 1, "verbosity": 0}
    return bytes(xgboost.train(settings, xgboost.DMatrix(*training_rows()), 20).save_raw("json"))


SPECIMENS: dict[str, Callable[[str], bytes]] = {
    "lightgbm": a_lightgbm_model,
    "onnx": an_onnx_model,
    "sklearn": a_sklearn_model,
    "xgboost": an_xgboost_model,
}
every_exporter = pytest.mark.parametrize("name", sorted(EXPORTERS))
every_output = pytest.mark.parametrize("output", OUTPUTS)


def native_of(name: str, output: str) -> Native:
    return exporter(name)(SPECIMENS[name](output), output, N_INPUTS)


def test_each_exporter_has_a_specimen() -> None:
    assert set(SPECIMENS) == set(EXPORTERS)


@every_exporter
@every_output
def test_the_number_of_inputs_is_known(name: str, output: str) -> None:
    native = native_of(name, output)
    assert native.n_inputs == N_INPUTS
    assert native.ranges.shape == (N_INPUTS, 2)


@every_exporter
@every_output
def test_the_same_file_gives_the_same_bytes(name: str, output: str) -> None:
    file = SPECIMENS[name](output)
    first, second = (exporter(name)(file, output, N_INPUTS).to_onnx() for _ in range(2))
    assert first == second


@every_exporter
@every_output
def test_the_graph_answers_what_the_model_answers(name: str, output: str) -> None:
    native = native_of(name, output)
    graph = native.to_onnx()
    inputs = tuple(InputSpec(name=f"x{index}", rule="") for index in range(N_INPUTS))
    source = ModelSource(name, name, "model", output, inputs, (), Where("models/m.toml", 1, 1), {})
    parity = compare(Exported(source, "", native, graph, OnnxScorer(graph, N_INPUTS, output)))
    assert not parity.is_wrong.any()
    assert parity.largest <= BOUND
    assert len(parity.rows) > 256


@every_exporter
@every_output
def test_the_graph_is_lean(name: str, output: str) -> None:
    model = onnx.load_from_string(native_of(name, output).to_onnx())
    onnx.checker.check_model(model)
    assert [item.name for item in model.graph.input] == ["inputs"]
    assert [item.name for item in model.graph.output] == ["scores"]
    assert (model.graph.name, model.doc_string, model.graph.doc_string) == ("model", "", "")
    assert all(node.name == "" and node.doc_string == "" for node in model.graph.node)
    assert not {"ZipMap", "Identity", "Cast"} & {node.op_type for node in model.graph.node}


@every_exporter
@pytest.mark.parametrize("data", [b"", b"garbage", b"\x80\x04", b"tree\nnot a tree"])
def test_what_is_no_model_is_refused_with_advice(name: str, data: bytes) -> None:
    with pytest.raises(ExportError) as refused:
        exporter(name)(data, OUTPUTS[0], N_INPUTS).to_onnx()
    assert refused.value.message
    assert refused.value.hint
