"""Malformed rules are refused before they are planned, each with its rule, node and reason."""

import pytest

from contracts.catalog import ColumnSpec, TableSpec
from contracts.errors import NotRunnableError
from contracts.features import FeatureSchema, FeatureSpec, FoldSpec, Root, ValueType
from contracts.rule_ir import (
    Call,
    Const,
    Dispatch,
    Form,
    Has,
    ListOf,
    MacroCall,
    MapOf,
    Node,
    Place,
    Read,
    Rule,
    Variable,
)
from engine.programs.columns import plan_columns
from engine.programs.functions import FUNCTIONS
from engine.programs.limits import MAX_DEPTH, MAX_NODES, MAX_TEXT
from engine.programs.plan import plan_request
from engine.programs.types import VARIABLES, CelType
from engine.programs.verify import verify

SCHEMA = FeatureSchema(
    purposes=(), features=(FeatureSpec(name="taste", root=Root.VISITOR, type=ValueType.NUMBERS, default={}),)
)
TABLE = TableSpec(
    name="items",
    rows=0,
    columns=(
        ColumnSpec(name="price", type=ValueType.INT),
        ColumnSpec(name="brand", type=ValueType.STRING),
        ColumnSpec(name="tags", type=ValueType.STRINGS),
    ),
)
ONE, TRUE, TEXT = Const(type="int", value=1), Const(type="bool", value=True), Const(type="string", value="a")
NOW = Read(type="timestamp", root=Root.NOW)
ELEMENT = Variable(type="int", slot=0)


def rule(*nodes: Node, type: str = "int", form: Form = Form.COLUMNS) -> Rule:
    return Rule(name="r", form=form, type=type, place=Place(file="x", line=1, column=1), nodes=nodes)


def call(function: str, *args: int, type: str = "int") -> Call:
    return Call(type=type, function=function, args=args)


def over(*bodies: Node, at: int = 0) -> tuple[Node, ...]:
    """A list of one int, then bodies of a macro that goes over it; the first of these nodes stands at `at`."""
    return (ONE, ListOf(type="list(int)", items=(at,)), *bodies)


def macro(name: str, over: int = 1, bodies: tuple[int, ...] = (2,), slots: tuple[int, ...] = (0,)) -> MacroCall:
    return MacroCall(type="bool", macro=name, over=over, slots=slots, bodies=bodies)


REFUSED = {
    "no nodes": (rule(), "rule 'r' has 0 nodes; 1 to 2000 may be run"),
    "too many nodes": (rule(*[ONE] * (MAX_NODES + 1)), "rule 'r' has 2001 nodes"),
    "an orphan": (rule(ONE, ONE), "rule 'r' is no tree: a node before the last one has no parent"),
    "a later child": (
        rule(call("negate_int64", 1)),
        "rule 'r', node 0: refers to node 1, which does not stand before it",
    ),
    "itself": (rule(ONE, call("negate_int64", 1)), "node 1: refers to node 1, which does not stand before it"),
    "a child before all": (rule(ONE, call("negate_int64", -1)), "refers to node -1, which does not stand before it"),
    "two parents": (rule(ONE, call("add_int64", 0, 0)), "node 1: refers to node 0, which already has a parent"),
    "too deep": (
        rule(ONE, *[call("negate_int64", n) for n in range(MAX_DEPTH)]),
        f"node {MAX_DEPTH}: nested deeper than 64",
    ),
    "a strange type": (rule(Const(type="decimal", value=1)), "int is no literal of type 'decimal'"),
    "a bool as an int": (rule(Const(type="int", value=True)), "bool is no literal of type 'int'"),
    "an int as a double": (rule(Const(type="double", value=1)), "int is no literal of type 'double'"),
    "outside int64": (rule(Const(type="int", value=2**63)), "literal 9223372036854775808 is out of the range of int"),
    "outside time": (
        rule(Const(type="timestamp", value=2**62 * 100), type="timestamp"),
        "is out of the range of timestamp",
    ),
    "too much text": (
        rule(Const(type="string", value="a" * MAX_TEXT), TEXT, call("add_string", 0, 1, type="string"), type="string"),
        "node 1: the rule's literals hold more than 16384 characters",
    ),
    "half a character": (rule(Const(type="string", value="\ud800"), type="string"), "holds half of a surrogate pair"),
    "another declared type": (rule(ONE, call("negate_int64", 0, type="bool")), "declares 'bool' but gives int"),
    "another rule type": (rule(ONE, type="bool"), "rule 'r' declares 'bool' but gives int"),
    "an unknown rule type": (rule(ONE, type="float"), "rule 'r': type 'float' is not one that this engine knows"),
    "an unknown type": (rule(Read(type="list(", root=Root.NOW)), "node 0: type 'list(' is not one"),
    "a long type": (rule(ListOf(type="list(" * 99, items=()), type="int"), "node 0: a type is spelled too long"),
    "a map type without value": (rule(MapOf(type="map(string)", keys=(), values=())), "type 'map(string)' is not one"),
    "an unknown function": (rule(ONE, call("launch", 0)), "node 1: calls 'launch', which this engine does not have"),
    "too few arguments": (rule(ONE, call("add_int64", 0)), "add_int64 takes (int, int), not (int)"),
    "wrong arguments": (rule(ONE, TEXT, call("add_int64", 0, 1)), "add_int64 takes (int, int), not (int, string)"),
    "arguments that differ": (
        rule(ONE, TEXT, call("equals", 0, 1, type="bool"), type="bool"),
        "equals takes (A, A), not (int, string)",
    ),
    "an element of another type": (
        rule(ONE, TEXT, ListOf(type="list(string)", items=(1,)), call("in_list", 0, 2, type="bool"), type="bool"),
        "in_list takes (A, list(A)), not (int, list(string))",
    ),
    "a mixed value as an int": (
        rule(ONE, TEXT, ListOf(type="list(dyn)", items=(0, 1)), ONE, call("index_list", 2, 3), call("negate_int64", 4)),
        "node 4: declares 'int' but gives dyn",
    ),
    "an unknown column": (rule(Read(type="int", root=Root.ITEM, field="stock")), "reads item.stock, which the bundle"),
    "an unknown feature": (
        rule(Read(type="int", root=Root.VISITOR, field="spend")),
        "reads visitor.spend, which the bundle does not declare",
    ),
    "the presence of nothing": (rule(Has(root=Root.VISITOR, field="spend"), type="bool"), "reads visitor.spend"),
    "a part of now": (rule(Read(type="int", root=Root.NOW, field="x")), "reads now.x"),
    "a part of score": (rule(Read(type="double", root=Root.SCORE, field="x")), "reads score.x"),
    "all scores": (rule(Read(type="double", root=Root.SCORES)), "reads scores., which the bundle does not declare"),
    "scores as another type": (rule(Read(type="int", root=Root.SCORES, field="m")), "declares 'int' but gives double"),
    "scores of models without candidates": (
        rule(Read(type="double", root=Root.SCORES, field="m"), type="double", form=Form.REQUEST),
        "scores is read, but only rules over candidates have one",
    ),
    "has of scores without candidates": (
        rule(Has(root=Root.SCORES, field="m"), form=Form.REQUEST),
        "scores is read, but only rules over candidates have one",
    ),
    "a whole root": (rule(Read(type="int", root=Root.VISITOR)), "reads visitor., which"),
    "a score of a request": (
        rule(Read(type="double", root=Root.SCORE), type="double", form=Form.REQUEST),
        "score is read, but only rules over candidates have one",
    ),
    "a map with more keys": (rule(TEXT, MapOf(type="map(string,int)", keys=(0,), values=())), "as many keys as values"),
    "a map of doubles": (
        rule(Const(type="double", value=1.0), ONE, MapOf(type="map(double,int)", keys=(0,), values=(1,))),
        "a map's keys are strings, ints, uints or bools, not double",
    ),
    "bytes that are none": (rule(Const(type="bytes", value="a"), type="bytes"), "a literal of bytes is not base64"),
    "bytes beyond ASCII": (rule(Const(type="bytes", value="é"), type="bytes"), "a literal of bytes is not base64"),
    "a uint below zero": (rule(Const(type="uint", value=-1), type="uint"), "literal -1 is out of the range of uint"),
    "a call left open": (rule(ONE, Dispatch(name="-_", args=(0,)), type="dyn"), "calls '-_' without saying for which"),
    "an optional that is none": (
        rule(ONE, ListOf(type="list(int)", items=(0,), optional=(0,)), type="list(int)"),
        "int is no optional, so it cannot be left out",
    ),
    "optional places beyond the list": (
        rule(ONE, call("optional_of", 0, type="optional(int)"), ListOf(type="list(int)", items=(1,), optional=(1,))),
        "the places of what may be left out are in order, each once",
    ),
    "optional places without end": (
        rule(
            ONE, call("optional_of", 0, type="optional(int)"), ListOf(type="list(int)", items=(1,), optional=(0,) * 99)
        ),
        "the places of what may be left out are in order, each once",
    ),
    "an entry of a declared type": (
        rule(
            MapOf(type="map(string,string)", keys=(), values=()),
            TEXT,
            call("select_optional_field", 0, 1, type="optional(int)"),
            type="optional(int)",
        ),
        "declares 'optional(int)' but gives optional(string)",
    ),
    "a pattern that is read": (
        rule(TEXT, Read(type="string", root=Root.ITEM, field="brand"), call("matches", 0, 1, type="bool"), type="bool"),
        "matches takes a literal there",
    ),
    "a pattern that is none": (
        rule(TEXT, Const(type="string", value="("), call("matches", 0, 1, type="bool"), type="bool"),
        "'(' is no pattern of RE2",
    ),
    "an unbound variable": (rule(Variable(type="int", slot=0)), "reads a variable that no macro binds"),
    "a slot too far": (rule(Variable(type="int", slot=64)), "slot 64 is none of the 64 for variables"),
    "an unknown macro": (rule(*over(ELEMENT), macro("most")), "uses the macro 'most', which this engine does not have"),
    "a macro of an int": (rule(ONE, TRUE, macro("all", 0, (1,))), "all does not go over int"),
    "a macro without body": (rule(*over(), macro("all", 1, ())), "all does not go over list(int) with bodies"),
    "a body of another type": (rule(*over(ELEMENT), macro("all")), "all does not go over list(int) with bodies"),
    "two conditions": (rule(*over(TRUE, TRUE, ELEMENT), macro("map", 1, (2, 3, 4))), "map does not go over list(int)"),
    "too many variables": (rule(*over(TRUE), macro("all", slots=(0, 1, 2))), "all does not go over list(int)"),
    "a variable twice": (rule(*over(TRUE), macro("all", slots=(0, 0))), "all does not go over list(int)"),
    "a variable of another type": (
        rule(*over(Variable(type="bool", slot=0)), macro("all")),
        "a variable is int but read as bool",
    ),
    "a variable of two types": (
        rule(*over(ELEMENT, Variable(type="bool", slot=0), MapOf(type="map(int,bool)", keys=(2,), values=(3,)))),
        "reads one variable as int and as bool",
    ),
    "an outer variable that is hidden": (
        rule(*over(), *over(TRUE, at=2), macro("all", 3, (4,)), macro("all", 1, (5,)), type="bool"),
        "binds a variable that a macro inside binds again",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_malformed_rule_is_refused(name: str) -> None:
    malformed, message = REFUSED[name]
    with pytest.raises(NotRunnableError) as caught:
        verify(malformed, SCHEMA, TABLE)
    assert message in str(caught.value)
    assert str(caught.value).startswith("rule 'r'")


def test_item_is_unknown_without_a_table() -> None:
    with pytest.raises(NotRunnableError, match=r"reads item\.price"):
        plan_request(rule(Read(type="int", root=Root.ITEM, field="price"), form=Form.REQUEST), SCHEMA, None)


@pytest.mark.parametrize(
    ("nodes", "kind"),
    [
        ((ListOf(type="list(string)", items=()),), "list(string)"),
        ((ListOf(type="list(dyn)", items=()),), "list(dyn)"),
        ((MapOf(type="map(dyn, dyn)", keys=(), values=()),), "map(dyn, dyn)"),
        ((ListOf(type="list(string)", items=()), ONE, call("index_list", 0, 1, type="string")), "string"),
        ((ONE, TEXT, ListOf(type="list(dyn)", items=(0, 1)), ONE, call("index_list", 2, 3, type="dyn")), "dyn"),
        (
            (
                ListOf(type="list(int)", items=()),
                ONE,
                ListOf(type="list(int)", items=(1,)),
                call("equals", 0, 2, type="bool"),
            ),
            "bool",
        ),
        ((Const(type="null", value=None),), "null"),
        (
            (
                ListOf(type="list(int)", items=()),
                ONE,
                ListOf(type="list(int)", items=(1,)),
                ListOf(type="list(list(int))", items=(0, 2)),
            ),
            "list(list(int))",
        ),
        (
            (
                ONE,
                ListOf(type="list(int)", items=(0,)),
                TEXT,
                ListOf(type="list(string)", items=(2,)),
                ListOf(type="list(dyn)", items=(1, 3)),
            ),
            "list(dyn)",
        ),
        ((NOW,), "timestamp"),
    ],
)
def test_what_the_checker_gives_is_taken(nodes: tuple[Node, ...], kind: str) -> None:
    verified = verify(rule(*nodes, type=kind), SCHEMA, TABLE)
    assert len(verified.types) == len(nodes)


COLUMN_REFUSED = {
    "a request's rule": (rule(ONE, form=Form.REQUEST), "rule 'r' was lowered for requests, not for candidates"),
    "a list": (
        rule(Read(type="list(string)", root=Root.ITEM, field="tags"), type="list(string)"),
        "rule 'r' gives list(string); candidates take a single value each",
    ),
    "a fine literal": (
        rule(Const(type="duration", value=1), type="duration"),
        "over candidates, times are no finer than microseconds",
    ),
    "a fine text": (
        rule(Const(type="string", value="1ns"), call("string_to_duration", 0, type="duration"), type="duration"),
        "over candidates, times are no finer than microseconds",
    ),
    "a text that may be fine": (
        rule(
            TEXT,
            TEXT,
            call("add_string", 0, 1, type="string"),
            call("string_to_timestamp", 2, type="timestamp"),
            type="timestamp",
        ),
        "over candidates, times are read from literals alone",
    ),
}


@pytest.mark.parametrize("name", COLUMN_REFUSED)
def test_what_no_column_can_hold_is_refused(name: str) -> None:
    refused, message = COLUMN_REFUSED[name]
    with pytest.raises(NotRunnableError) as caught:
        plan_columns(refused, SCHEMA, TABLE)
    assert message in str(caught.value)


def test_macros_are_bounded_by_what_they_go_through() -> None:
    tags = Read(type="list(string)", root=Root.ITEM, field="tags")
    inner = (tags, TRUE, MacroCall(type="bool", macro="all", over=1, slots=(1,), bodies=(2,)))
    middle = (tags, *inner, MacroCall(type="bool", macro="all", over=0, slots=(0,), bodies=(3,)))
    verify(rule(*middle, type="bool"), SCHEMA, TABLE)
    inner = (tags, TRUE, MacroCall(type="bool", macro="all", over=2, slots=(2,), bodies=(3,)))
    within = (*inner, MacroCall(type="bool", macro="all", over=1, slots=(1,), bodies=(4,)))
    nodes = (tags, tags, *within, MacroCall(type="bool", macro="all", over=0, slots=(0,), bodies=(5,)))
    with pytest.raises(NotRunnableError, match="its macros may take 27090300 steps; at most 100000 may be run"):
        verify(rule(*nodes, type="bool"), SCHEMA, TABLE)


def test_a_list_that_is_too_long_is_not_gone_through() -> None:
    numbers = ListOf(type="list(int)", items=tuple(range(301)))
    nodes = (*[ONE] * 301, numbers, TRUE, MacroCall(type="bool", macro="all", over=301, slots=(0,), bodies=(302,)))
    with pytest.raises(NotRunnableError, match="all goes through 301 entries; at most 300 may be"):
        verify(rule(*nodes, type="bool"), SCHEMA, TABLE)


def test_a_fold_bounds_what_goes_through_it() -> None:
    fold = FoldSpec(fold="last_n", event="view", key="item", limit=20)
    seen = FeatureSpec(name="seen", root=Root.VISITOR_STATE, type=ValueType.STRINGS, fold=fold)
    tags = Read(type="list(string)", root=Root.ITEM, field="tags")
    read = Read(type="list(string)", root=Root.VISITOR_STATE, field="seen")
    inner = (read, TRUE, MacroCall(type="bool", macro="all", over=1, slots=(1,), bodies=(2,)))
    outer = MacroCall(type="bool", macro="all", over=0, slots=(0,), bodies=(3,))
    schema = FeatureSchema(purposes=(), features=(seen,))
    bounded = verify(rule(read, *inner, outer, type="bool"), schema, TABLE)
    assert (bounded.slots, bounded.facts[-1].steps) == (2, 20 * 21)
    assert verify(rule(tags, *inner, outer, type="bool"), schema, TABLE).facts[-1].steps == 300 * 21


def test_on_trial_variables_are_given_and_calls_left_open() -> None:
    tried = rule(ELEMENT, Dispatch(name="-_", args=(0,)), type="dyn", form=Form.REQUEST)
    assert verify(tried, SCHEMA, TABLE, (CelType("int"),)).types[-1] == CelType("dyn")
    with pytest.raises(NotRunnableError, match="reads a variable that no macro binds"):
        verify(tried, SCHEMA, TABLE, (CelType("bool"),))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_result_is_told_by_the_parameters(name: str) -> None:
    """A type variable that no parameter binds would be believed as it is declared."""
    function = FUNCTIONS[name]
    bound = set("".join(function.params)) & VARIABLES
    assert name == "optional_none" or set(function.result) & VARIABLES <= bound
