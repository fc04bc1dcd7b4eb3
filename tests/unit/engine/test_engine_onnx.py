import numpy as np
import pytest
from graphs import graph, one, weighed
from onnx import TensorProto, helper

from contracts.errors import NotRunnableError, ScoringError
from engine.scorers import SCORERS
from engine.scorers.onnx import OnnxScorer

ROWS = np.array([[1, 2], [3, 4]], dtype=np.float32)


def named(name: str, kind: int = TensorProto.FLOAT, shape: tuple[int | None, ...] = (None, 2)) -> object:
    return helper.make_tensor_value_info(name, kind, shape)


def test_one_score_per_row_as_float64() -> None:
    scores = SCORERS["onnx"](weighed(0.5, 2.0), 2, "margin").score(ROWS)
    assert scores.dtype == np.float64
    assert scores.tolist() == [4.5, 9.5]


def test_no_rows_give_no_scores() -> None:
    assert len(OnnxScorer(weighed(1.0, 1.0), 2, "probability").score(ROWS[:0])) == 0


def test_of_two_columns_the_second_is_the_score() -> None:
    assert OnnxScorer(one("Identity"), 2, "margin").score(ROWS).tolist() == [2.0, 4.0]


def test_of_several_outputs_probabilities_are_the_score() -> None:
    nodes = [helper.make_node("Neg", ["x"], ["label"]), helper.make_node("Identity", ["x"], ["probabilities"])]
    both = graph(nodes, outputs=[named("label"), named("probabilities")])  # type: ignore[arg-type]
    assert OnnxScorer(both, 2, "margin").score(ROWS).tolist() == [2.0, 4.0]


def test_a_label_beside_one_float_output_is_ignored() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["label"], to=TensorProto.INT64),
        helper.make_node("Identity", ["x"], ["y"]),
    ]
    both = graph(nodes, outputs=[named("label", TensorProto.INT64), named("y")])  # type: ignore[arg-type]
    assert OnnxScorer(both, 2, "margin").score(ROWS).tolist() == [2.0, 4.0]


def test_scores_that_are_no_numbers_are_errors() -> None:
    scorer = OnnxScorer(weighed(1.0, 1.0), 2, "margin")
    with pytest.raises(ScoringError, match="not a finite number"):
        scorer.score(np.array([[np.nan, 1]], dtype=np.float32))
    with pytest.raises(ScoringError, match="not a finite number"):
        scorer.score(np.array([[np.inf, 1]], dtype=np.float32))


def test_a_probability_lies_between_zero_and_one() -> None:
    assert OnnxScorer(one("Sigmoid"), 2, "probability").score(ROWS).max() < 1
    with pytest.raises(ScoringError, match="outside"):
        OnnxScorer(one("Identity"), 2, "probability").score(ROWS)


def test_a_wrong_shape_is_an_error() -> None:
    with pytest.raises(ScoringError, match=r"shape \(2, 3\) for 2 rows"):
        OnnxScorer(one("Identity", width=3), 3, "margin").score(np.ones((2, 3), dtype=np.float32))
    with pytest.raises(ScoringError, match="runtime failed"):
        OnnxScorer(weighed(1.0, 1.0), 2, "margin").score(np.ones((2, 3), dtype=np.float32))


@pytest.mark.parametrize(
    ("model", "n_inputs", "message"),
    [
        (b"", 2, "no graph"),
        (weighed(1.0, 1.0), 3, "takes 2 inputs, the bundle declares 3"),
        (graph([helper.make_node("Add", ["x", "z"], ["y"])], inputs=[named("x"), named("z")]), 2, "one float32 matrix"),
        (graph([helper.make_node("Identity", ["x"], ["y"])], inputs=[named("x", shape=(None,))]), 2, "float32 matrix"),
        (graph([helper.make_node("Split", ["x"], ["y", "z"])], outputs=[named("y"), named("z")]), 2, "allow-list"),
        (
            graph(
                [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["z"])],
                outputs=[named("y"), named("z")],
            ),
            2,
            "2 float outputs",
        ),
        (graph([helper.make_node("MatMul", ["x", "gone"], ["y"])]), 2, "runtime refuses"),
    ],
)
def test_what_cannot_run_is_refused_at_load(model: bytes, n_inputs: int, message: str) -> None:
    with pytest.raises(NotRunnableError, match=message):
        OnnxScorer(model, n_inputs, "margin")


def test_scores_do_not_depend_on_the_other_rows() -> None:
    scorer = OnnxScorer(weighed(0.1, 0.7), 2, "margin")
    rows = np.linspace(-3, 3, 400, dtype=np.float32).reshape(-1, 2)
    assert scorer.score(rows).tolist() == [scorer.score(rows[at : at + 1])[0] for at in range(len(rows))]
