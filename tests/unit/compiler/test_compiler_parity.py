import re
from dataclasses import replace
from functools import cache

import lightgbm
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from compiler.diagnostics import CompileError, Where
from compiler.export import Exported
from compiler.exporters import exporter
from compiler.model_parity import certify, compare, probe_rows
from compiler.reading.models import ModelSource
from contracts.bundle import InputSpec, ParityCertificate
from engine.column import Array
from engine.scorers.forest import Forest, read_forest
from engine.scorers.onnx import OnnxScorer

NAMES = ("own_count", "price", "stock")


@cache
def trained() -> bytes:
    chance = np.random.default_rng(5)
    rows = np.round(chance.normal(size=(400, 3)), 2).astype(np.float32).astype(np.float64)
    rows[chance.random(400) < 0.3, 1] = np.nan
    settings = {"objective": "binary", "num_leaves": 6, "num_threads": 1, "deterministic": True, "verbose": -1}
    data = lightgbm.Dataset(rows, rows[:, 0] + np.nan_to_num(rows[:, 1]) > 0.3)
    return lightgbm.train(settings, data, 8).model_to_string().encode()


@cache
def exported_with(graph: bytes | None = None) -> Exported:
    native = exporter("lightgbm")(trained(), "margin", 3)
    graph = graph or native.to_onnx()
    places = {"file": Where("models/buy.toml", 2, 8, 'file = "models/buy.txt"')}
    inputs = tuple(InputSpec(name=name, rule="") for name in NAMES)
    source = ModelSource(
        "buy", "lightgbm", "models/buy.txt", "margin", inputs, (), Where("models/buy.toml", 1, 1), places
    )
    return Exported(source, "ab" * 32, native, graph, OnnxScorer(graph, 3, "margin"))


def altered(name: str, index: int, change: float) -> bytes:
    """The exported graph with one entry of one attribute of its forest changed; 0 turns a flag over."""
    model = onnx.load_from_string(exported_with().graph)
    node = model.graph.node[0]
    for attribute in node.attribute:
        if attribute.name == name:
            value = helper.get_attribute_value(attribute)
            entries = numpy_helper.to_array(value).copy() if isinstance(value, onnx.TensorProto) else np.array(value)
            entries[index] = entries[index] + np.float32(change) if change else 1 - entries[index]
            changed = numpy_helper.from_array(entries) if isinstance(value, onnx.TensorProto) else entries.tolist()
            attribute.CopyFrom(helper.make_attribute(name, changed))
    return bytes(model.SerializeToString())


def forest_of(graph: bytes) -> Forest:
    forest = read_forest(graph)
    assert forest is not None
    return forest


def path_of(forest: Forest, row: Array) -> set[int]:
    """The splits that a row meets."""
    met = set()
    for root in forest.roots.tolist():
        split, is_leaf = root, False
        while not is_leaf:
            met.add(split)
            value = row[forest.features[split]]
            goes_true = forest.is_missing_true[split] if np.isnan(value) else value <= forest.thresholds[split]
            is_leaf = bool((forest.is_true_leaf if goes_true else forest.is_false_leaf)[split])
            split = int((forest.on_true if goes_true else forest.on_false)[split])
    return met


N_SPLITS = len(forest_of(exported_with().graph).features)
every_split = pytest.mark.parametrize("split", range(0, N_SPLITS, 3))


def test_an_exact_export_gets_its_certificate() -> None:
    exported = exported_with()
    parity = compare(exported)
    assert certify([parity], [exported]) == (
        ParityCertificate(model="buy", source_digest="ab" * 32, points=len(parity.rows), bound=1e-5, verdict="equal"),
    )
    assert parity.largest < 1e-6


def test_every_split_is_met_at_its_threshold_and_at_both_neighbours() -> None:
    forest = forest_of(exported_with().graph)
    rows = probe_rows(exported_with().native.ranges, forest)
    met = {(split, float(row[forest.features[split]])) for row in rows for split in path_of(forest, row)}
    for split, threshold in enumerate(forest.thresholds.astype(np.float32)):
        below, above = (np.nextafter(threshold, np.float32(way)) for way in (-np.inf, np.inf))
        assert {(split, float(threshold)), (split, float(above))} <= met
        assert (split, float(below)) in met
    assert np.isnan(rows).any(axis=0).all()


def test_the_same_graph_gives_the_same_rows() -> None:
    first, second = (probe_rows(exported_with().native.ranges, forest_of(exported_with().graph)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@every_split
@pytest.mark.parametrize("way", [-np.inf, np.inf])
def test_a_threshold_that_is_one_float32_off_is_found(split: int, way: float) -> None:
    threshold = np.float32(forest_of(exported_with().graph).thresholds[split])
    graph = altered("nodes_splits", split, float(np.nextafter(threshold, np.float32(way)) - threshold))
    assert compare(exported_with(graph)).is_wrong.any()


def test_a_wrong_leaf_is_found_whichever_it_is() -> None:
    for leaf in range(0, len(forest_of(exported_with().graph).leaves), 5):
        assert compare(exported_with(altered("leaf_weights", leaf, 0.001))).is_wrong.any()


def test_nan_sent_the_wrong_way_is_found() -> None:
    forest = forest_of(exported_with().graph)
    for split in np.flatnonzero(forest.features == 1)[:6]:
        assert compare(exported_with(altered("nodes_missing_value_tracks_true", int(split), 0))).is_wrong.any()


def test_the_refusal_shows_rows_by_input_name() -> None:
    exported = exported_with(altered("leaf_weights", 0, 0.5))
    parity = compare(exported)
    with pytest.raises(CompileError) as refused:
        certify([parity], [exported])
    lines = str(refused.value).splitlines()
    wrong, points = int(parity.is_wrong.sum()), len(parity.rows)
    assert lines[0] == (
        "models/buy.toml:2:8: E407: models/buy.txt answers otherwise in ONNX, "
        f"by more than 1e-05 in {wrong} of {points} rows:"
    )
    row = r"    native -?[\d.e-]+, ONNX -?[\d.e-]+ for own_count = \S+, price = \S+, stock = \S+"
    assert all(re.fullmatch(row, line) for line in lines[1:6])
    assert lines[6] == '  | file = "models/buy.txt"'
    assert lines[-1].startswith("  = round features to float32 before training")


def test_a_scorer_that_refuses_one_row_does_not_hide_the_others() -> None:
    exported = exported_with()

    class Refusing:
        def score(self, matrix: Array) -> Array:
            scores = exported.scorer.score(matrix)
            return exported.scorer.score(np.zeros((1, 9), np.float32)) if (matrix[:, 0] > 2.0).any() else scores

    parity = compare(replace(exported, scorer=Refusing()))
    assert (parity.is_wrong == (parity.rows[:, 0] > 2.0)).all()
    assert parity.is_wrong.any()
