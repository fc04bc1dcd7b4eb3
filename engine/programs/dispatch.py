"""Calls whose overload shows only when they run, by the kinds of their arguments. For expressions on trial alone.

Here `dyn(1) < 2.0` compares across kinds of numbers and `[7][dyn(0u)]` takes any whole number, as CEL wants of
values whose types the checker did not know.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from contracts.errors import RuleError
from engine.programs.functions import FUNCTIONS, Function, LazyFunction
from engine.programs.types import VARIABLES, CelType
from engine.programs.values import NOTHING, CelValue, OptionalValue, RequestProgram, Scope, constant, kind_of

_NUMBERS = frozenset({"int", "uint", "double"})
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}
_INDEXES = frozenset({"_[_]", "_[?_]"})


def as_bool(program: RequestProgram) -> RequestProgram:
    """The same program, failing when it gives no bool."""

    def run(scope: Scope) -> CelValue:
        value = program(scope)
        if value is True or value is False:
            return value
        raise RuleError(f"a bool is wanted, not a {kind_of(value)}")

    return run


def dispatched(name: str, args: Sequence[RequestProgram]) -> RequestProgram:
    """A closure that chooses among the functions of a name. Raises `RuleError` when none takes the arguments."""
    candidates = [each for each in FUNCTIONS.values() if each.name == name and len(each.params) == len(args)]
    if candidates and isinstance(candidates[0], LazyFunction):
        bools = [param == "bool" for param in candidates[0].params]
        return candidates[0].plan(*[as_bool(arg) if wants else arg for arg, wants in zip(args, bools, strict=True)])
    strict = [each for each in candidates if isinstance(each, Function)]

    def run(scope: Scope) -> CelValue:
        values = [arg(scope) for arg in args]
        kinds = [kind_of(value) for value in values]
        for function in strict:
            if all(map(_takes, function.param_types, values)):
                return function.run(*values)
        return _across(name, values, kinds)

    return run


def _takes(param: CelType, value: CelValue) -> bool:
    kind = kind_of(value)
    if param.name != kind:
        return param.name in VARIABLES or param.name == "dyn"
    match value:
        case OptionalValue():
            return all(_holds(param.of[0], held) for held in value.held)
        case tuple():
            return all(_holds(param.of[0], item) for item in value)
        case Mapping():
            return all(_holds(param.of[0], key) and _holds(param.of[1], item) for key, item in value.items())
    return True


def _holds(param: CelType, value: CelValue) -> bool:
    """Whether a list or map of such values may hold this one: numbers of any kind stand for each other there."""
    return _takes(param, value) or (param.name in _NUMBERS and kind_of(value) in _NUMBERS)


def _across(name: str, values: Sequence[CelValue], kinds: Sequence[str]) -> CelValue:
    """What CEL defines across kinds of numbers."""
    if name in _ORDERS and _NUMBERS.issuperset(kinds):
        left, right = cast(Sequence[float], values)
        is_double = "double" in kinds  # then both are compared as doubles, as in the reference
        return _ORDERS[name](float(left), float(right)) if is_double else _ORDERS[name](left, right)
    if name in _INDEXES and kinds[0] == "list" and kinds[1] in ("uint", "double"):
        place = float(cast(float, values[1]))
        if place.is_integer():
            return dispatched(name, [constant(values[0]), constant(int(place))])(NOTHING)
    raise RuleError(f"there is no {name} of ({', '.join(kinds)})")
