"""Rule -> closure, once per activation: every look-up by name happens here, running only calls.

Each node becomes a closure over those of its children. What reads nothing is computed while planning; an error
there is left to be raised whenever the rule runs, where && || and ?: may absorb it.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import TypeAlias

from contracts.catalog import TableSpec
from contracts.errors import ExpiredError, RuleError
from contracts.features import FeatureSchema, Root
from contracts.rule_ir import Call, Const, Dispatch, Has, ListOf, MacroCall, MapOf, Node, Read, Rule, Variable
from engine.programs import reading
from engine.programs.bounds import most_rounds
from engine.programs.dispatch import as_bool, dispatched
from engine.programs.functions import FUNCTIONS, LazyFunction
from engine.programs.macros import MACROS
from engine.programs.rounds import Failed, Room, planned
from engine.programs.types import BOOL, BYTES, DOUBLE, DURATION, INT, STRING, TIMESTAMP, UINT, CelType
from engine.programs.values import (
    NOTHING,
    CelValue,
    Duration,
    OptionalValue,
    RequestProgram,
    Scope,
    Timestamp,
    TypeValue,
    Uint,
    as_map,
    constant,
)
from engine.programs.verify import Verified, children, verify

_PLAIN = frozenset({BOOL, INT, UINT, DOUBLE, STRING, BYTES, TIMESTAMP, DURATION})
_MAKERS: dict[str, Callable[..., CelValue]] = {
    "timestamp": Timestamp,
    "duration": Duration,
    "uint": Uint,
    "type": TypeValue,
    "bytes": b64decode,
}


def plan_request(rule: Rule, schema: FeatureSchema, table: TableSpec | None = None) -> RequestProgram:
    """Plans a rule as a closure. Raises `NotRunnableError`; the closure raises `RuleError` naming the rule."""
    verified = verify(rule, schema, table)
    return named(closures(verified, table)[-1], rule)


def plan_trial(
    rule: Rule, schema: FeatureSchema, table: TableSpec | None, variables: Sequence[CelType] = ()
) -> RequestProgram:
    """Plans an expression on trial: `variables` of these types stand in the first slots, and types may be open."""
    return closures(verify(rule, schema, table, variables), table)[-1]


def named(program: RequestProgram, rule: Rule) -> RequestProgram:
    """The same program, whose errors name the rule and where it was written."""
    name, place = rule.name, f"{rule.place.file}:{rule.place.line}:{rule.place.column}"

    def run(scope: Scope) -> CelValue:
        try:
            return program(scope)
        except ExpiredError as error:
            raise ExpiredError(error.message, name, place, is_blocking=error.is_blocking) from None
        except RuleError as error:
            raise type(error)(error.message, name, place) from None

    return run


def closures(verified: Verified, table: TableSpec | None) -> list[RequestProgram]:
    """One closure per node of a verified rule, the root's last."""
    planner = _Planner(verified, table)
    for place, node in enumerate(verified.rule.nodes):
        planner.add(place, node)
    return planner.programs


PlainNode: TypeAlias = Const | Read | Has | Call | Dispatch | ListOf | MapOf | Variable


class _Planner:
    """The closures so far, which of them depend on nothing, and the values of those."""

    def __init__(self, verified: Verified, table: TableSpec | None) -> None:
        self.verified = verified
        self.columns = {spec.name: spec for spec in table.columns} if table else {}
        macros = [node for node in verified.rule.nodes if isinstance(node, MacroCall)]
        self.inner = _inner_places(verified.rule.nodes)
        outermost = [place for place, node in enumerate(verified.rule.nodes) if _is_outermost(place, node, self.inner)]
        self.rounds = most_rounds(verified.facts[-1], verified.rule.form) // max(len(outermost), 1)
        self.once = {slot for node in macros if MACROS[node.macro].is_once for slot in node.slots}
        self.slots = verified.slots
        self.programs: list[RequestProgram] = []
        self.is_constant: list[bool] = []
        self.values: dict[int, CelValue] = {}

    def add(self, place: int, node: Node) -> None:
        """Plans the next node."""
        program = self._macro(place, node) if isinstance(node, MacroCall) else self._planned(node)
        varies = isinstance(node, Read | Has | Variable | MacroCall)
        is_constant = not varies and all([self.is_constant[part] for part in children(node)])
        self.programs.append(self._folded(place, program) if is_constant else program)
        self.is_constant.append(is_constant)

    def _folded(self, place: int, program: RequestProgram) -> RequestProgram:
        """What depends on nothing, computed now; an error is left to be raised whenever the rule runs."""
        try:
            self.values[place] = program(NOTHING)
        except RuleError:
            return program
        return constant(self.values[place])

    def _planned(self, node: PlainNode) -> RequestProgram:
        match node:
            case Const():
                return constant(literal(node))
            case Read():
                return self._read(node.root, node.field)
            case Has():
                return reading.succeeds(self._read(node.root, node.field))
            case Call():
                return self._call(node)
            case Dispatch():
                return dispatched(node.name, self._all(node.args))
            case ListOf():
                return _list(self._all(node.items), node.optional)
            case MapOf():
                return _map(self._all(node.keys), self._all(node.values), node.optional)
            case Variable():
                return _bound_variable(node.slot) if node.slot in self.once else _variable(node.slot)

    def _all(self, places: Sequence[int]) -> list[RequestProgram]:
        return [self.programs[place] for place in places]

    def _call(self, node: Call) -> RequestProgram:
        function, args = FUNCTIONS[node.function], self._all(node.args)
        if isinstance(function, LazyFunction):
            return function.plan(*args)
        kinds = {self.verified.types[arg] for arg in node.args}
        is_alike = function.alike is not None and len(kinds) == 1 and kinds <= _PLAIN
        run = function.alike if is_alike and function.alike else function.run
        if len(args) == 1:
            return _unary(run, args[0])
        if len(args) == 2 and node.args[1] in self.values:
            return _binary_with(run, args[0], self.values[node.args[1]])
        if len(args) == 2:
            return _binary(run, *args)
        return lambda scope: run(*[arg(scope) for arg in args])

    def _read(self, root: Root, field: str) -> RequestProgram:
        if root is Root.ITEM:
            return reading.item(self.columns[field])
        if root is Root.NOW:
            return reading.now
        if root is Root.SCORE:
            return reading.score
        if root is Root.SCORES:
            return reading.score_of(field)
        return reading.feature(self.verified.features[root, field])

    def _macro(self, place: int, node: MacroCall) -> RequestProgram:
        macro, types = MACROS[node.macro], self.verified.types
        *conditions, last = node.bodies
        bodies = [self.programs[body] if types[body] == BOOL else as_bool(self.programs[body]) for body in conditions]
        is_open = macro.body == "bool" and types[last] != BOOL
        bodies.append(as_bool(self.programs[last]) if is_open else self.programs[last])
        room = Room(self.slots, self.rounds, is_outermost=place not in self.inner)
        return planned(macro, self.programs[node.over], node.slots, bodies, room)


def _is_outermost(place: int, node: Node, inner: set[int]) -> bool:
    return isinstance(node, MacroCall) and place not in inner


def _inner_places(nodes: Sequence[Node]) -> set[int]:
    """The places of all nodes that stand in the body of a macro."""
    inner: set[int] = set()
    for place in reversed(range(len(nodes))):
        node = nodes[place]
        inner.update(children(node) if place in inner else node.bodies if isinstance(node, MacroCall) else ())
    return inner


def literal(node: Const) -> CelValue:
    """The CEL value of a literal."""
    make = _MAKERS.get(node.type)
    return make(node.value) if make else node.value


def _variable(slot: int) -> RequestProgram:
    return lambda scope: scope.variables[slot]


def _bound_variable(slot: int) -> RequestProgram:
    def run(scope: Scope) -> CelValue:
        value = scope.variables[slot]
        if isinstance(value, Failed):
            raise value.error
        return value

    return run


def _unary(run: Callable[..., CelValue], arg: RequestProgram) -> RequestProgram:
    return lambda scope: run(arg(scope))


def _binary(run: Callable[..., CelValue], left: RequestProgram, right: RequestProgram) -> RequestProgram:
    return lambda scope: run(left(scope), right(scope))


def _binary_with(run: Callable[..., CelValue], left: RequestProgram, value: CelValue) -> RequestProgram:
    return lambda scope: run(left(scope), value)


def _list(items: Sequence[RequestProgram], optional: Sequence[int]) -> RequestProgram:
    if not optional:
        return lambda scope: tuple([item(scope) for item in items])

    def run(scope: Scope) -> CelValue:
        made: list[CelValue] = []
        for place, item in enumerate(items):
            value = item(scope)
            made += _held(value) if place in optional else (value,)
        return tuple(made)

    return run


def _map(keys: Sequence[RequestProgram], values: Sequence[RequestProgram], optional: Sequence[int]) -> RequestProgram:
    def run(scope: Scope) -> CelValue:
        entries: list[tuple[CelValue, CelValue]] = []
        for place, (key, value) in enumerate(zip(keys, values, strict=True)):
            name, given = key(scope), value(scope)
            entries += [(name, held) for held in (_held(given) if place in optional else (given,))]
        made = as_map(entries)
        if len(made) < len(entries):
            raise RuleError("a map literal repeats a key")
        return made

    return run


def _held(value: CelValue) -> tuple[CelValue, ...]:
    if isinstance(value, OptionalValue):
        return value.held
    raise RuleError("what may be left out is an optional")
