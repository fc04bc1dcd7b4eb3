"""Every scorer keeps these promises; a new entry of SCORERS is tested as soon as it has specimens here."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parents[1] / "unit/engine"))

from graphs import graph, one, weighed
from onnx import helper, numpy_helper

from compiler.exporters import OUTPUTS
from compiler.exporters.lean import Ending, forest_graph
from contracts.errors import NotRunnableError, ScoringError
from engine.scorers import SCORERS, Scorer
from engine.scorers.forest import Forest

WIDTH = 3
TREES = 40
Inputs = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Specimens:
    """Files of models with WIDTH inputs, by the output they may be declared with.

    Those of `honest` give a score to any row of finite numbers, and it depends on every input. `last` gives a row's
    last input, whatever that is; `wide` gives all inputs of a row instead of one score. `broken` is written as models
    are, but nothing can run it.
    """

    honest: dict[str, tuple[bytes, ...]]
    last: bytes
    wide: bytes
    broken: bytes


def stumps(ending: Ending) -> bytes:
    """Trees of one split each, at few thresholds."""
    chance, each = np.random.default_rng(5), np.arange(TREES)
    yes = np.ones(TREES, dtype=np.bool_)
    forest = Forest(
        features=each % WIDTH,
        thresholds=chance.choice(np.array([-1.5, 0.0, 0.1, 2.0], np.float32), TREES).astype(np.float64),
        on_true=2 * each,
        on_false=2 * each + 1,
        is_true_leaf=yes,
        is_false_leaf=yes,
        is_missing_true=~yes,
        leaves=chance.normal(size=2 * TREES).astype(np.float32).astype(np.float64),
        roots=each,
    )
    return forest_graph(forest, WIDTH, ending)


def layered(ending: str) -> bytes:
    """Two layers of a neural network and an ending."""
    chance = np.random.default_rng(6)
    sizes = {"first": (WIDTH, 8), "second": (8, 1)}
    weights = [numpy_helper.from_array(chance.normal(size=size).astype(np.float32), n) for n, size in sizes.items()]
    nodes = [("MatMul", ["x", "first"], "a"), ("Tanh", ["a"], "b"), ("MatMul", ["b", "second"], "c")]
    made = [helper.make_node(operator, given, [gives]) for operator, given, gives in [*nodes, (ending, ["c"], "y")]]
    return graph(made, WIDTH, initializer=weights)


def onnx_specimens() -> Specimens:
    return Specimens(
        honest={
            "margin": (weighed(0.1, -0.7, 3.0), stumps(Ending.NONE), layered("Identity")),
            "probability": (stumps(Ending.SIGMOID), layered("Sigmoid")),
        },
        last=graph([helper.make_node("Slice", ["x", "from", "to", "axis"], ["y"])], WIDTH, initializer=last_input()),
        wide=one("Identity", width=WIDTH),
        broken=graph([helper.make_node("MatMul", ["x", "nowhere"], ["y"])], WIDTH),
    )


def last_input() -> list[object]:
    numbers = {"from": WIDTH - 1, "to": WIDTH, "axis": 1}
    return [numpy_helper.from_array(np.array([number]), name) for name, number in numbers.items()]


SPECIMENS: dict[str, Callable[[], Specimens]] = {"onnx": onnx_specimens}
every_scorer = pytest.mark.parametrize("name", sorted(SCORERS))
every_output = pytest.mark.parametrize("output", OUTPUTS)


@cache
def specimens(name: str) -> Specimens:
    if name not in SPECIMENS:
        pytest.fail(f"scorer {name} has no models to be tested with: add a line to SPECIMENS in {__file__}")
    return SPECIMENS[name]()


@cache
def honest(name: str, output: str) -> tuple[Scorer, ...]:
    return tuple(SCORERS[name](file, WIDTH, output) for file in specimens(name).honest[output])


def inputs(count: int) -> Inputs:
    return np.random.default_rng(count).normal(size=(count, WIDTH)).astype(np.float32)


def ended_by(*values: float) -> Inputs:
    """Rows that end with these values."""
    rows = inputs(len(values))
    rows[:, -1] = values
    return rows


def test_each_scorer_has_specimens_for_each_output() -> None:
    assert {name: set(specimens(name).honest) for name in SCORERS} == {name: set(OUTPUTS) for name in SPECIMENS}


@every_scorer
@every_output
@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 100])
def test_each_row_has_one_finite_score(name: str, output: str, count: int) -> None:
    for scorer in honest(name, output):
        scores = scorer.score(inputs(count))
        assert scores.dtype == np.float64
        assert scores.shape == (count,)
        assert np.isfinite(scores).all()
        assert output == "margin" or ((scores >= 0.0) & (scores <= 1.0)).all()


@every_scorer
@every_output
def test_scores_tell_rows_apart(name: str, output: str) -> None:
    for scorer in honest(name, output):
        for place in range(WIDTH):
            rows = np.zeros((2, WIDTH), np.float32)
            rows[1, place] = 2.5
            assert len(set(scorer.score(rows).tolist())) == 2


@every_scorer
@every_output
@given(
    rows=st_numpy.arrays(
        np.float32, (9, WIDTH), elements=st.sampled_from([-1.5, -0.0, 0.1, 2.0]) | st.floats(-9, 9, width=32)
    ),
    asked=st.lists(st.integers(0, 8), max_size=20),
)
def test_a_row_has_the_same_bits_in_any_company(name: str, output: str, rows: Inputs, asked: list[int]) -> None:
    for scorer in honest(name, output):
        scores = scorer.score(rows)
        assert scorer.score(rows[asked]).tobytes() == scores[asked].tobytes()


@every_scorer
@every_output
@pytest.mark.parametrize("size", [1, 2, 7, 16, 64])
def test_however_rows_are_split_the_bits_are_the_same(name: str, output: str, size: int) -> None:
    rows = inputs(499)
    for scorer in honest(name, output):
        parts = [scorer.score(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert np.concatenate(parts).tobytes() == scorer.score(rows).tobytes()


@every_scorer
@every_output
def test_the_same_file_and_rows_give_the_same_bits_whatever_was_asked_between(name: str, output: str) -> None:
    rows, files = inputs(50), specimens(name).honest[output]
    for scorer, file in zip(honest(name, output), files, strict=True):
        first = scorer.score(rows)
        bits = first.tobytes()
        scorer.score(inputs(50) + 1)
        scorer.score(inputs(3))
        again = SCORERS[name](file, WIDTH, output)
        assert bits == first.tobytes() == scorer.score(rows).tobytes() == again.score(rows).tobytes()


@every_scorer
@every_output
def test_inputs_are_left_alone_and_scores_are_of_their_own(name: str, output: str) -> None:
    rows = inputs(20)
    before = rows.tobytes()
    for scorer in (*honest(name, output), SCORERS[name](specimens(name).last, WIDTH, "margin")):
        scores = scorer.score(rows)
        assert rows.tobytes() == before
        assert not np.shares_memory(scores, rows)


@every_scorer
@every_output
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_score_that_is_no_finite_number_is_an_error(name: str, output: str, value: float, place: int) -> None:
    values = [0.5] * 9
    values[place] = value
    with pytest.raises(ScoringError):
        SCORERS[name](specimens(name).last, WIDTH, output).score(ended_by(*values))


@every_scorer
@pytest.mark.parametrize("value", [-1.0, -1e-45, float(np.nextafter(np.float32(1), np.float32(2))), 3e38])
def test_a_probability_outside_0_and_1_is_an_error_and_a_margin_is_not(name: str, value: float) -> None:
    file, rows = specimens(name).last, ended_by(0.0, value, 1.0)
    with pytest.raises(ScoringError):
        SCORERS[name](file, WIDTH, "probability").score(rows)
    assert SCORERS[name](file, WIDTH, "probability").score(rows[::2]).tolist() == [0.0, 1.0]
    assert SCORERS[name](file, WIDTH, "margin").score(rows).tolist() == rows[:, -1].tolist()


@every_scorer
@every_output
@pytest.mark.parametrize("count", [1, 2, 3])
def test_more_than_one_score_a_row_is_an_error(name: str, output: str, count: int) -> None:
    with pytest.raises((NotRunnableError, ScoringError)):
        SCORERS[name](specimens(name).wide, WIDTH, output).score(np.full((count, WIDTH), 0.5, np.float32))


@every_scorer
@every_output
@pytest.mark.parametrize("width", [0, WIDTH - 1, WIDTH + 1])
def test_rows_of_another_width_are_an_error(name: str, output: str, width: int) -> None:
    for scorer in honest(name, output):
        with pytest.raises(ScoringError):
            scorer.score(np.zeros((2, width), np.float32))


@every_scorer
@every_output
@pytest.mark.parametrize("width", [0, WIDTH - 1, WIDTH + 1])
def test_a_model_of_another_width_than_declared_cannot_run(name: str, output: str, width: int) -> None:
    for file in specimens(name).honest[output]:
        with pytest.raises(NotRunnableError):
            SCORERS[name](file, width, output)


@every_scorer
@every_output
@pytest.mark.parametrize("data", [b"", b"\0", b"garbage", b"\x80\x04", b"\xff" * 40, b"\0" * 4096, b"{}", b"PK\3\4"])
def test_what_is_no_model_cannot_run(name: str, output: str, data: bytes) -> None:
    with pytest.raises(NotRunnableError) as refused:
        SCORERS[name](data, WIDTH, output)
    assert str(refused.value)


@every_scorer
@every_output
def test_a_model_that_cannot_be_run_is_refused_when_it_is_loaded(name: str, output: str) -> None:
    with pytest.raises(NotRunnableError):
        SCORERS[name](specimens(name).broken, WIDTH, output)


@every_scorer
@every_output
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_a_part_of_a_model_cannot_run(name: str, output: str, share: float) -> None:
    for file in specimens(name).honest[output]:
        with pytest.raises(NotRunnableError):
            SCORERS[name](file[: int(len(file) * share) - 1], WIDTH, output)
