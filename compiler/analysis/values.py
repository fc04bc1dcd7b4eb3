"""What may come out of an expression when it does not fail: one of some values, a range, or anything.

Errors need no place here. `&&`, `||` and `?:` give true or false only where their sides did, so "never true" means
false or an error, and "always true" means true or an error. Live data is not looked at: a rule is judged for what its
types, its literals and the closed values of `request` allow, because rows change while the rule stays.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from contracts.features import INT64_MAX, INT64_MIN

Scalar: TypeAlias = bool | int | float | str
MAX_VALUES = 256


@dataclass(frozen=True)
class Among:
    """One of these bools, strings, ints or times, all of one type. None at all: the expression always fails."""

    values: frozenset[Scalar]


@dataclass(frozen=True)
class Between:
    """A number, or a time in nanoseconds, from `low` to `high`, both included; or NaN, where `has_nan`."""

    low: float
    high: float
    has_nan: bool = False


@dataclass(frozen=True)
class Anything:
    """No limit is known."""


Values: TypeAlias = Among | Between | Anything

ANYTHING = Anything()
NOTHING = Among(frozenset())
TRUE, FALSE = Among(frozenset({True})), Among(frozenset({False}))
_OF_TYPES: dict[str, Values] = {
    "bool": Among(frozenset({True, False})),
    "int": Between(INT64_MIN, INT64_MAX),
    "double": Between(-math.inf, math.inf, has_nan=True),
    "timestamp": Between(-math.inf, math.inf),
    "duration": Between(-math.inf, math.inf),
}


def of_type(kind: str) -> Values:
    """All values of a CEL type."""
    return _OF_TYPES.get(kind, ANYTHING)


def among(values: Iterable[Scalar]) -> Values:
    """Exactly these values; of doubles only the range, because 0.0 and -0.0 are equal and yet differ."""
    found = list(values)
    doubles = [value for value in found if isinstance(value, float)]
    if not doubles:
        return Among(frozenset(found))
    numbers = [value for value in doubles if not math.isnan(value)]
    return between(min(numbers, default=math.inf), max(numbers, default=-math.inf), len(numbers) < len(doubles))


def between(low: float, high: float, has_nan: bool = False) -> Values:
    """A range, or nothing where its ends are crossed."""
    if low <= high:
        return Between(low, high, has_nan)
    return Between(math.inf, -math.inf, True) if has_nan else NOTHING


def meet(left: Values, right: Values) -> Values:
    """What both allow."""
    if isinstance(left, Anything):
        return right
    if isinstance(right, Anything):
        return left
    if isinstance(left, Among) and isinstance(right, Among):
        return Among(left.values & right.values)
    if isinstance(left, Between) and isinstance(right, Between):
        return between(max(left.low, right.low), min(left.high, right.high), left.has_nan and right.has_nan)
    return _within(left, right) if isinstance(left, Among) else _within(right, left)


def join(left: Values, right: Values) -> Values:
    """What either allows, or more."""
    if NOTHING in (left, right):
        return right if left == NOTHING else left
    if isinstance(left, Among) and isinstance(right, Among) and len(left.values | right.values) <= MAX_VALUES:
        return Among(left.values | right.values)
    one, other = as_range(left), as_range(right)
    if one is None or other is None:
        return ANYTHING
    return Between(min(one.low, other.low), max(one.high, other.high), one.has_nan or other.has_nan)


def as_range(values: Values) -> Between | None:
    """The range round these values; None where they have no order that ranges know."""
    if isinstance(values, Between):
        return values
    whole = [value for value in values.values if _is_whole(value)] if isinstance(values, Among) else []
    if isinstance(values, Anything) or len(whole) < len(values.values):
        return None
    return Between(min(whole, default=math.inf), max(whole, default=-math.inf))


def exact(values: Values) -> frozenset[Scalar] | None:
    """All the values, where they are few and each is known to the bit."""
    if isinstance(values, Among):
        return values.values
    if not isinstance(values, Between) or not isinstance(values.low, float) or values.has_nan:
        return None
    return frozenset({values.low}) if values.low == values.high != 0.0 else None


def _within(some: Values, ends: Values) -> Values:
    assert isinstance(some, Among)
    assert isinstance(ends, Between)
    return Among(frozenset(each for each in some.values if _is_whole(each) and ends.low <= each <= ends.high))


def _is_whole(value: Scalar) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
