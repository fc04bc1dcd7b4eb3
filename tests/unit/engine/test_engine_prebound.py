"""A prebound forest gives the very bits that ONNX Runtime gives; where it could not, there is none."""

import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from builders import NOW, RULES, Shop, batch, columns, const, model, slot
from graphs import weighed
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replace_struct
from numpy.typing import NDArray

from compiler.exporters.lean import Ending, forest_graph
from contracts.errors import NotRunnableError, ScoringError
from contracts.features import Cursor, FeatureDelta, FeatureValue
from engine.programs.values import Batch
from engine.score import by_model
from engine.scorers import SCORERS, Scorer
from engine.scorers.forest import Forest, read_forest
from engine.scorers.leaf_sums import by_numpy, leaf_sums
from engine.scorers.prebound import Prebound, prebind

WIDTH = 3
Floats = NDArray[np.float32]


def forest(seed: int, trees: int = 7, splits: int = 9, *, leaves: float = 1.0) -> Forest:
    """Trees with splits at few thresholds, so that inputs fall on them."""
    chance = np.random.default_rng(seed)
    rows: dict[str, list[float]] = {name: [] for name in ("on_true", "on_false", "is_true_leaf", "is_false_leaf")}
    roots, weights = [], 0
    for _ in range(trees):
        first = len(rows["on_true"])
        roots.append(first)
        open_sides = [(first, "true"), (first, "false")]
        for name in rows:
            rows[name].append(0)
        for _ in range(int(chance.integers(0, splits))):
            parent, side = open_sides.pop(int(chance.integers(len(open_sides))))
            child = len(rows["on_true"])
            for name in rows:
                rows[name].append(0)
            rows[f"on_{side}"][parent] = child
            open_sides += [(child, "true"), (child, "false")]
        for parent, side in open_sides:
            rows[f"on_{side}"][parent], rows[f"is_{side}_leaf"][parent] = weights, 1
            weights += 1
    size = len(rows["on_true"])
    thresholds = np.array([-np.inf, -1.5, -0.0, 0.0, 1e-45, 0.1, 2.0, 3e38], np.float32)
    return Forest(
        features=chance.integers(0, WIDTH, size),
        thresholds=chance.choice(thresholds, size).astype(np.float64),
        on_true=np.array(rows["on_true"], np.int64),
        on_false=np.array(rows["on_false"], np.int64),
        is_true_leaf=np.array(rows["is_true_leaf"]) == 1,
        is_false_leaf=np.array(rows["is_false_leaf"]) == 1,
        is_missing_true=chance.random(size) < 0.5,
        leaves=(chance.normal(size=weights) * leaves).astype(np.float32).astype(np.float64),
        roots=np.array(roots, np.int64),
    )


def chain(leaves: int) -> Forest:
    """One tree as deep as it has leaves."""
    splits = np.arange(leaves - 1)
    is_last = splits == leaves - 2
    return Forest(
        features=np.zeros(leaves - 1, np.int64),
        thresholds=splits.astype(np.float64),
        on_true=splits,
        on_false=np.where(is_last, leaves - 1, splits + 1),
        is_true_leaf=np.ones(leaves - 1, dtype=np.bool_),
        is_false_leaf=is_last,
        is_missing_true=np.zeros(leaves - 1, dtype=np.bool_),
        leaves=np.arange(leaves, dtype=np.float64),
        roots=np.zeros(1, np.int64),
    )


def bound(graph: bytes) -> tuple[Prebound | None, Scorer]:
    scorer = SCORERS["onnx"](graph, WIDTH, "margin")
    return prebind(graph, WIDTH, scorer), scorer


def of(given_: Forest) -> tuple[Prebound, Scorer]:
    made, scorer = bound(forest_graph(given_, WIDTH, Ending.NONE))
    assert made is not None
    return made, scorer


def scored(made: Prebound, rows: Floats, of_items: list[int], once: list[int]) -> NDArray[np.float64]:
    """The rows' scores with some inputs bound by item, some by request; those must be the same in all rows.

    Whatever sums the leaves, NumPy gives the same bits.
    """
    pairs = [place for place in range(WIDTH) if place not in (*of_items, *once)]
    items = made.bound(np.array(of_items, np.int64), rows.T[of_items], len(rows))
    columns = np.ascontiguousarray(rows.T[pairs])
    rest = (items, np.array(once, np.int64), rows[0, once], np.array(pairs, np.int64), columns)
    scores, sums = made.score(*rest), np.empty(len(rows))
    by_numpy(made.edges, made.firsts, made.masks, made.leaves, made.before, *rest, sums)
    assert scores.tobytes() == sums.tobytes()
    return scores


IS_BUILT = shutil.which("cc") is not None and Path(sysconfig.get_path("include"), "Python.h").is_file()


@pytest.mark.skipif(not IS_BUILT, reason="NumPy sums the leaves where there is no C compiler, or no headers of Python")
def test_where_a_c_compiler_is_the_kernel_sums_the_leaves() -> None:
    assert leaf_sums.__module__ == "engine.scorers.kernel", "run: pip install --editable ."


values = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 1e-45, 0.1, 2.0, 3e38, np.inf, np.nan]) | st.floats(width=32)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(values, values, values), min_size=1, max_size=40),
    st.lists(st.sampled_from(["item", "request", "pair"]), min_size=WIDTH, max_size=WIDTH),
)
def test_the_scores_are_the_graphs_to_the_bit_however_inputs_are_bound(
    seed: int, given_: list[tuple[float, float, float]], sides: list[str]
) -> None:
    made, scorer = of(forest(seed))
    rows = np.array(given_, np.float32)
    once = [place for place, side in enumerate(sides) if side == "request"]
    rows[:, once] = rows[0, once]
    of_items = [place for place, side in enumerate(sides) if side == "item"]
    assert scored(made, rows, of_items, once).tolist() == scorer.score(rows).tolist()


@pytest.mark.parametrize("count", [1, 2, 13, 64, 500])
def test_however_many_rows_and_trees_leaves_add_up_in_the_order_of_the_trees(count: int) -> None:
    made, scorer = of(forest(1, trees=300, splits=31))
    rows = np.random.default_rng(2).normal(size=(count, WIDTH)).astype(np.float32)
    assert scored(made, rows, [0], []).tolist() == scorer.score(rows).tolist()


def test_a_bound_item_stays_as_it_was() -> None:
    made, _ = of(forest(3))
    rows = np.zeros((4, WIDTH), np.float32)
    items = made.bound(np.array([0]), rows.T[:1], 4)
    before = items.copy()
    made.score(items, np.array([1]), np.array([0.5], np.float32), np.array([2]), np.ascontiguousarray(rows.T[2:]))
    assert items.tolist() == before.tolist()


def test_trees_of_32_leaves_fit_and_of_33_do_not() -> None:
    made, scorer = of(chain(32))
    rows = np.arange(-1, 34, dtype=np.float32)[:, np.newaxis].repeat(WIDTH, axis=1)
    assert scored(made, rows, [], []).tolist() == scorer.score(rows).tolist()
    assert bound(forest_graph(chain(33), WIDTH, Ending.NONE))[0] is None


def test_a_tree_that_bends_back_has_no_masks() -> None:
    class Agreeing:
        def score(self, matrix: Floats) -> NDArray[np.float64]:
            return np.zeros(len(matrix))

    round_trip = replace(chain(3), on_true=np.array([0, 1]), is_true_leaf=np.zeros(2, dtype=np.bool_))
    assert prebind(forest_graph(round_trip, WIDTH, Ending.NONE), WIDTH, Agreeing()) is None
    astray = replace(chain(3), on_true=np.array([9, 9]))
    assert prebind(forest_graph(astray, WIDTH, Ending.NONE), WIDTH, Agreeing()) is None


def test_a_graph_that_is_more_than_a_forest_is_not_prebound() -> None:
    ended = forest_graph(forest(4), WIDTH, Ending.SIGMOID)
    assert read_forest(ended) is not None
    assert read_forest(ended, is_all=True) is None
    assert bound(ended)[0] is None
    assert bound(weighed(1.0, 1.0, 1.0))[0] is None


def test_a_forest_that_does_not_agree_with_its_graph_is_not_used() -> None:
    graph = forest_graph(forest(5), WIDTH, Ending.NONE)

    class Off:
        def score(self, matrix: Floats) -> NDArray[np.float64]:
            return np.nextafter(SCORERS["onnx"](graph, WIDTH, "margin").score(matrix), np.inf)

    assert prebind(graph, WIDTH, Off()) is None


def test_what_is_not_finite_is_refused_as_the_graph_refuses_it() -> None:
    made, _ = of(forest(6))
    huge = replace(made, leaves=np.full_like(made.leaves, 3e38))
    with pytest.raises(ScoringError, match="not a finite number"):
        scored(huge, np.zeros((2, WIDTH), np.float32), [], [])
    assert bound(forest_graph(forest(6, leaves=1e38, trees=60), WIDTH, Ending.NONE))[0] is None


def changed(change: Callable[[dict[str, onnx.AttributeProto]], None]) -> bytes:
    proto = onnx.load_from_string(forest_graph(forest(7), WIDTH, Ending.NONE))
    change({each.name: each for each in proto.graph.node[0].attribute})
    return bytes(proto.SerializeToString())


def test_only_sums_of_plain_splits_are_forests() -> None:
    assert read_forest(changed(lambda said: None)) is not None
    assert read_forest(changed(lambda said: setattr(said["aggregate_function"], "i", 0))) is None
    assert read_forest(changed(lambda said: setattr(said["post_transform"], "i", 2))) is None
    assert read_forest(changed(lambda said: setattr(said["n_targets"], "i", 2))) is None
    assert read_forest(changed(lambda said: setattr(said["nodes_modes"].t, "raw_data", b"\x02" * 9))) is None
    assert read_forest(changed(lambda said: setattr(said["leaf_weights"], "name", "other"))) is None
    assert read_forest(changed(lambda said: setattr(said["leaf_weights"].t, "data_type", 11))) is None
    for flags in ("nodes_trueleafs", "nodes_falseleafs", "nodes_missing_value_tracks_true"):
        assert read_forest(changed(lambda said, flags=flags: said[flags].ints.__setitem__(0, 2))) is None
    assert read_forest(changed(lambda said: setattr(said["leaf_weights"].t, "raw_data", b"\x02"))) is None
    with pytest.raises(NotRunnableError, match="end too early"):
        read_forest(forest_graph(forest(7), WIDTH, Ending.NONE)[:-3])


def test_too_large_a_forest_is_left_to_the_graph() -> None:
    leafy = forest_graph(chain(33), WIDTH, Ending.NONE)
    assert read_forest(leafy, is_all=True, most_splits=32) is not None
    assert read_forest(leafy, is_all=True, most_splits=31) is None
    assert bound(forest_graph(stumps(2000), WIDTH, Ending.NONE))[0] is not None
    assert bound(forest_graph(stumps(2100), WIDTH, Ending.NONE))[0] is None


def stumps(count: int) -> Forest:
    """Trees of one split each, all at thresholds of their own."""
    each, yes = np.arange(count), np.ones(count, dtype=np.bool_)
    return Forest(
        features=np.zeros(count, np.int64),
        thresholds=each.astype(np.float64),
        on_true=2 * each,
        on_false=2 * each + 1,
        is_true_leaf=yes,
        is_false_leaf=yes,
        is_missing_true=~yes,
        leaves=np.ones(2 * count),
        roots=each,
    )


def test_what_must_be_a_probability_is_left_to_the_graph() -> None:
    graph = forest_graph(forest(8), WIDTH, Ending.NONE)
    for output, is_bound in (("margin", True), ("probability", False)):
        models = (replace_struct(model("price", "taste", "flat"), output=output),)
        rules = (*RULES, columns("flat", "double", const(0.25)))
        loaded = Shop(slots=(slot(model="m"),), rules=rules, models=models, graphs={"m": graph}).load()
        chosen = loaded.slots["shelf"].model
        assert chosen is not None
        assert (chosen.prebound is not None) is is_bound


def test_slots_score_by_the_forest_what_they_score_by_the_graph() -> None:
    taste = columns("flat", "double", const(0.25))
    loaded = Shop(
        slots=(slot(model="m"),),
        rules=(*RULES, taste),
        models=(model("price", "taste", "flat"),),
        graphs={"m": forest_graph(forest(8), WIDTH, Ending.NONE)},
    ).load()
    chosen = loaded.slots["shelf"].model
    assert chosen is not None
    assert chosen.prebound is not None
    for price, liking in [(100, 2.0), (1, -1.0), (-2, None)]:
        delta = FeatureDelta(table="products", seq=1, entity="b", as_of=NOW, values={"price": price})
        table = loaded.snapshot.with_deltas([delta], Cursor()).tables["products"]
        given_ = batch(loaded)
        if liking is not None:
            given_.scope.visitor = {"taste": FeatureValue(value=liking, as_of=NOW)}
        many = Batch(given_.scope, table, np.tile(given_.rows, 4))
        graph_alone = replace(chosen, prebound=None)
        assert by_model(chosen, many).tolist() == by_model(graph_alone, many).tolist()
