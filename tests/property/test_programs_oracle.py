"""Closures against Google's own CEL library: the same constant expressions, the same values, the same errors.

Expressions are drawn from the table of functions and written as CEL. So the table's ids, signatures and spellings
are checked by the checker itself, and its semantics by the library's evaluator.
"""

import math

import pytest
from cel_expr_python import cel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_programs_agreement import INTS, LENGTHS, bind, fill

from contracts.errors import RuleError
from contracts.features import FeatureSchema
from contracts.rule_ir import Call, Const, Form, ListOf, MapOf, Place, Rule
from engine.programs.functions import FUNCTIONS, Declaration
from engine.programs.plan import plan_request
from engine.programs.types import BOOL, DOUBLE, INT, STRING, TIMESTAMP, CelType
from engine.programs.values import CelValue, Scope

ENV = cel.NewEnv()
NOTHING = Scope(0, frozenset(), {}, {}, {})
SCHEMA = FeatureSchema(purposes=(), features=())
DOUBLES = (0.0, 1.0, -1.0, 0.1, 2.5, 1e300, -1e300, 9.3e18, 123456.75, 1e-7, 999999.5)
TEXTS = ("", "a", "b", "ab", "é😀", "12", "1.5", "true", "x1")
ZONES = ("UTC", "America/New_York", "-03:30", "nowhere")
INSTANTS = ("2017-11-27T05:00:00Z", "1969-12-31T23:59:59.5+01:00", "2016-02-29T12:00:00.123456789Z", "no instant")
OF_CEL = [function for function in FUNCTIONS.values() if not function.is_own and function.id != "has_key"]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"


def _number(value: int) -> str:
    return "(-9223372036854775807 - 1)" if value == -(2**63) else f"({value})"


def written(function: Declaration, args: list[str]) -> str:
    """A call as CEL text."""
    if not function.name.isidentifier():
        template = function.name.replace("@in", "_ in _").replace("_", "({})")
        return template.replace("({})[({})]", "({})[{}]").format(*args)
    if function.is_member:
        return f"({args[0]}).{function.name}({', '.join(args[1:])})"
    return f"{function.name}({', '.join(args)})"


class _Twin:
    """Grows the same expression as nodes and as text."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes: list[Const | Call | ListOf | MapOf] = []

    def grow(self, kind: CelType, depth: int) -> tuple[int, str]:
        if depth > 0 and self.draw(st.integers(0, 7)):
            return self._call(kind, depth - 1)
        return self._literal(kind, max(depth - 1, 0))

    def _added(self, node: Const | Call | ListOf | MapOf, text: str) -> tuple[int, str]:
        self.nodes.append(node)
        return len(self.nodes) - 1, text

    def _call(self, kind: CelType, depth: int) -> tuple[int, str]:
        function = self.draw(st.sampled_from([f for f in OF_CEL if bind(f.result_type, kind) is not None]))
        bound = bind(function.result_type, kind)
        params = [fill(param, bound, self.draw) for param in function.param_types]
        places, texts = [], []
        for n, param in enumerate(params):
            is_zone = n == 1 and params[0] == TIMESTAMP and param == STRING
            pool = {"string_to_timestamp": INSTANTS, "string_to_duration": LENGTHS}.get(function.id, is_zone and ZONES)
            place, text = self._text(pool) if pool else self.grow(param, depth)
            places.append(place)
            texts.append(text)
        return self._added(Call(type=str(kind), function=function.id, args=tuple(places)), written(function, texts))

    def _text(self, pool: tuple[str, ...]) -> tuple[int, str]:
        text = self.draw(st.sampled_from(pool))
        return self._added(Const(type="string", value=text), _quoted(text))

    def _literal(self, kind: CelType, depth: int) -> tuple[int, str]:
        match kind.name:
            case "list":
                twins = [self.grow(kind.of[0], depth) for _ in range(self.draw(st.integers(1, 3)))]
                items = tuple(place for place, _ in twins)
                return self._added(ListOf(type=str(kind), items=items), f"[{', '.join(text for _, text in twins)}]")
            case "map":
                (key, key_text), (value, text) = self.grow(kind.of[0], 0), self.grow(kind.of[1], depth)
                node = MapOf(type=str(kind), keys=(key,), values=(value,))
                return self._added(node, f"{{{key_text}: {text}}}")
            case "timestamp" | "duration":
                pool = INSTANTS[:3] if kind.name == "timestamp" else LENGTHS[:2]
                place, text = self._text(pool)
                call = Call(type=kind.name, function=f"string_to_{kind.name}", args=(place,))
                return self._added(call, f"{kind.name}({text})")
            case "string":
                return self._text(TEXTS)
        value = self.draw(st.sampled_from({"bool": (True, False), "int": INTS, "double": DOUBLES}[kind.name]))
        texts = {"bool": str(value).lower(), "int": _number(int(value)), "double": f"({value!r})"}
        return self._added(Const(type=kind.name, value=value), texts[kind.name])


@st.composite
def twins(draw: st.DrawFn) -> tuple[Rule, str]:
    kind = draw(st.sampled_from([BOOL, INT, DOUBLE, STRING]))
    twin = _Twin(draw)
    _, text = twin.grow(kind, 4)
    place = Place(file="x", line=1, column=1)
    return Rule(name="x", form=Form.REQUEST, type=str(kind), place=place, nodes=tuple(twin.nodes)), text


def _ours(rule: Rule) -> CelValue | RuleError:
    try:
        return plan_request(rule, SCHEMA)(NOTHING)
    except RuleError as error:
        return error


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(twins())
def test_closures_agree_with_the_library(twin: tuple[Rule, str]) -> None:
    rule, text = twin
    theirs = ENV.compile(text).eval(data={})
    ours = _ours(rule)
    if theirs.type().name() == "ERROR":
        assert isinstance(ours, RuleError), (text, ours, theirs.value())
    elif isinstance(ours, float) and math.isnan(ours):
        assert math.isnan(theirs.value()), text
    else:
        assert (type(ours), ours) == (type(theirs.value()), theirs.value()), text


@pytest.mark.parametrize("function", OF_CEL, ids=lambda function: function.id)
def test_each_example_is_true_for_the_library(function: Declaration) -> None:
    assert ENV.compile(function.example).eval(data={}).value() is True
