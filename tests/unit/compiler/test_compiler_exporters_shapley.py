"""Contributions to the answers of scikit-learn's trees: exact, of what the scorer says, offered only where they are."""

import math
import sys
from collections.abc import Sequence
from itertools import combinations
from types import ModuleType

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor
from sklearn.tree._tree import Tree
from test_compiler_exporters import WIDTH, dumped, rows_and_labels

from compiler.exporters import MARGIN, OUTPUTS, PROBABILITY, ExportError, Native, exporter
from compiler.model_parity import BOUND, probe_rows
from engine.column import Array
from engine.scorers.forest import read_forest
from engine.scorers.onnx import OnnxScorer

GROWN = {"max_depth": 4, "random_state": 1}
FEW = {"n_estimators": 5, **GROWN}
AVERAGING_CLASSIFIERS = [
    DecisionTreeClassifier(**GROWN),
    ExtraTreeClassifier(**GROWN),
    ExtraTreesClassifier(**FEW),
    RandomForestClassifier(**FEW),
    RandomForestClassifier(class_weight="balanced", bootstrap=False, **FEW),
    DecisionTreeClassifier(min_samples_leaf=200),  # one leaf
]
BOOSTING_CLASSIFIERS = [
    GradientBoostingClassifier(**FEW),
    HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=6),
    HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=200),  # trees of one leaf
]
REGRESSORS = [
    DecisionTreeRegressor(**GROWN),
    ExtraTreeRegressor(**GROWN),
    ExtraTreesRegressor(**FEW),
    GradientBoostingRegressor(**FEW),
    GradientBoostingRegressor(loss="quantile", **FEW),
    HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=6),
    RandomForestRegressor(**FEW),
    RandomForestRegressor(criterion="absolute_error", **FEW),
]


def native_of(model: BaseEstimator, output: str) -> Native:
    return exporter("sklearn")(dumped(model), output, WIDTH)


def training(model: BaseEstimator, has_nan: bool) -> tuple[Array, Array]:
    """Rows and what is to be learnt of them; a fifth of the values may be missing."""
    rows, labels = rows_and_labels()
    wanted = rows[:, 0] * 3 + labels if model in REGRESSORS else labels
    if has_nan:
        rows[np.random.default_rng(7).random(rows.shape) < 0.2] = np.nan
    return rows, wanted


def scored(native: Native, output: str) -> tuple[Array, Array]:
    """Rows at, below and above each threshold and with NaN, as far as the model takes them, and their scores."""
    graph = native.to_onnx()
    rows = probe_rows(native.ranges, read_forest(graph))
    rows = rows[~np.isinf(rows).any(axis=1)]
    rows = rows[~np.isnan(native.predict(rows.astype(np.float64)))]
    return rows.astype(np.float64), OnnxScorer(graph, WIDTH, output).score(rows)


def added_up(native: Native, rows: Array, output: str) -> Array:
    assert native.contributions
    told = native.contributions(rows)
    assert told.shape == (len(rows), WIDTH + 1)
    assert len(set(told[:, -1].tolist())) == 1, "nobody in particular is always the same"
    total = np.asarray(told.sum(axis=1))
    return 1 / (1 + np.exp(-total)) if (native.adds_up_to, output) == (MARGIN, PROBABILITY) else total


def takes_nan(model: BaseEstimator) -> bool:
    return not isinstance(model, GradientBoostingClassifier | GradientBoostingRegressor)


EXPLAINED = [
    *((model, PROBABILITY, PROBABILITY) for model in AVERAGING_CLASSIFIERS),
    *((model, output, MARGIN) for model in BOOSTING_CLASSIFIERS for output in OUTPUTS),
    *((model, MARGIN, MARGIN) for model in REGRESSORS),
]
every_explained = pytest.mark.parametrize(("model", "output", "adds_up_to"), EXPLAINED)


@every_explained
def test_contributions_add_up_to_what_the_scorer_says(model: BaseEstimator, output: str, adds_up_to: str) -> None:
    native = native_of(model.fit(*training(model, has_nan=False)), output)
    rows, scores = scored(native, output)
    assert native.adds_up_to == adds_up_to
    assert np.isnan(rows).any() == takes_nan(model)
    assert added_up(native, rows, output) == pytest.approx(scores, rel=BOUND / 10, abs=BOUND / 10)


@pytest.mark.parametrize(("model", "output"), [each[:2] for each in EXPLAINED if takes_nan(each[0])])
def test_they_add_up_where_training_saw_nan(model: BaseEstimator, output: str) -> None:
    native = native_of(model.fit(*training(model, has_nan=True)), output)
    rows, scores = scored(native, output)
    assert np.isnan(rows).any()
    assert added_up(native, rows, output) == pytest.approx(scores, rel=BOUND / 10, abs=BOUND / 10)


@pytest.mark.parametrize(
    "model", [DecisionTreeRegressor(), HistGradientBoostingRegressor(max_iter=1, learning_rate=1.0)]
)
def test_a_value_above_its_threshold_stays_above(model: BaseEstimator) -> None:
    """The threshold lies between two neighbours in float32, and as a float32 it would be the upper one."""
    below = np.float32(1000.0) + np.float32(2.0**-14)
    above = np.nextafter(below, np.float32(np.inf))
    rows = np.zeros((80, WIDTH))
    rows[:, 1] = np.repeat([below, above], 40).astype(np.float64)
    native = native_of(model.fit(rows, np.repeat([0.0, 5.0], 40)), MARGIN)
    tree = model.tree_.threshold if hasattr(model, "tree_") else model._predictors[0][0].nodes["num_threshold"]
    assert below < tree[0] < above == np.float32(tree[0])
    assert native.contributions
    assert native.contributions(rows[[0, -1]]).tolist() == [[0.0, -2.5, 0.0, 2.5], [0.0, 2.5, 0.0, 2.5]]


def expectation(tree: Tree, row: Array, known: Sequence[int], node: int = 0) -> float:
    """What a tree says of a row of which only some inputs are known: splits on others weigh both ways by training."""
    if tree.children_left[node] < 0:
        value = tree.value[node, 0]
        return float(value[-1] / value.sum())
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    value = row[tree.feature[node]]
    if tree.feature[node] not in known:
        weights = tree.weighted_n_node_samples
        sides = [weights[side] * expectation(tree, row, known, side) for side in (left, right)]
        return float(sum(sides) / weights[node])
    goes_left = tree.missing_go_to_left[node] if np.isnan(value) else value <= tree.threshold[node]
    return expectation(tree, row, known, left if goes_left else right)


def shapley_value(trees: Sequence[Tree], row: Array, feature: int) -> float:
    """Shapley's definition: what an input adds to every set of the others, each set weighed."""
    others = [each for each in range(WIDTH) if each != feature]
    total = 0.0
    for size in range(WIDTH):
        weight = math.factorial(size) * math.factorial(WIDTH - size - 1) / math.factorial(WIDTH)
        for known in combinations(others, size):
            gains = [expectation(tree, row, (*known, feature)) - expectation(tree, row, known) for tree in trees]
            total += weight * sum(gains) / len(trees)
    return total


@pytest.mark.parametrize("model", [DecisionTreeClassifier(**GROWN), RandomForestClassifier(**FEW)])
def test_contributions_are_shapley_values_by_definition(model: BaseEstimator) -> None:
    native = native_of(model.fit(*training(model, has_nan=True)), PROBABILITY)
    trees = [each.tree_ for each in getattr(model, "estimators_", [model])]
    rows = training(model, has_nan=True)[0][:12]
    assert np.isnan(rows).any(axis=1).sum() >= 3
    wanted = [[shapley_value(trees, row, feature) for feature in range(WIDTH)] for row in rows]
    nobody = np.mean([expectation(tree, rows[0], ()) for tree in trees])
    assert native.contributions
    told = native.contributions(rows)
    assert told[:, :-1] == pytest.approx(np.array(wanted), abs=1e-12)
    assert told[0, -1] == pytest.approx(nobody, abs=1e-12)


class Stubborn(RandomForestClassifier):
    """A forest that answers otherwise than its trees."""

    def predict_proba(self, X: Array) -> Array:
        return np.clip(super().predict_proba(X), 0.4, 0.6)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        AdaBoostClassifier(n_estimators=2),
        CalibratedClassifierCV(RandomForestClassifier(2), cv=2),
        GradientBoostingClassifier(n_estimators=2, init="zero"),
        GradientBoostingClassifier(n_estimators=2, loss="exponential"),
        Stubborn(2),
        make_pipeline(StandardScaler(), DecisionTreeClassifier()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_no_sum_of_trees_that_shap_reads_alike_offers_none(model: BaseEstimator) -> None:
    assert native_of(model.fit(*rows_and_labels()), PROBABILITY).contributions is None


@pytest.mark.parametrize(
    ("model", "value", "why"),
    [(GradientBoostingClassifier(**FEW), np.nan, "NaN"), (RandomForestClassifier(**FEW), np.inf, "infinity")],
)
def test_a_row_that_the_model_refuses_is_not_explained(model: BaseEstimator, value: float, why: str) -> None:
    native = native_of(model.fit(*rows_and_labels()), PROBABILITY)
    assert native.contributions
    with pytest.raises(ExportError, match=f"the model refuses such a row: Input X contains {why}") as refused:
        native.contributions(np.array([[0.0, value, 0.0]]))
    assert refused.value.hint == "keep NaN and infinity from its inputs"


def test_shap_is_needed_for_contributions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    rows, labels = rows_and_labels()
    native = native_of(RandomForestClassifier(**FEW).fit(rows, labels), PROBABILITY)
    assert len(native.to_onnx()) > 0
    assert native.contributions
    with pytest.raises(ExportError) as refused:
        native.contributions(rows[:1])
    assert refused.value.message == "explaining scikit-learn's trees needs shap, which is not installed"
    assert refused.value.hint == "pip install 'edgewise[shap]'"


def test_a_shap_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", ModuleType("shap"))  # without its explainers, as after a failed import
    native = native_of(DecisionTreeClassifier(**GROWN).fit(*rows_and_labels()), PROBABILITY)
    assert native.contributions
    with pytest.raises(ExportError, match="needs shap, which does not load: cannot import name 'TreeExplainer'"):
        native.contributions(rows_and_labels()[0][:1])
