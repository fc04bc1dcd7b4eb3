"""A column program and its closure, run row by row, give the same values and the same errors, in the same words.

Rules are drawn by the generator of `tests/differential` from the table of functions itself, over columns of every type,
nullable and of the future, with features that are missing, withheld and EXPIRED.
"""

from random import Random

import numpy as np
import pytest
from differential.columns import disagreement
from differential.compare import Comparison
from differential.fuzz_report import told
from differential.ours import Compiled, Pipeline, computed
from differential.worlds import ROWS, draw_world

from contracts.errors import ExpiredError, MissingError, RuleError
from contracts.rule_ir import Form
from engine.programs.functions import FUNCTIONS

ROWS_COMPARED = 40_000


def test_a_column_program_agrees_with_its_closure_row_by_row() -> None:
    comparison = Comparison(2017, None)
    for _ in comparison.run(ROWS_COMPARED):
        pass
    report = comparison.report
    assert not report.differences, told(report, comparison.vocabulary)
    assert report.column_programs > report.expressions / 5
    assert report.column_rows > ROWS_COMPARED / 5
    assert len(report.run) > 0.9 * len(FUNCTIONS) - len(comparison.vocabulary.unspelled)


def compiled(text: str) -> Compiled:
    rule = Pipeline().compiled(text, Form.COLUMNS)
    assert isinstance(rule, Compiled)
    return rule


def test_the_drawn_worlds_have_values_and_every_kind_of_error() -> None:
    worlds = [draw_world(Random(seed), is_wild=True) for seed in range(20)]
    items, scores = compiled("item.int_0"), compiled("score")
    outcomes = {type(each) for world in worlds for each in items.outcomes(world, range(ROWS))}
    assert outcomes == {int, MissingError}
    for each_of in (scores, compiled("scores.returns")):
        assert {type(each) for world in worlds for each in each_of.outcomes(world, (0,))} == {float, MissingError}
    expired = compiled("visitor.int_expired == item.int_0")
    assert ExpiredError in {type(each) for world in worlds for each in expired.outcomes(world, (0,))}


@pytest.mark.parametrize(
    ("text", "function", "form"),
    [
        ("item.double_0 < 2.0", "less_double", lambda left, right: np.less_equal(left, right + 0.5)),
        ("item.int_0 + 1 > 0", "add_int64", lambda left, right: (left + right, None)),
    ],
)
def test_a_wrong_column_form_is_found(monkeypatch: pytest.MonkeyPatch, text: str, function: str, form: object) -> None:
    field = "checked" if function.endswith("int64") else "numeric"
    monkeypatch.setitem(vars(FUNCTIONS[function]), field, form)
    rule = compiled(text)
    worlds = [draw_world(Random(seed), is_wild=True) for seed in range(20)]
    assert any(disagreement(rule, world, rule.outcomes(world, range(ROWS))) for world in worlds)


def test_a_rule_error_of_all_rows_is_told_by_the_program_not_raised() -> None:
    rule = compiled("item.int_0 / 0 == 1")
    assert rule.columns is not None
    answer = computed(rule.columns, draw_world(Random(1)).batch())
    assert not isinstance(answer, RuleError)
    assert answer.errors is not None
    assert answer.errors.all()
