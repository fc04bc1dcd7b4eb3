"""What type each node of a rule has, told from the leaves up and believed of nothing.

A variable has the type that its reads declare, until the macro that binds it says what it is.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from itertools import pairwise

from contracts.errors import NotRunnableError, RuleError
from contracts.features import INT64_MAX, INT64_MIN, UINT64_MAX, Root
from contracts.rule_ir import Call, Const, Dispatch, Form, Has, ListOf, MacroCall, MapOf, Node, Read, Rule, Variable
from engine.programs.bounds import Facts, Features, slot_of
from engine.programs.functions import FUNCTIONS, Declaration
from engine.programs.functions.instants import MAX_DURATION_NS, MAX_TIMESTAMP_NS, MIN_TIMESTAMP_NS
from engine.programs.limits import MAX_TEXT
from engine.programs.macros import MACROS, Macro, bound_types
from engine.programs.types import (
    BOOL,
    DOUBLE,
    DYN,
    NEVER,
    TIMESTAMP,
    TYPE_OF_VALUES,
    CelType,
    fits,
    join,
    parse,
    result_of,
    settled,
)

_LITERALS: dict[str, type] = {
    "bool": bool,
    "int": int,
    "uint": int,
    "double": float,
    "string": str,
    "bytes": str,
    "type": str,
    "null": type(None),
    "timestamp": int,
    "duration": int,
}
_INT_RANGES = {
    "int": (INT64_MIN, INT64_MAX),
    "uint": (0, UINT64_MAX),
    "timestamp": (MIN_TIMESTAMP_NS, MAX_TIMESTAMP_NS),
    "duration": (-MAX_DURATION_NS, MAX_DURATION_NS),
}
KEYS = frozenset({"string", "int", "uint", "bool", "never"})
_UNENCODABLE = re.compile("[\ud800-\udfff]")


class Inference:
    """The types of a rule's nodes so far, and how much text its literals may still hold."""

    def __init__(self, rule: Rule, features: Features, columns: Mapping[str, CelType], *, is_trial: bool) -> None:
        self.types: list[CelType] = []
        self._rule = rule
        self._features = features
        self._columns = columns
        self._is_trial = is_trial
        self._text_left = MAX_TEXT

    def add(self, node: Node, below: Sequence[Facts]) -> None:
        """Takes the next node. Raises `NotRunnableError` when its type is not what it declares."""
        inferred, declared = self._type_of(node, below), parse(node.type)
        if not fits(inferred, declared):
            raise NotRunnableError(f"declares {node.type!r} but gives {inferred}")
        self.types.append(settled(inferred, declared))

    def _type_of(self, node: Node, below: Sequence[Facts]) -> CelType:
        match node:
            case Const():
                return self._literal(node)
            case Read():
                return self._read(node.root, node.field)
            case Has():
                self._field(node.root, node.field)
                return BOOL
            case Call():
                return self._call(node)
            case Dispatch():
                return self._dispatched(node)
            case ListOf():
                _check_places(node.optional, len(node.items))
                return CelType("list", (self._joined(node.items, node.optional),))
            case MapOf():
                return self._map(node)
            case Variable():
                return parse(node.type)
            case MacroCall():
                return self._macro(node, below)

    def _literal(self, node: Const) -> CelType:
        if node.type not in _LITERALS or type(node.value) is not _LITERALS[node.type]:
            raise NotRunnableError(f"{type(node.value).__name__} is no literal of type {node.type!r}")
        if isinstance(node.value, str):
            self._take_text(node.value)
        if node.type == "bytes":
            _check_base64(str(node.value))
        lowest, highest = _INT_RANGES.get(node.type, (0, 0))
        if node.type in _INT_RANGES and not lowest <= int(node.value or 0) <= highest:
            raise NotRunnableError(f"literal {node.value} is out of the range of {node.type}")
        return CelType(node.type)

    def _take_text(self, text: str) -> None:
        self._text_left -= len(text)
        if self._text_left < 0:
            raise NotRunnableError(f"the rule's literals hold more than {MAX_TEXT} characters")
        if _UNENCODABLE.search(text):
            raise NotRunnableError("a literal holds half of a surrogate pair")

    def _read(self, root: Root, field: str) -> CelType:
        if root is Root.NOW and not field:
            return TIMESTAMP
        if root is Root.SCORE and not field:
            return self._score(root)
        return self._field(root, field)

    def _score(self, root: Root) -> CelType:
        if self._rule.form is not Form.COLUMNS:
            raise NotRunnableError(f"{root} is read, but only rules over candidates have one")
        return DOUBLE

    def _field(self, root: Root, field: str) -> CelType:
        if root is Root.ITEM and field in self._columns:
            return self._columns[field]
        if root is Root.SCORES and field:
            return self._score(root)  # of which models, `engine.load` knows by the slot
        if (root, field) in self._features:
            return TYPE_OF_VALUES[self._features[root, field].type]
        raise NotRunnableError(f"reads {root}.{field}, which the bundle does not declare")

    def _call(self, node: Call) -> CelType:
        function = FUNCTIONS.get(node.function)
        if function is None:
            raise NotRunnableError(f"calls {node.function!r}, which this engine does not have")
        args = [self.types[arg] for arg in node.args]
        result = result_of(function.param_types, function.result_type, args)
        if result is None:
            given = ", ".join(map(str, args))
            raise NotRunnableError(f"{node.function} takes ({', '.join(function.params)}), not ({given})")
        if not self._is_trial:
            for place in function.takes_literals:
                self._check_literal(self._rule.nodes[node.args[place]], function, place)
        return result

    def _check_literal(self, arg: Node, function: Declaration, place: int) -> None:
        if not isinstance(arg, Const):
            raise NotRunnableError(f"{function.id} takes a literal there, so that it can be checked beforehand")
        try:
            function.checks[place](arg.value)
        except RuleError as error:
            raise NotRunnableError(error.message) from None

    def _dispatched(self, node: Dispatch) -> CelType:
        if not self._is_trial:
            raise NotRunnableError(f"calls {node.name!r} without saying for which types")
        return DYN

    def _map(self, node: MapOf) -> CelType:
        if len(node.keys) != len(node.values):
            raise NotRunnableError("a map has as many keys as values")
        _check_places(node.optional, len(node.values))
        key = self._joined(node.keys)
        if key.name not in KEYS and not self._is_trial:
            raise NotRunnableError(f"a map's keys are strings, ints, uints or bools, not {key}")
        return CelType("map", (key, self._joined(node.values, node.optional)))

    def _macro(self, node: MacroCall, below: Sequence[Facts]) -> CelType:
        macro = MACROS.get(node.macro)
        if macro is None:
            raise NotRunnableError(f"uses the macro {node.macro!r}, which this engine does not have")
        over, bodies = self.types[node.over], [self.types[body] for body in node.bodies]
        bound = bound_types(macro, over, len(node.slots))
        if bound is None or not _has_shape(macro, node, bodies):
            raise NotRunnableError(f"{node.macro} does not go over {over} with bodies that give {bodies}")
        for slot, kind in zip(node.slots, bound, strict=True):
            slot_of(Variable(type=str(kind), slot=slot))
            read = [body.unbound[slot] for body in below[1:] if slot in body.unbound]
            if not all(fits(kind, declared) for declared in read):
                raise NotRunnableError(f"a variable is {kind} but read as {read[0]}")
        return macro.result(over, bound, bodies[-1])

    def _joined(self, places: Sequence[int], optional: Sequence[int] = ()) -> CelType:
        joined = NEVER
        for place, node in enumerate(places):
            joined = join(joined, self._held(node) if place in optional else self.types[node])
        return joined

    def _held(self, node: int) -> CelType:
        kind = self.types[node]
        if kind.name == "optional":
            return kind.of[0]
        if kind == DYN:
            return DYN
        raise NotRunnableError(f"{kind} is no optional, so it cannot be left out")


def _has_shape(macro: Macro, node: MacroCall, bodies: Sequence[CelType]) -> bool:
    *conditions, last = bodies or (NEVER,)
    is_bool = [kind in (BOOL, DYN, NEVER) for kind in conditions]
    fits_last = macro.body == "any" or last.name == macro.body or last == DYN
    return (
        bool(bodies)
        and len(conditions) <= macro.has_condition
        and all(is_bool)
        and fits_last
        and len(node.slots) in macro.variables
        and len(set(node.slots)) == len(node.slots)
    )


def _check_places(places: Sequence[int], count: int) -> None:
    if len(places) > count or any(not low < high for low, high in pairwise((-1, *places, count))):
        raise NotRunnableError("the places of what may be left out are in order, each once")


def _check_base64(text: str) -> None:
    try:
        b64decode(text, validate=True)
    except (Base64Error, ValueError):  # the second one for what is not ASCII
        raise NotRunnableError("a literal of bytes is not base64") from None
