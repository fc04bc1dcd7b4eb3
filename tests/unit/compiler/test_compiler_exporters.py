import io
import json
import math
from collections.abc import Callable

import joblib
import lightgbm
import numpy as np
import onnx
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from compiler.diagnostics import Where
from compiler.export import Exported
from compiler.exporters import EXPORTERS, ExportError, exporter
from compiler.exporters.forest import rounded_down
from compiler.model_parity import Parity, compare
from compiler.reading.models import ModelSource
from contracts.bundle import InputSpec
from contracts.errors import NotRunnableError
from engine.column import Array
from engine.scorers.forest import read_forest
from engine.scorers.onnx import OnnxScorer

WIDTH = 3
QUIET = {"objective": "binary", "num_leaves": 5, "num_threads": 1, "deterministic": True, "verbose": -1}


def rows_and_labels() -> tuple[Array, Array]:
    chance = np.random.default_rng(3)
    rows = chance.normal(size=(300, WIDTH)).astype(np.float32).astype(np.float64)
    return rows, rows[:, 0] - rows[:, 1] > 0.1


def boosted(rows: Array, labels: Array, rounds: int = 6, **settings: object) -> str:
    data = lightgbm.Dataset(rows, labels, categorical_feature=settings.pop("categorical", "auto"))
    return str(lightgbm.train({**QUIET, **settings}, data, rounds).model_to_string())


def dumped(model: object) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


def parity_of(name: str, data: bytes, output: str, missing: str | float = "nan") -> Parity:
    native = exporter(name)(data, output, WIDTH)
    graph = native.to_onnx()
    inputs = tuple(InputSpec(name=f"x{index}", rule="", missing=missing) for index in range(WIDTH))
    source = ModelSource("m", name, "m", output, inputs, (), Where("models/m.toml", 1, 1), {})
    return compare(Exported(source, "", native, graph, OnnxScorer(graph, WIDTH, output)))


@given(
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    value=st.floats(width=32, allow_nan=False),
)
def test_a_rounded_threshold_splits_float32_values_alike(threshold: float, value: float) -> None:
    rounded = float(rounded_down(np.array([threshold]))[0])
    neighbours = (value, math.nextafter(rounded, -math.inf), rounded)
    singles = [float(np.float32(one)) for one in neighbours if abs(one) <= np.finfo(np.float32).max or math.isinf(one)]
    assert [one <= rounded for one in singles] == [one <= threshold for one in singles]


def test_a_threshold_between_two_float32_values_goes_down() -> None:
    threshold = 1.0 + 0.75 * 2.0**-23
    assert float(np.float32(threshold)) > threshold
    assert rounded_down(np.array([threshold]))[0] == 1.0


def test_lightgbm_reads_nan_as_zero_where_training_saw_none() -> None:
    parity = parity_of("lightgbm", boosted(*rows_and_labels()).encode(), "margin")
    assert np.isnan(parity.rows).any()
    assert not parity.is_wrong.any()


def test_lightgbm_takes_what_is_next_to_zero_for_zero() -> None:
    chance = np.random.default_rng(11)
    rows = chance.choice([-1.0, -0.5, 0.0, 0.5], (300, WIDTH))  # zeros and negatives: a split stands at -1e-35
    text = boosted(rows, rows[:, 0] + rows[:, 1] * rows[:, 2] < 0)
    assert "-1.0000000180025095e-35" in text
    assert not parity_of("lightgbm", text.encode(), "margin", 0.0).is_wrong.any()


def test_lightgbm_trees_of_one_leaf_are_kept() -> None:
    rows, _ = rows_and_labels()
    text = boosted(rows, np.arange(len(rows)) % 3 == 0, min_data_in_leaf=200, boost_from_average=True)
    assert "num_leaves=1\n" in text
    assert not parity_of("lightgbm", text.encode(), "probability").is_wrong.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"zero_as_missing": True}, "the model was trained with `zero_as_missing`"),
        ({"categorical": [2]}, "the model has categorical splits"),
        ({"objective": "multiclass", "num_class": 3}, "the model has several classes, one score per row is needed"),
    ],
)
def test_lightgbm_models_that_would_answer_otherwise_are_refused(settings: dict[str, object], message: str) -> None:
    rows, labels = rows_and_labels()
    rows[:, 2] = np.arange(len(rows)) % 7
    labels = np.isin(rows[:, 2], [1, 4, 6]) | labels
    with pytest.raises(ExportError) as refused:
        exporter("lightgbm")(boosted(rows, labels, **settings).encode(), "margin", WIDTH).to_onnx()
    assert refused.value.message == message


def test_lightgbm_gives_probabilities_only_where_it_was_trained_for_them() -> None:
    text = boosted(*rows_and_labels(), objective="regression")
    with pytest.raises(ExportError, match="objective `regression` gives no probabilities"):
        exporter("lightgbm")(text.encode(), "probability", WIDTH)


def test_lightgbm_knows_the_names_that_training_gave() -> None:
    rows, labels = rows_and_labels()
    named = lightgbm.train(QUIET, lightgbm.Dataset(rows, labels, feature_name=["own", "price", "stock"]), 2)
    assert exporter("lightgbm")(named.model_to_string().encode(), "margin", WIDTH).input_names == (
        "own",
        "price",
        "stock",
    )
    assert exporter("lightgbm")(boosted(rows, labels).encode(), "margin", WIDTH).input_names == ()


def test_a_forest_is_one_node_with_rounded_thresholds() -> None:
    text = boosted(*rows_and_labels())
    graph = exporter("lightgbm")(text.encode(), "margin", WIDTH).to_onnx()
    assert [node.op_type for node in onnx.load_from_string(graph).graph.node] == ["TreeEnsemble"]
    forest = read_forest(graph)
    assert forest is not None
    written = [line.split("=")[1].split() for line in text.splitlines() if line.startswith("threshold=")]
    natives = np.array([float(number) for numbers in written for number in numbers])
    assert sorted(forest.thresholds.tolist()) == sorted(rounded_down(natives).tolist())
    assert len(forest.roots) == len(written)


@pytest.mark.parametrize("output", ["margin", "probability"])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(SimpleImputer(), LogisticRegression()),
    ],
)
def test_linear_models_and_pipelines_are_exported(model: LogisticRegression, output: str) -> None:
    parity = parity_of("sklearn", dumped(model.fit(*rows_and_labels())), output)
    assert not parity.is_wrong.any()


@pytest.mark.parametrize("model", [LinearRegression(), HistGradientBoostingRegressor(max_iter=5)])
def test_regressors_give_margins(model: LinearRegression) -> None:
    rows, labels = rows_and_labels()
    assert not parity_of("sklearn", dumped(model.fit(rows, rows[:, 0] * 3 + labels)), "margin").is_wrong.any()


def test_decision_trees_send_nan_where_training_says() -> None:
    model = RandomForestClassifier(4, max_depth=4, random_state=1).fit(*rows_and_labels())
    parity = parity_of("sklearn", dumped(model), "probability")
    assert np.isfinite(parity.native[np.isnan(parity.rows).any(axis=1)]).all()
    assert not parity.is_wrong.any()


def test_forests_trained_on_nan_split_at_infinity_which_they_refuse_themselves() -> None:
    rows, labels = rows_and_labels()
    rows = np.where(np.random.default_rng(3).random(rows.shape) < 0.3, np.nan, rows)
    model = RandomForestClassifier(8, max_depth=6, random_state=1).fit(rows, np.isnan(rows[:, 0]) | (labels > 0))
    parity = parity_of("sklearn", dumped(model), "probability", missing="nan")
    has_infinity = np.isinf(parity.rows).any(axis=1)
    assert has_infinity.any()
    assert np.isnan(parity.native).tolist() == has_infinity.tolist()
    assert np.isfinite(parity.onnx).all()
    assert not parity.is_wrong.any()


@pytest.mark.parametrize("step", [StandardScaler(), SimpleImputer()])
def test_trees_behind_another_step_are_refused(step: BaseEstimator) -> None:
    for trees in (HistGradientBoostingClassifier(max_iter=5), RandomForestClassifier(2)):
        model = make_pipeline(step, trees).fit(*rows_and_labels())
        with pytest.raises(ExportError, match="trees stand behind another step"):
            exporter("sklearn")(dumped(model), "probability", WIDTH).to_onnx()


def test_nan_that_the_trained_model_refuses_must_be_refused_too_unless_it_cannot_arrive() -> None:
    model = GradientBoostingClassifier(n_estimators=4, max_depth=2).fit(*rows_and_labels())
    parity = parity_of("sklearn", dumped(model), "margin", missing="nan")
    assert parity.is_wrong.any()
    assert np.isnan(parity.rows[parity.is_wrong]).any(axis=1).all()
    assert not parity_of("sklearn", dumped(model), "margin", missing=0.0).is_wrong.any()


@pytest.mark.parametrize(
    ("model", "output", "message"),
    [
        (RandomForestClassifier(2), "margin", "the model gives no margins"),
        (LinearRegression(), "probability", "the model gives no probabilities"),
        (DummyClassifier(), "probability", "skl2onnx cannot convert it: Unable to find a shape calculator"),
    ],
)
def test_sklearn_models_without_such_an_output_are_refused(
    model: LogisticRegression, output: str, message: str
) -> None:
    with pytest.raises(ExportError) as refused:
        exporter("sklearn")(dumped(model.fit(*rows_and_labels())), output, WIDTH).to_onnx()
    assert refused.value.message.startswith(message)
    assert len(refused.value.message) < 300


def test_sklearn_files_hold_one_fitted_binary_model() -> None:
    rows, _ = rows_and_labels()
    with pytest.raises(ExportError, match="the file holds a LogisticRegression, no fitted scikit-learn model"):
        exporter("sklearn")(dumped(LogisticRegression()), "margin", WIDTH)
    with pytest.raises(ExportError, match="the file holds a dict, no fitted scikit-learn model"):
        exporter("sklearn")(dumped({"model": 1}), "margin", WIDTH)
    with pytest.raises(ExportError, match="the file holds a StandardScaler, no fitted scikit-learn model"):
        exporter("sklearn")(dumped(StandardScaler().fit(rows)), "margin", WIDTH)
    with pytest.raises(ExportError, match="the model gives an array for a row"):
        exporter("sklearn")(dumped(LinearRegression().fit(rows, rows[:, :1])), "margin", WIDTH)
    for model in (LinearRegression(), RandomForestClassifier(2)):
        with pytest.raises(ExportError, match="the model gives an array for a row, one number is needed"):
            exporter("sklearn")(dumped(model.fit(rows, (rows[:, :2] > 0).astype(int))), "margin", WIDTH)
    with pytest.raises(ExportError, match="the model has 3 classes, two are needed"):
        exporter("sklearn")(dumped(LogisticRegression().fit(rows, np.arange(len(rows)) % 3)), "margin", WIDTH)


def test_a_model_that_refuses_a_row_of_zeros_is_loaded_for_what_it_takes() -> None:
    rows, _ = rows_and_labels()
    model = make_pipeline(PowerTransformer(method="box-cox"), LinearRegression()).fit(np.exp(rows), rows[:, 0])
    assert np.isfinite(exporter("sklearn")(dumped(model), "margin", WIDTH).predict(np.ones((1, WIDTH)))).all()


def graph_of(node: onnx.NodeProto, n_outputs: int = 1, width: int = WIDTH) -> bytes:
    source = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, width])
    results = [helper.make_tensor_value_info(f"y{at}", onnx.TensorProto.FLOAT, [None, 1]) for at in range(n_outputs)]
    tensor = helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])
    more = [helper.make_node("Identity", ["y0"], [f"y{at}"]) for at in range(1, n_outputs)]
    graph = helper.make_graph([node, *more], "g", [source], results, [tensor])
    opset = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString())


def test_a_ready_graph_is_named_anew_and_answers_the_same() -> None:
    data = graph_of(helper.make_node("ReduceSum", ["x", "axes"], ["y0"], keepdims=1, name="n1", doc_string="words"))
    native = exporter("onnx")(data, "margin", WIDTH)
    graph = native.to_onnx()
    assert b"words" not in graph
    assert OnnxScorer(graph, WIDTH, "margin").score(np.ones((2, WIDTH), np.float32)).tolist() == [3.0, 3.0]
    assert native.predict(np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0]])).tolist()[1] == 6.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (graph_of(helper.make_node("NonZero", ["x"], ["y0"])), "NonZero, which is not on the allow-list"),
        (graph_of(helper.make_node("ReduceSum", ["x", "axes"], ["y0"]), n_outputs=2), "the model has 2 float outputs"),
        (graph_of(helper.make_node("ReduceSum", ["x", "axes"], ["y0"]), width=9), "the model takes 9 inputs"),
    ],
)
def test_ready_graphs_that_the_engine_refuses_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        exporter("onnx")(data, "margin", WIDTH)


def grown(objective: str, rounds: int = 4, **settings: object) -> xgboost.Booster:
    rows, labels = rows_and_labels()
    told = {"objective": objective, "max_depth": 3, "nthread": 1, "verbosity": 0, **settings}
    return xgboost.train(told, xgboost.DMatrix(rows, labels), rounds)


def saved(booster: xgboost.Booster) -> bytes:
    return bytes(booster.save_raw("json"))


@pytest.mark.parametrize(
    ("objective", "settings"),
    [
        ("reg:squarederror", {}),
        ("binary:logistic", {"base_score": 0.9}),
        ("binary:logitraw", {}),
        ("binary:logistic", {"gamma": 1e9}),  # trees of one leaf
        ("binary:logistic", {"num_parallel_tree": 3, "subsample": 0.5}),
    ],
)
def test_xgboost_margins_come_out_as_they_are(objective: str, settings: dict[str, object]) -> None:
    parity = parity_of("xgboost", saved(grown(objective, **settings)), "margin")
    assert not parity.is_wrong.any()
    assert parity.largest < 1e-6


def test_xgboost_splits_are_strict() -> None:
    """A value that equals the threshold goes right."""
    rows = np.repeat([[0.0], [1.0]], 50, axis=0)
    booster = xgboost.train(
        {"objective": "reg:squarederror", "max_depth": 1, "nthread": 1, "min_child_weight": 0},
        xgboost.DMatrix(rows, np.repeat([0.0, 1.0], 50)),
        1,
    )
    native = exporter("xgboost")(saved(booster), "margin", 1)
    forest = read_forest(native.to_onnx())
    assert forest is not None
    threshold = json.loads(saved(booster))["learner"]["gradient_booster"]["model"]["trees"][0]["split_conditions"][0]
    assert forest.thresholds[0] < threshold
    assert np.nextafter(np.float32(forest.thresholds[0]), np.float32(np.inf)) == np.float32(threshold)
    at, below = native.predict(np.array([[threshold], [forest.thresholds[0]]]))
    assert at > below


@pytest.mark.parametrize("output", ["margin", "probability"])
@pytest.mark.parametrize(
    "settings", [{}, {"base_score": 0.9}, {"gamma": 1e9}, {"num_parallel_tree": 3, "subsample": 0.5}]
)
def test_xgboost_contributions_add_up_to_the_margin(output: str, settings: dict[str, object]) -> None:
    """What each input added, and last the margin of nobody in particular; where a value is missing too."""
    booster = grown("binary:logistic", **settings)
    native = exporter("xgboost")(saved(booster), output, WIDTH)
    assert native.contributions
    rows = rows_and_labels()[0][:40]
    rows[::3, 0], rows[::5, 2] = np.nan, np.nan
    added = native.contributions(rows)
    margins = exporter("xgboost")(saved(booster), "margin", WIDTH).predict(rows)
    assert added.shape == (len(rows), WIDTH + 1)
    assert added.sum(axis=1) == pytest.approx(margins, abs=1e-5)
    assert len(set(added[:, -1].tolist())) == 1, "nobody in particular is always the same"
    used = {int(feature) for feature in read_forest(native.to_onnx()).features} if not settings.get("gamma") else set()  # type: ignore[union-attr]
    assert {at for at in range(WIDTH) if np.abs(added[:, at]).max() > 1e-6} == used


def test_xgboost_names_of_inputs_are_kept() -> None:
    rows, labels = rows_and_labels()
    named = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, labels, feature_names=["x", "y", "z"]), 1)
    assert exporter("xgboost")(saved(named), "margin", WIDTH).input_names == ("x", "y", "z")
    assert exporter("xgboost")(saved(grown("reg:squarederror")), "margin", WIDTH).input_names == ()


@pytest.mark.parametrize(
    ("data", "output", "reason"),
    [
        (lambda: saved(grown("multi:softmax", num_class=2)), "margin", "several classes"),
        (lambda: saved(grown("reg:squarederror", booster="dart")), "margin", "is a dart"),
        (lambda: saved(grown("reg:squarederror", booster="gblinear")), "margin", "is a gblinear"),
        (lambda: saved(grown("count:poisson")), "margin", "`count:poisson` is unknown"),
        (lambda: saved(grown("reg:squarederror")), "probability", "gives no probabilities"),
        (lambda: bytes(grown("reg:squarederror").save_raw("ubj")), "margin", "no XGBoost model in JSON"),
        (lambda: b'{"learner": 3}', "margin", "no XGBoost model in JSON"),
    ],
)
def test_xgboost_models_that_do_not_fit_are_refused(data: Callable[[], bytes], output: str, reason: str) -> None:
    with pytest.raises(ExportError, match=reason):
        exporter("xgboost")(data(), output, WIDTH)


def test_xgboost_categories_are_refused() -> None:
    frame = np.column_stack([np.repeat([0.0, 1.0, 2.0], 40), np.zeros(120)])
    matrix = xgboost.DMatrix(frame, np.repeat([0.0, 1.0, 0.0], 40), feature_types=["c", "q"], enable_categorical=True)
    booster = xgboost.train({"nthread": 1, "max_cat_to_onehot": 1, "min_child_weight": 0}, matrix, 2)
    with pytest.raises(ExportError, match="categorical"):
        exporter("xgboost")(saved(booster), "margin", 2)


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPORTERS, "xgboost", "compiler.exporters.no_such_library")
    with pytest.raises(ExportError, match="is not installed") as refused:
        exporter("xgboost")
    assert refused.value.hint == "pip install 'edgewise[xgboost]'"


@pytest.mark.parametrize("model", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=5)])
def test_a_model_calibrated_by_platts_sigmoid_is_one_graph(model: BaseEstimator) -> None:
    calibrated = CalibratedClassifierCV(model, method="sigmoid", cv=3).fit(*rows_and_labels())
    parity = parity_of("sklearn", dumped(calibrated), "probability")
    assert not parity.is_wrong.any()
    with pytest.raises(ExportError, match="gives no margins"):
        parity_of("sklearn", dumped(calibrated), "margin")


def test_isotonic_regression_inside_a_graph_is_refused() -> None:
    """skl2onnx makes steps of it; `calibration` in the model's file draws the line."""
    calibrated = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=3).fit(*rows_and_labels())
    with pytest.raises(NotRunnableError, match="ArgMin"):
        parity_of("sklearn", dumped(calibrated), "probability")
