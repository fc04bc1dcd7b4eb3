"""A column program and its closure, run row by row, give the same values and the same errors.

Rules are drawn from the table of functions itself: a new function is tested the moment it is in the table.
"""

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalog import ColumnSpec, TableSpec
from contracts.errors import ExpiredError, MissingError, RuleError
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, OnExpired, Root, ValueType
from contracts.rule_ir import Call, Const, Form, Has, ListOf, MapOf, Place, Read, Rule
from engine.programs.columns import plan_columns
from engine.programs.functions import FUNCTIONS
from engine.programs.plan import plan_request
from engine.programs.types import TYPE_OF_VALUES, CelType, parse
from engine.programs.values import Batch, Scope
from engine.snapshot import Column, Table

NOW = 1_511_758_800_000_000
TEXTS = ("", "a", "b", "ab", "é😀", "12", "1.5", "true", "UTC", "America/New_York")
INSTANTS = ("2017-11-27T05:00:00Z", "1969-12-31T23:59:59.5+01:00", "no instant")
LENGTHS = ("36h", "-1.5s", "9000000000s", "no length")
INTS = (0, 1, -1, 2, 7, -3, 1000, 2**53 + 1, 2**62, 2**63 - 1, -(2**63))
DOUBLES = (0.0, -0.0, 1.0, -1.0, 0.1, 2.5, 1e300, -1e300, 9.3e18, math.inf, math.nan)
KINDS = tuple(map(parse, ("bool", "int", "double", "string", "timestamp", "duration")))
VARIABLES = tuple(map(parse, ("bool", "int", "double", "string", "timestamp", "duration", "list(string)")))
LEAVES = {"string": 5, "list": 8, "map": 8}  # of ten; so that many arguments are plain reads
N = 12


def column(kind: ValueType, rng: np.random.Generator) -> Column:
    status = rng.choice(np.array([0, 0, 0, 1, 3, 4], dtype=np.uint8), N)
    as_of = rng.choice(np.array([0, NOW - 1, NOW, NOW + 1]), N)
    dictionary = tuple(rng.permutation(TEXTS).tolist())
    extras: dict[str, object] = {"status": status} if rng.random() < 0.5 else {}
    if kind is ValueType.BOOL:
        values = rng.random(N) < 0.5
    elif kind is ValueType.DOUBLE:
        values = rng.choice(np.array(DOUBLES), N)
    elif kind is ValueType.INT:
        values = rng.choice(np.array(INTS), N)
    elif kind is ValueType.TIMESTAMP:
        values = rng.choice(np.array([0, NOW, NOW - 1, 253402300799999999, 2**62, -(2**62)]), N)
    elif kind is ValueType.STRING:
        values = rng.integers(0, len(dictionary), N, dtype=np.int32)
        dictionary += tuple(f"unused {n}" for n in range(rng.choice([0, 20])))
        extras["dictionary"] = dictionary
    else:
        lengths = rng.integers(0, 4, N)
        values = np.concatenate([rng.permutation(len(dictionary))[:k] for k in lengths]).astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        extras |= {"dictionary": dictionary, "offsets": offsets}
        if kind is ValueType.NUMBERS:
            extras["numbers"] = rng.choice(np.array(DOUBLES), len(values))
    if kind not in (ValueType.STRINGS, ValueType.NUMBERS) and rng.random() < 0.4:
        extras |= {"as_of": as_of, "newest": int(as_of.max())}
    return Column(kind, values, **extras)


SPECS = tuple(
    ColumnSpec(name=f"{kind}_{n}", type=kind) for kind in ValueType for n in range(3 if kind is ValueType.STRING else 2)
)
TABLE = TableSpec(name="items", rows=N, columns=SPECS)
STORED = {
    ValueType.BOOL: True,
    ValueType.INT: 7,
    ValueType.DOUBLE: 2.5,
    ValueType.STRING: "ab",
    ValueType.TIMESTAMP: NOW - 1,
    ValueType.STRINGS: ("a", "ab", "é😀"),
    ValueType.NUMBERS: {"a": 1.0, "é😀": -2.5, "": math.nan},
}
FEATURES = tuple(
    FeatureSpec(name=f"{kind}_{state}", root=root, type=kind, **arguments)
    for root in (Root.REQUEST, Root.VISITOR_STATE, Root.VISITOR)
    for kind in ValueType
    for state, arguments in {
        "held": {},
        "absent": {},
        "expired": {"max_age_s": 5, "on_expired": OnExpired.BLOCK},
        "withheld": {"purpose": "measuring", "default": STORED[kind]},
    }.items()
)
SCHEMA = FeatureSchema(purposes=("measuring",), features=FEATURES)


def _value(spec: FeatureSpec) -> FeatureValue:
    age_us = 6_000_000 if spec.name.endswith("expired") else 1
    return FeatureValue(value=STORED[spec.type], as_of=NOW - age_us)


PRESENT = [spec for spec in FEATURES if not spec.name.endswith("absent")]
SCOPE = Scope(
    now=NOW,
    granted=frozenset(),
    request={spec.name: STORED[spec.type] for spec in PRESENT if spec.root is Root.REQUEST},
    visitor_state={spec.name: STORED[spec.type] for spec in PRESENT if spec.root is Root.VISITOR_STATE},
    visitor={spec.name: _value(spec) for spec in PRESENT if spec.root is Root.VISITOR},
)
FIELDS = [(Root.ITEM, spec.name, TYPE_OF_VALUES[spec.type]) for spec in SPECS for _ in range(4)] + [
    (spec.root, spec.name, TYPE_OF_VALUES[spec.type]) for spec in FEATURES
]


def bind(result: CelType, wanted: CelType) -> dict[str, CelType] | None:
    if result.name in ("A", "B"):
        return {result.name: wanted}
    if result.name != wanted.name or len(result.of) != len(wanted.of):
        return None
    bound: dict[str, CelType] = {}
    for inner, given_type in zip(result.of, wanted.of, strict=True):
        deeper = bind(inner, given_type)
        if deeper is None:
            return None
        bound |= deeper
    return bound


def fill(kind: CelType, bound: dict[str, CelType], draw: st.DrawFn) -> CelType:
    if kind.name in ("A", "B"):
        return bound.setdefault(kind.name, draw(st.sampled_from(VARIABLES)))
    return CelType(kind.name, tuple(fill(inner, bound, draw) for inner in kind.of))


class _Tree:
    """Grows a rule's flat nodes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes: list[Const | Read | Has | Call | ListOf | MapOf] = []

    def grow(self, kind: CelType, depth: int) -> int:
        is_leaf = depth == 0 or self.draw(st.integers(0, 9)) < LEAVES.get(kind.name, 1)
        node = None if is_leaf else self._call(kind, depth - 1)
        node = node or self._leaf(kind, max(depth - 1, 0))
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _call(self, kind: CelType, depth: int) -> Call | ListOf | MapOf | None:
        fitting = [function for function in FUNCTIONS.values() if bind(function.result_type, kind) is not None]
        name = self.draw(st.sampled_from(sorted({function.name for function in fitting})))  # fair to lone overloads
        function = self.draw(st.sampled_from([function for function in fitting if function.name == name]))
        bound = bind(function.result_type, kind)
        pool = {"string_to_timestamp": INSTANTS, "string_to_duration": LENGTHS}.get(function.id)
        if pool:
            self.nodes.append(Const(type="string", value=self.draw(st.sampled_from(pool))))
            return Call(type=str(kind), function=function.id, args=(len(self.nodes) - 1,))
        params = [fill(param, bound, self.draw) for param in function.param_types]
        args = tuple([self.grow(param, depth) for param in params])
        return Call(type=str(kind), function=function.id, args=args)

    def _leaf(self, kind: CelType, depth: int) -> Const | Read | Has | ListOf | MapOf:
        fields = [(root, name) for root, name, of in FIELDS if of == kind]
        roll = self.draw(st.integers(0, 9))
        if fields and roll > 2:
            root, name = self.draw(st.sampled_from(fields))
            return Read(type=str(kind), root=root, field=name)
        if kind.name == "bool" and roll == 0:
            root, name, _ = self.draw(st.sampled_from(FIELDS))
            return Has(root=root, field=name)
        if kind.name == "double" and roll == 0:
            return Read(type="double", root=Root.SCORE)
        if kind.name == "timestamp" and roll == 0:
            return Read(type="timestamp", root=Root.NOW)
        return self._literal(kind, depth)

    def _literal(self, kind: CelType, depth: int) -> Const | ListOf | MapOf:
        if kind.name == "list":
            count = self.draw(st.integers(0, 3))
            return ListOf(type=str(kind), items=tuple([self.grow(kind.of[0], depth) for _ in range(count)]))
        if kind.name == "map":
            keys = tuple([self.grow(kind.of[0], 0) for _ in range(self.draw(st.integers(0, 2)))])
            return MapOf(type=str(kind), keys=keys, values=tuple([self.grow(kind.of[1], depth) for _ in keys]))
        pools = {
            "bool": (True, False),
            "int": INTS,
            "double": DOUBLES,
            "string": TEXTS,
            "timestamp": (0, NOW * 1000, 253402300799_999999_000),
            "duration": (0, 1_000, -3_600_000_000_000, 2**63 // 1000 * 1000),
        }
        return Const(type=kind.name, value=self.draw(st.sampled_from(pools[kind.name])))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    kind = draw(st.sampled_from((*KINDS, *[KINDS[0]] * 6)))
    tree = _Tree(draw)
    tree.grow(kind, 4)
    place = Place(file="rules/x.toml", line=1, column=1)
    return Rule(name="x", form=Form.COLUMNS, type=str(kind), place=place, nodes=tuple(tree.nodes))


def outcome(program, scope: Scope) -> object:
    try:
        return program(scope)
    except RuleError as error:
        return error


def _same(kind: str, closure_value: object, column_value: object) -> bool:
    if kind in ("timestamp", "duration"):
        return closure_value == int(column_value) * 1000
    if kind == "double" and math.isnan(closure_value):
        return math.isnan(column_value)
    exact = column_value.item() if isinstance(column_value, np.generic) else column_value
    return type(exact) is type(closure_value) and exact == closure_value


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules(), st.integers(0, 2**16), st.booleans())
def test_a_column_program_agrees_with_its_closure_row_by_row(rule: Rule, seed: int, has_score: bool) -> None:
    rng = np.random.default_rng(seed)
    table = Table("items", {spec.name: column(spec.type, rng) for spec in SPECS})
    rows = np.flatnonzero(rng.random(N) < 0.8)
    score = rng.choice(np.array(DOUBLES), len(rows)) if has_score else None
    closure, program = plan_request(rule, SCHEMA, TABLE), plan_columns(rule, SCHEMA, TABLE)
    scores = [None] * len(rows) if score is None else score.tolist()
    wanted = [outcome(closure, SCOPE.at(table, row, one)) for row, one in zip(rows.tolist(), scores, strict=True)]
    batch = Batch(SCOPE, table, rows, score)
    if any(isinstance(one, ExpiredError) for one in wanted):
        assert isinstance(outcome(program, batch), ExpiredError)
        return
    computed = program(batch)
    errors = np.zeros(len(rows), bool) if computed.errors is None else computed.errors
    assert errors.tolist() == [isinstance(one, RuleError) for one in wanted]
    assert computed.errors is None or computed.errors.any()
    assert all(_same(rule.type, one, computed.values[n]) for n, one in enumerate(wanted) if not errors[n])
    if errors.any():
        first = wanted[int(errors.argmax())]
        assert (type(computed.problem), str(computed.problem)) == (type(first), str(first))
        assert computed.problem.rule == "x"
    else:
        assert computed.problem is None


def test_the_drawn_scope_has_missing_values() -> None:
    """Guards the generator: what is drawn must be able to err."""
    rule = Rule(
        name="x",
        form=Form.COLUMNS,
        type="int",
        place=Place(file="x", line=1, column=1),
        nodes=(Read(type="int", root=Root.VISITOR, field="int_absent"),),
    )
    assert isinstance(outcome(plan_request(rule, SCHEMA, TABLE), SCOPE), MissingError)
