"""The rule language against Google's own library, a bounded number of evaluations; `make fuzz` runs many more."""

import os
from collections.abc import Iterator
from random import Random

import pytest
from differential.compare import Comparison
from differential.deviations import DEVIATIONS, Deviation, Seen, known
from differential.fuzz_report import told
from differential.ours import Compiled, Pipeline, ran
from differential.outcomes import ERROR, Outcome, outcome_of, same
from differential.reference import LACKING, Reference
from differential.worlds import draw_world

from engine.programs.functions import FUNCTIONS

EVALUATIONS = 25_000
OF_CEL = {function.id: function for function in FUNCTIONS.values() if not function.is_own}


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    child = Reference()
    child.bind([])
    yield child
    child.close()


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline()


def test_no_evaluation_differs_from_the_library(reference: Reference) -> None:
    comparison = Comparison(2017, reference)
    for _ in comparison.run(EVALUATIONS):
        pass
    report = comparison.report
    assert not report.differences, told(report, comparison.vocabulary)
    assert report.evaluations >= EVALUATIONS
    assert 0.1 < report.errors_on_both / report.evaluations < 0.6
    assert report.unchecked + report.refused.total() < report.expressions / 20
    assert len(report.run) > 0.9 * len(comparison.vocabulary.functions)
    assert reference.killed < 5


def test_the_generator_writes_almost_all_functions_and_all_macros(pipeline: Pipeline) -> None:
    vocabulary = Comparison(1, None).vocabulary
    assert len(vocabulary.unspelled) < len(FUNCTIONS) / 15, vocabulary.unspelled
    assert vocabulary.unspelled_macros == ()
    assert vocabulary.unknown_macros == ()


def test_the_same_seed_draws_the_same_expressions() -> None:
    first, second, other = (Comparison(seed, None) for seed in (5, 5, 6))
    for comparison in (first, second, other):
        next(comparison.run(1))
    assert first.report == second.report
    assert first.report.run != other.report.run


def test_each_example_is_true_for_the_library(reference: Reference) -> None:
    reference.bind([{}])
    answers = reference.evaluate([(function.example, (0,)) for function in OF_CEL.values()])
    outcomes = dict(zip(OF_CEL, answers, strict=True))
    wrong = {each: outcome for each, outcome in outcomes.items() if outcome != [("bool", True)]}
    assert {each for each, outcome in wrong.items() if outcome is None or outcome[0][0] != LACKING} == set()


def test_a_difference_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch, reference: Reference) -> None:
    monkeypatch.setitem(vars(FUNCTIONS["logical_not"]), "run", lambda value: value)
    comparison = Comparison(3, reference)
    for _ in comparison.run(5_000):
        pass
    (found,) = (each for key, each in comparison.report.differences.items() if "library') logical_not" in key)
    assert len(found.text) < 20
    assert {*found.outcomes} == {"bool True", "bool False"}


def test_a_child_that_dies_is_started_again(reference: Reference) -> None:
    reference.bind([{}])
    assert reference._process is not None
    os.kill(int(reference._process.pid or 0), 9)
    assert reference.evaluate([("1 + 1", (0,)), ("1 / 0", (0,))]) == [[("int", 2)], [ERROR]]


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda each: each.name)
def test_a_known_deviation_is_still_one(deviation: Deviation, reference: Reference, pipeline: Pipeline) -> None:
    compiled = pipeline.compiled(deviation.example)
    assert isinstance(compiled, Compiled)
    scope = draw_world(Random(1)).row(0)
    ours = outcome_of(ran(compiled.rule, scope))
    theirs = differing(deviation.example, ours, reference)
    assert not same(ours, theirs)
    seen = Seen(deviation.example, compiled.rule, ours, theirs, lambda rule: outcome_of(ran(rule, scope)))
    assert known(seen) == deviation.name


def differing(text: str, ours: Outcome, reference: Reference) -> Outcome:
    """The library's outcome, of another child where the order of a map happens to be ours."""
    for _ in range(3):
        reference.bind([{}])
        (answer,) = reference.evaluate([(text, (0,))])
        assert answer is not None
        if not same(ours, answer[0]):
            break
        reference.close()
    return answer[0]
