"""Calls that fail whatever is read, because of the literals in them: a zone that does not exist, a division by zero.

What is made of literals alone, lists and maps and calls too, is computed from the leaves up by the engine's own
functions: `[1, 2][7]` fails wherever it stands.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from contracts.errors import RuleError
from contracts.rule_ir import Call, Const, ListOf, MapOf, Node, Rule
from engine.programs.functions import FUNCTIONS, Function
from engine.programs.functions.formatting import clauses
from engine.programs.plan import literal
from engine.programs.values import CelValue, as_map

_WHOLE = ("int", "uint")
_FORMATTED: dict[str, tuple[str, ...]] = {
    "d": _WHOLE,
    "o": _WHOLE,
    "f": (*_WHOLE, "double"),
    "e": (*_WHOLE, "double"),
    "b": (*_WHOLE, "bool"),
    "x": (*_WHOLE, "string", "bytes"),
    "X": (*_WHOLE, "string", "bytes"),
}
_DIVISIONS = frozenset({"divide_int64", "divide_uint64", "modulo_int64", "modulo_uint64"})
_Known: TypeAlias = Mapping[int, CelValue]


@dataclass(frozen=True)
class Failure:
    """A call that always fails, or the literal in it that is to blame: the node's place, and the error."""

    place: int
    why: str


def failures(rule: Rule) -> Iterator[Failure]:
    """What always fails in a rule. Nothing is known of what is made of it: one slip is one problem."""
    known: dict[int, CelValue] = {}
    for place, node in enumerate(rule.nodes):
        function = FUNCTIONS.get(node.function) if isinstance(node, Call) else None
        if isinstance(node, Call) and isinstance(function, Function):
            found = _failure(rule, place, node, function, known)
            if found is not None:
                yield found
        known |= _made_of(place, node, known)


def _made_of(place: int, node: Node, known: _Known) -> dict[int, CelValue]:
    """The value of a node that is made of literals alone, under its place; else nothing."""
    parts = _parts(node)
    if parts is None or not all(part in known for part in parts):
        return {}
    try:
        return {place: _value(node, [known[part] for part in parts])}
    except RuleError:
        return {}


def _parts(node: Node) -> tuple[int, ...] | None:
    """The places of what a node's value follows from; None where more bears on it."""
    match node:
        case Const():
            return ()
        case ListOf(items=items, optional=()):
            return items
        case MapOf(keys=keys, values=values, optional=()):
            return keys + values
        case Call(function=name, args=args) if isinstance(FUNCTIONS.get(name), Function):
            return args
    return None


def _value(node: Node, parts: Sequence[CelValue]) -> CelValue:
    match node:
        case Const():
            return literal(node)
        case ListOf():
            return tuple(parts)
        case MapOf(keys=keys):
            return as_map(list(zip(parts[: len(keys)], parts[len(keys) :], strict=True)))
    function = FUNCTIONS[node.function] if isinstance(node, Call) else None
    assert isinstance(function, Function)
    return function.run(*parts)


def _failure(rule: Rule, place: int, node: Call, function: Function, known: _Known) -> Failure | None:
    values = {position: known[arg] for position, arg in enumerate(node.args) if arg in known}
    for position, check in function.checks.items():
        why = _error(check, values[position]) if position in values else ""
        if why:
            return Failure(node.args[position], why)
    if node.function in _DIVISIONS and values.get(1) == 0:
        return Failure(place, _error(function.run, values[1], values[1]))
    if node.function == "string_format" and 0 in values:
        why = _misformatted(rule, clauses(str(values[0])), rule.nodes[node.args[1]])
        return Failure(place, why) if why else None
    why = _error(function.run, *values.values()) if len(values) == len(node.args) else ""
    return Failure(place, why) if why else None


def _misformatted(rule: Rule, verbs: Sequence[str], values: Node) -> str:
    """Why a list written in the rule does not fit a format."""
    if not isinstance(values, ListOf):
        return ""
    if len(verbs) != len(values.items):
        return f"the format takes {len(verbs)} values, the list has {len(values.items)}"
    for verb, item in zip(verbs, values.items, strict=True):
        kind = rule.nodes[item].type
        if verb in _FORMATTED and kind not in _FORMATTED[verb] and kind != "dyn":
            return f"%{verb} formats {' or '.join(_FORMATTED[verb])}, not {kind}"
    return ""


def _error(run: Callable[..., object], *args: CelValue) -> str:
    try:
        run(*args)
    except RuleError as error:
        return error.message
    return ""
