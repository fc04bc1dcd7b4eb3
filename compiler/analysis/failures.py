"""Calls that fail whatever is read, because of the literals in them: a zone that does not exist, a division by zero."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contracts.errors import RuleError
from contracts.rule_ir import Call, Const, ListOf, Node, Rule
from engine.programs.functions import FUNCTIONS, Function
from engine.programs.functions.formatting import clauses
from engine.programs.plan import literal
from engine.programs.values import CelValue

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


@dataclass(frozen=True)
class Failure:
    """A call that always fails, or the literal in it that is to blame: the node's place, and the error."""

    place: int
    why: str


def failures(rule: Rule) -> Iterator[Failure]:
    """What always fails in a rule."""
    for place, node in enumerate(rule.nodes):
        function = FUNCTIONS.get(node.function) if isinstance(node, Call) else None
        if isinstance(node, Call) and isinstance(function, Function):
            found = _failure(rule, place, node, function)
            if found is not None:
                yield found


def _failure(rule: Rule, place: int, node: Call, function: Function) -> Failure | None:
    literals = {position: arg for position, arg in enumerate(node.args) if isinstance(rule.nodes[arg], Const)}
    values = {position: _value(rule, arg) for position, arg in literals.items()}
    for position, check in function.checks.items():
        why = _error(check, values[position]) if position in values else ""
        if why:
            return Failure(literals[position], why)
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


def _value(rule: Rule, place: int) -> CelValue:
    node = rule.nodes[place]
    return literal(node) if isinstance(node, Const) else None


def _error(run: Callable[..., object], *args: CelValue) -> str:
    try:
        run(*args)
    except RuleError as error:
        return error.message
    return ""
