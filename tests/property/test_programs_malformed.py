"""Whatever stands in a rule, it is refused with `NotRunnableError` or it runs: values or a rule's own error."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from test_programs_agreement import SCHEMA, SCOPE, SPECS, TABLE, N, column, outcome, rules

from contracts.errors import NotRunnableError, RuleError
from contracts.features import Root
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MapOf, Node, Place, Read, Rule
from engine.programs.columns import plan_columns
from engine.programs.functions import FUNCTIONS
from engine.programs.plan import plan_request
from engine.programs.values import Batch
from engine.snapshot import Table

ROWS = Table("items", {spec.name: column(spec.type, np.random.default_rng(7)) for spec in SPECS})
PLACES = st.integers(-2, 12)
SINGLE_TYPES = ("bool", "int", "uint", "double", "string", "bytes", "null", "timestamp", "duration", "dyn")
OTHER_TYPES = (
    "list(string)",
    "list(int)",
    "list(dyn)",
    "list(A)",
    "map(string, double)",
    "map(string,int)",
    "map(int,int)",
)
NO_TYPES = ("A", "never", "", "list(", "map(", "map(,)", "list(" * 20 + ")" * 20)
TYPES = st.sampled_from((*SINGLE_TYPES, *OTHER_TYPES, *NO_TYPES))
FIELDS = st.sampled_from(("", "nothing", *(spec.name for spec in SPECS), *(spec.name for spec in SCHEMA.features)))
VALUES = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(max_size=3)
FUNCTION_IDS = st.sampled_from((*FUNCTIONS, "matches", ""))


def _places() -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(PLACES, max_size=3).map(tuple)


NODES: st.SearchStrategy[Node] = st.one_of(
    st.builds(Const, type=TYPES, value=VALUES),
    st.builds(Read, type=TYPES, root=st.sampled_from(Root), field=FIELDS),
    st.builds(Has, type=TYPES, root=st.sampled_from(Root), field=FIELDS),
    st.builds(Call, type=TYPES, function=FUNCTION_IDS, args=_places()),
    st.builds(ListOf, type=TYPES, items=_places()),
    st.builds(MapOf, type=TYPES, keys=_places(), values=_places()),
)


@st.composite
def mutated(draw: st.DrawFn) -> Rule:
    """A sound rule with one node changed: another node, another declared type, or another function."""
    rule = draw(rules())
    place = draw(st.integers(0, len(rule.nodes) - 1))
    node = rule.nodes[place]
    changes: list[st.SearchStrategy[Node]] = [NODES, TYPES.map(lambda kind: replace(node, type=kind))]
    if isinstance(node, Call):
        changes += [FUNCTION_IDS.map(lambda function: replace(node, function=function))] * 2
    nodes = (*rule.nodes[:place], draw(st.one_of(changes)), *rule.nodes[place + 1 :])
    return replace(rule, nodes=nodes, type=draw(st.just(rule.type) | TYPES))


def scrambled() -> st.SearchStrategy[Rule]:
    """Nodes that have nothing to do with each other."""
    return st.builds(
        Rule,
        name=st.just("x"),
        form=st.sampled_from(Form),
        type=TYPES,
        place=st.just(Place(file="x", line=1, column=1)),
        nodes=st.lists(NODES, max_size=6).map(tuple),
    )


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(mutated(), scrambled()))
def test_a_malformed_rule_is_refused_or_runs(rule: Rule) -> None:
    try:
        closure = plan_request(rule, SCHEMA, TABLE)
        program = plan_columns(rule, SCHEMA, TABLE)
    except NotRunnableError:
        return
    outcomes = [outcome(closure, SCOPE.at(ROWS, row, 1.0)) for row in range(N)]
    outcomes.append(outcome(program, Batch(SCOPE, ROWS, np.arange(N))))
    assert {one.rule for one in outcomes if isinstance(one, RuleError)} <= {rule.name}
