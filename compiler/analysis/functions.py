"""What a function may give for what its arguments may be.

Few and exact arguments are simply run, by the engine's own function. For arithmetic there are ranges; every other
function may give all values of its type. A claim here is a claim about `engine.programs.functions`: the property test
of soundness runs both.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TypeAlias, cast

from compiler.analysis.values import (
    NOTHING,
    Between,
    Scalar,
    Values,
    among,
    as_range,
    between,
    exact,
    meet,
    of_type,
)
from contracts.errors import RuleError
from contracts.features import INT64_MAX
from engine.programs.functions import FUNCTIONS, Function

Transfer: TypeAlias = Callable[..., Values]

_MOST_RUNS = 256
_DOUBLE = of_type("double")
_LOCAL_PARTS: Mapping[str, tuple[int, int]] = {
    "getFullYear": (1, 9999),
    "getMonth": (0, 11),
    "getDayOfMonth": (0, 30),
    "getDate": (1, 31),
    "getDayOfWeek": (0, 6),
    "getDayOfYear": (0, 365),
    "getHours": (0, 23),
    "getMinutes": (0, 59),
    "getSeconds": (0, 59),
    "getMilliseconds": (0, 999),
}
_RESULTS: Mapping[str, Values] = {
    "share_string_string": Between(0.0, 1.0),
    "price_ending_int64": Between(0, 99),
    "day_part_timestamp_string": among(["night", "morning", "afternoon", "evening"]),
}


def applied(function_id: str, args: Sequence[Values], kind: str) -> Values:
    """What a strict function gives of type `kind`, when it does not fail."""
    function = FUNCTIONS.get(function_id)
    if not isinstance(function, Function):
        return of_type(kind)
    if NOTHING in args:
        return NOTHING
    choices = [exact(arg) for arg in args]
    known = [choice for choice in choices if choice is not None]
    if len(known) == len(choices) and math.prod(map(len, known)) <= _MOST_RUNS:
        return _run(function, list(product(*known)), kind)
    if function_id in _RESULTS:
        return _RESULTS[function_id]
    if function.name == "size":
        return Between(0, INT64_MAX)
    if function.params[0] == "timestamp" and function.name in _LOCAL_PARTS:
        return Between(*_LOCAL_PARTS[function.name])
    ranges = [as_range(arg) for arg in args]
    transfer = _TRANSFERS.get(function_id)
    if transfer is None or any(each is None for each in ranges):
        return of_type(kind)
    return meet(of_type(kind), transfer(*ranges))


def _run(function: Function, calls: Sequence[tuple[Scalar, ...]], kind: str) -> Values:
    results: list[Scalar] = []
    for call in calls:
        try:
            result = function.run(*call)
        except RuleError:
            continue
        if not isinstance(result, bool | int | float | str):
            return of_type(kind)
        results.append(result)
    return among(results)


def _corners(run: Callable[[float, float], float], left: Between, right: Between) -> Values:
    """The range of a function that grows or falls steadily with each argument; ints are not bounded yet."""
    ends = [run(one, other) for one in (left.low, left.high) for other in (right.low, right.high)]
    return between(min(ends), max(ends))


def _of_doubles(run: Callable[[float, float], float]) -> Transfer:
    """IEEE arithmetic rounds steadily; NaN arises only at infinities."""

    def transfer(left: Between, right: Between) -> Values:
        ends = (left.low, left.high, right.low, right.high)
        if left.has_nan or right.has_nan or not all(map(math.isfinite, ends)):
            return _DOUBLE
        return _corners(run, left, right)

    return transfer


def _of_ints(run: Callable[[int, int], int]) -> Transfer:
    return lambda left, right: _corners(cast(Callable[[float, float], float], run), left, right)


def _truncated(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _divided(left: Between, right: Between) -> Values:
    """By a divisor of either sign; zero is an error."""
    negative = between(right.low, min(right.high, -1))
    positive = between(max(right.low, 1), right.high)
    parts = [each for each in (negative, positive) if isinstance(each, Between)]
    ends = [_of_ints(_truncated)(left, each) for each in parts]
    found = [each for each in ends if isinstance(each, Between)]
    return between(min((each.low for each in found), default=0), max((each.high for each in found), default=-1))


def _rest(left: Between, right: Between) -> Values:
    """Smaller than the divisor, no larger than the dividend, and of its sign."""
    most = max(abs(right.low), abs(right.high)) - 1
    return between(max(min(left.low, 0), -most), min(max(left.high, 0), most))


def _negated(value: Between) -> Values:
    return between(-value.high, -value.low, value.has_nan)


def _double_of_int(value: Between) -> Values:
    return between(float(value.low), float(value.high))


def _int_of_double(value: Between) -> Values:
    """Without its fraction; what no int64 holds is an error."""
    low, high = max(value.low, -(2.0**63)), min(value.high, 2.0**63)
    return between(int(low), int(high)) if low <= high else NOTHING


def _least(left: Between, right: Between) -> Values:
    if left.has_nan or right.has_nan:
        return _either(left, right)
    return between(min(left.low, right.low), min(left.high, right.high))


def _greatest(left: Between, right: Between) -> Values:
    if left.has_nan or right.has_nan:
        return _either(left, right)
    return between(max(left.low, right.low), max(left.high, right.high))


def _either(left: Between, right: Between) -> Values:
    return Between(min(left.low, right.low), max(left.high, right.high), True)


_TRANSFERS: Mapping[str, Transfer] = {
    "add_int64": _of_ints(operator.add),
    "subtract_int64": _of_ints(operator.sub),
    "multiply_int64": _of_ints(operator.mul),
    "divide_int64": _divided,
    "modulo_int64": _rest,
    "negate_int64": _negated,
    "add_double": _of_doubles(operator.add),
    "subtract_double": _of_doubles(operator.sub),
    "multiply_double": _of_doubles(operator.mul),
    "negate_double": _negated,
    "int64_to_double": _double_of_int,
    "double_to_int64": _int_of_double,
    "math_@min_int_int": _least,
    "math_@max_int_int": _greatest,
    "math_@min_double_double": _least,
    "math_@max_double_double": _greatest,
}
