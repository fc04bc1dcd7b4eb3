"""What passes for a known deviation, and what does not: each line is narrow."""

from random import Random

import pytest
from differential.deviations import Seen, known
from differential.orders import other_orders
from differential.ours import Compiled, Pipeline, ran
from differential.outcomes import ERROR, Outcome, outcome_of
from differential.worlds import draw_world

ORDER = "what is made of a map's order depends on it"
IN_FULL = "format writes doubles as %s in full"
EMPTY = "an empty match is one match"
ENTRIES = "{'A': 1, 'b': 2, 'c': 3}"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline()


def name_of(text: str, theirs: Outcome, pipeline: Pipeline) -> str | None:
    """The deviation by which our outcome of an expression may differ from this one."""
    compiled = pipeline.compiled(text)
    assert isinstance(compiled, Compiled)
    scope = draw_world(Random(1)).row(0)
    ours = outcome_of(ran(compiled.rule, scope))
    return known(Seen(text, compiled.rule, ours, theirs, lambda rule: outcome_of(ran(rule, scope))))


@pytest.mark.parametrize(
    ("text", "theirs", "name"),
    [
        (f"{ENTRIES}.map(key, key)[0]", ("string", "c"), ORDER),
        (f"{ENTRIES}.map(key, key).join('')", ("string", "cbA"), ORDER),
        (f"{ENTRIES}.map(key, key)[0]", ("string", "d"), None),
        (f"{ENTRIES}.map(key, key).join('')", ("string", "cb"), None),
        (f"{ENTRIES}.all(key, key != 'b') ? 1 : 2", ("int", 1), None),
        ("'%s'.format([1e300])", ("string", "1e+300"), IN_FULL),
        ("'%s, %s'.format([{'a': 1234567.5}, 'x'])", ("string", "{a: 1.23457e+06}, x"), IN_FULL),
        ("'%s'.format([1234567.5])", ("string", "1.23456e+06"), None),
        ("['%s'.format([1e300])]", ("list", (("string", "1e+300"),)), IN_FULL),
        ("{'': '%s'.format([1e300])}", ("map", ((("str", ""), ("string", "1e+300")),)), IN_FULL),
        ("{'': '%s'.format([1e300])}", ("map", ((("str", ""), ("string", "1e+299")),)), None),
        ("'%s'.format([1234567.5])", ("string", "2.23457e+06"), None),
        ("'%s'.format(['1234'])", ("string", "01234"), None),
        ("regex.replace('abc', '', 'x', 2)", ("string", "xxabc"), EMPTY),
        ("[regex.replace('abc', 'z*', 'x', 2)][0]", ("string", "xxabc"), EMPTY),
        ("regex.replace('abc', 'b', 'x', 2)", ("string", "axx"), None),
        ("regex.replace('abc', '', 'x', 2)", ERROR, None),
        ("regex.extractAll('abc', 'b')", ("list", ()), None),
        ("[1, 2].all(x, false) ? 0 : cel.bind(y, 7, y)", ("int", 1), "a bound variable is what it is bound to"),
        ("cel.bind(y, 7, y)", ("int", 1), None),
    ],
)
def test_a_difference_is_known_or_is_not(text: str, theirs: Outcome, name: str | None, pipeline: Pipeline) -> None:
    assert name_of(text, theirs, pipeline) == name


def test_other_orders_are_all_but_the_written_one(pipeline: Pipeline) -> None:
    compiled = pipeline.compiled(f"{ENTRIES}.map(key, key).join('')")
    assert isinstance(compiled, Compiled)
    scope = draw_world(Random(1)).row(0)
    found = [ran(rule, scope) for rule in other_orders(compiled.rule)]
    assert sorted(map(str, found)) == ["Acb", "bAc", "bcA", "cAb", "cbA"]
