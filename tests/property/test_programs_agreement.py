"""A column program and its closure, run row by row, give the same values and the same errors, in the same words.

Rules are drawn by the generator of `tests/differential` from the table of functions itself, over columns of every type,
nullable and of the future, with features that are missing, withheld and EXPIRED.
"""

from differential.compare import Comparison
from differential.ours import Compiled, Pipeline, attempted, computed
from differential.report import told
from differential.worlds import ROWS, draw_world

from contracts.errors import ExpiredError, MissingError
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
