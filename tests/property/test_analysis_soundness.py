"""What the analysis says of rules holds whenever they run: nothing happens that it excludes.

Small rules are drawn over few values, so that they contradict themselves often; other rules come from the table of
functions, so that every function is asked. Each node of a rule is run for each row and compared.
"""

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from random import Random

import numpy as np
from differential.expressions import Generator, Vocabulary
from differential.ours import Compiled, Pipeline
from differential.worlds import ROWS, SCHEMA, TABLE, draw_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.analysis.conditions import findings
from compiler.analysis.functions import applied
from compiler.analysis.ranges import Closed, Ranges
from compiler.analysis.relations import APART, EQUAL, GREATER, LESS
from compiler.analysis.values import Among, Anything, Between, Values, among, join, of_type
from contracts.catalog import ColumnSpec, TableSpec
from contracts.errors import RuleError
from contracts.features import FeatureSchema, FeatureSpec, Root, ValueType
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MacroCall, Node, Place, Read, Rule
from engine.column import Column
from engine.programs.functions import FUNCTIONS
from engine.programs.functions.comparison import equal
from engine.programs.plan import closures
from engine.programs.types import parse
from engine.programs.values import CelValue, Duration, Scope, Timestamp, Uint
from engine.programs.verify import children, verify
from engine.snapshot import Table

ERROR = object()
KINDS = tuple(map(parse, ("bool", "int", "double", "string")))
EXPRESSIONS = 2_000
NUMBERS = {int, float, Uint}
ORDERED = (bool, str, bytes, Timestamp, Duration)
SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
DEVICES = ("desktop", "phone")
SMALL_SPECS = (
    ColumnSpec(name="price", type=ValueType.INT),
    ColumnSpec(name="cost", type=ValueType.INT, is_nullable=True),
    ColumnSpec(name="share", type=ValueType.DOUBLE),
    ColumnSpec(name="rate", type=ValueType.DOUBLE),
    ColumnSpec(name="kind", type=ValueType.STRING),
    ColumnSpec(name="is_new", type=ValueType.BOOL),
    ColumnSpec(name="added", type=ValueType.TIMESTAMP),
)
SMALL_TABLE = TableSpec(name="items", rows=ROWS, columns=SMALL_SPECS)
SMALL_SCHEMA = FeatureSchema(
    purposes=(),
    features=(
        FeatureSpec(name="device", root=Root.REQUEST, type=ValueType.STRING, values=DEVICES),
        FeatureSpec(name="limit", root=Root.REQUEST, type=ValueType.INT),
    ),
)
SMALL_CLOSED: Closed = {(Root.REQUEST, "device"): among(DEVICES)}
INTS = (-(2**63), -7, -2, -1, 0, 1, 2, 3, 2**63 - 1)
DOUBLES = (-math.inf, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, math.inf, math.nan)
STRINGS = ("", "a", "b", "desktop", "phone")
READS = {
    "int": ((Root.ITEM, "price"), (Root.ITEM, "cost"), (Root.REQUEST, "limit")),
    "double": ((Root.ITEM, "share"), (Root.ITEM, "rate")),
    "string": ((Root.ITEM, "kind"), (Root.REQUEST, "device")),
    "bool": ((Root.ITEM, "is_new"),),
    "timestamp": ((Root.ITEM, "added"), (Root.NOW, "")),
}
COMPARISONS = ("less", "less_equals", "greater", "greater_equals", "equals", "not_equals")
SUFFIXES = {"int": "int64", "double": "double", "string": "string", "timestamp": "timestamp", "bool": "bool"}
ARITHMETIC = {
    "int": (
        "add_int64",
        "subtract_int64",
        "multiply_int64",
        "divide_int64",
        "modulo_int64",
        "math_@min_int_int",
        "math_@max_int_int",
    ),
    "double": (
        "add_double",
        "subtract_double",
        "multiply_double",
        "divide_double",
        "math_@min_double_double",
        "math_@max_double_double",
    ),
}
UNARY = {
    "int": (("negate_int64", "int"), ("double_to_int64", "double"), ("size_string", "string")),
    "double": (("negate_double", "double"), ("int64_to_double", "int")),
}


CALLS = {
    **{function: ((kind, kind), kind) for kind, functions in ARITHMETIC.items() for function in functions},
    **{function: ((of,), kind) for kind, functions in UNARY.items() for function, of in functions},
}


class _Growing:
    """Grows a small rule, in which the same few reads and constants meet again and again."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes: list[Node] = []

    def add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def call(self, kind: str, function: str, *args: int) -> int:
        return self.add(Call(type=kind, function=function, args=args))

    def condition(self, depth: int) -> int:
        roll = self.draw(st.integers(0, 11)) if depth else self.draw(st.integers(6, 11))
        if roll < 3:
            return self.call("bool", "logical_and", self.condition(depth - 1), self.condition(depth - 1))
        if roll < 4:
            return self.call("bool", "logical_or", self.condition(depth - 1), self.condition(depth - 1))
        if roll == 4:
            return self.call("bool", "logical_not", self.condition(depth - 1))
        if roll == 5:
            parts = [self.condition(depth - 1) for _ in range(3)]
            return self.call("bool", "conditional", *parts)
        if roll == 6:
            return self.add(Has(root=Root.ITEM, field="cost"))
        return self.member() if roll == 7 else self.comparison(max(depth - 1, 0))

    def comparison(self, depth: int) -> int:
        kind = self.draw(st.sampled_from(("int", "int", "double", "string", "bool", "timestamp")))
        function = self.draw(st.sampled_from(COMPARISONS))
        name = function if function in ("equals", "not_equals") else f"{function}_{SUFFIXES[kind]}"
        return self.call("bool", name, self.value(kind, depth), self.value(kind, depth))

    def member(self) -> int:
        kind = self.draw(st.sampled_from(("int", "string")))
        wanted = self.value(kind, 0)
        items = tuple([self.value(kind, 0) for _ in range(self.draw(st.integers(0, 3)))])
        return self.call("bool", "in_list", wanted, self.add(ListOf(type=f"list({kind})", items=items)))

    def value(self, kind: str, depth: int) -> int:
        roll = self.draw(st.integers(0, 9))
        if kind in ARITHMETIC and depth and roll < 2:
            function = self.draw(st.sampled_from(ARITHMETIC[kind]))
            return self.call(kind, function, self.value(kind, depth - 1), self.value(kind, depth - 1))
        if kind in UNARY and depth and roll == 2:
            function, of = self.draw(st.sampled_from(UNARY[kind]))
            return self.call(kind, function, self.value(of, depth - 1))
        if depth and roll == 3:
            choice = self.value(kind, depth - 1), self.value(kind, depth - 1)
            return self.call(kind, "conditional", self.condition(depth - 1), *choice)
        if roll < 7 or kind == "timestamp":
            root, field = self.draw(st.sampled_from(READS[kind]))
            return self.add(Read(type=kind, root=root, field=field))
        pool = {"int": INTS, "double": DOUBLES[1:7], "string": STRINGS, "bool": (True, False)}[kind]
        return self.add(Const(type=kind, value=self.draw(st.sampled_from(pool))))


@st.composite
def small_rules(draw: st.DrawFn) -> Rule:
    growing = _Growing(draw)
    growing.condition(4)
    place = Place(file="rules/x.toml", line=1, column=1)
    return Rule(name="x", form=Form.COLUMNS, type="bool", place=place, nodes=tuple(growing.nodes))


def small_scopes(seed: int) -> list[Scope]:
    rng = np.random.default_rng(seed)
    pools = {ValueType.INT: INTS, ValueType.DOUBLE: DOUBLES, ValueType.BOOL: (False, True), ValueType.TIMESTAMP: (0, 5)}
    columns = {
        spec.name: Column(spec.type, rng.choice(np.array(pools[spec.type]), ROWS))
        for spec in SMALL_SPECS
        if spec.type in pools
    }
    status = rng.choice(np.array([0, 0, 4], dtype=np.uint8), ROWS)
    columns["cost"] = Column(ValueType.INT, rng.choice(np.array(INTS), ROWS), status=status)
    columns["kind"] = Column(ValueType.STRING, rng.integers(0, len(STRINGS), ROWS, dtype=np.int32), dictionary=STRINGS)
    table = Table("items", columns)
    request = {"device": str(rng.choice(DEVICES)), "limit": int(rng.choice(np.array(INTS)))}
    return [Scope(5, frozenset(), request, {}, {}).at(table, row) for row in range(ROWS)]


def outcomes(rule: Rule, schema: FeatureSchema, table: TableSpec, scope: Scope) -> list[object]:
    """What each node of the rule gives, by itself; what stands inside macros gives nothing without them."""
    given: list[object] = [ERROR] * len(rule.nodes)
    programs = closures(verify(rule, schema, table), table)
    for place in outside_macros(rule):
        with suppress(RuleError):
            given[place] = programs[place](scope)
    return given


def outside_macros(rule: Rule) -> set[int]:
    found, waiting = set(), [len(rule.nodes) - 1]
    while waiting:
        place = waiting.pop()
        node = rule.nodes[place]
        found.add(place)
        waiting += [node.over] if isinstance(node, MacroCall) else children(node)
    return found


def allows(values: Values, actual: CelValue) -> bool:
    match values:
        case Anything():
            return True
        case Among():
            return any(type(each) is type(actual) and each == actual for each in values.values)
        case Between():
            return values.has_nan if actual != actual else values.low <= actual <= values.high


def relation(left: CelValue, right: CelValue) -> str:
    if equal(left, right):
        return EQUAL
    is_ordered = {type(left), type(right)} <= NUMBERS or (type(left) is type(right) and isinstance(left, ORDERED))
    if not is_ordered or left != left or right != right:
        return APART
    return LESS if left < right else GREATER


def check(rule: Rule, closed: Closed, given: list[object]) -> None:
    ranges = Ranges(rule, closed)
    terms = {ranges.term(place): place for place in range(len(rule.nodes))}
    for place, actual in enumerate(given):
        if actual is ERROR:
            continue
        assert allows(ranges.value(place), actual), (place, actual, rule)
        if isinstance(actual, bool):
            facts = ranges.suppose(place, actual)
            assert facts is not None, (place, actual, rule)
            check_facts(facts, terms, given, rule)


def check_facts(facts: Mapping[object, object], terms: Mapping[object, int], given: list[object], rule: Rule) -> None:
    for term, known in facts.items():
        if isinstance(known, frozenset):
            left, right = given[terms[term[1]]], given[terms[term[2]]]
            assert ERROR in (left, right) or relation(left, right) in known, (term, known, rule)
        elif term in terms and given[terms[term]] is not ERROR:
            assert allows(known, given[terms[term]]), (term, known, rule)


@st.composite
def ranges_with_members(draw: st.DrawFn, kind: str) -> tuple[Values, CelValue]:
    """What an argument may be, and one such value."""
    if kind == "string":
        text = draw(st.sampled_from(STRINGS))
        return among(draw(st.sets(st.sampled_from(STRINGS))) | {text}), text
    if kind == "int":
        low, actual, high = sorted(draw(st.tuples(*[st.sampled_from(INTS)] * 3)))
        return Between(low, high), actual
    actual, *others = draw(st.lists(st.sampled_from(DOUBLES), min_size=1, max_size=3))
    return reduce(join, [among([each]) for each in others], among([actual])), actual


@SETTINGS
@given(st.sampled_from(sorted(CALLS)), st.data())
def test_functions_of_numbers_stay_in_their_range(function: str, data: st.DataObject) -> None:
    kinds, result = CALLS[function]
    args = [data.draw(ranges_with_members(kind)) for kind in kinds]
    try:
        actual = FUNCTIONS[function].run(*[value for _, value in args])
    except RuleError:
        return
    assert allows(applied(function, [values for values, _ in args], result), actual)


@SETTINGS
@given(small_rules(), st.integers(0, 2**16))
def test_nothing_happens_that_is_excluded(rule: Rule, seed: int) -> None:
    for scope in small_scopes(seed):
        check(rule, SMALL_CLOSED, outcomes(rule, SMALL_SCHEMA, SMALL_TABLE, scope))


def test_nothing_happens_that_is_excluded_whatever_function_is_called() -> None:
    random, pipeline = Random(2018), Pipeline()
    generator = Generator(Vocabulary(pipeline.compiles, lambda texts: [True] * len(texts)), random, has_expiring=True)
    limited: Counter[str] = Counter()
    for _ in range(EXPRESSIONS):
        compiled = pipeline.compiled(generator.draw(reads_row=True, kinds=KINDS).text, Form.COLUMNS)
        if isinstance(compiled, Compiled):
            limited[compiled.rule.type] += value_of(compiled.rule) != of_type(compiled.rule.type)
            world = draw_world(random, is_wild=True)
            for row in random.sample(range(ROWS), 3):
                check(compiled.rule, {}, outcomes(compiled.rule, SCHEMA, TABLE, world.row(row)))
    assert all(limited[str(kind)] for kind in KINDS)


def value_of(rule: Rule) -> Values:
    return Ranges(rule, {}).value(len(rule.nodes) - 1)


@SETTINGS
@given(small_rules(), st.integers(0, 2**16))
def test_a_rule_without_branches_that_is_never_or_always_true_never_comes_out_otherwise(rule: Rule, seed: int) -> None:
    if any(isinstance(node, Call) and node.function == "conditional" for node in rule.nodes):
        return
    found = findings(rule, SMALL_CLOSED)
    for scope in small_scopes(seed):
        given_ = outcomes(rule, SMALL_SCHEMA, SMALL_TABLE, scope)
        for finding in found:
            assert given_[finding.place] is not finding.is_never, finding


def test_the_drawn_rules_contradict_themselves_often_enough() -> None:
    """Guards the generator: a property over rules of which nothing is claimed would say nothing."""
    counts: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(small_rules())
    def count(rule: Rule) -> None:
        counts.update("never" if finding.is_never else "always" for finding in findings(rule, SMALL_CLOSED))
        counts["rules"] += 1

    count()
    assert counts["never"] > counts["rules"] / 20
    assert counts["always"] > counts["rules"] / 20
