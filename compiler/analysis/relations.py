"""How two values may stand to each other, and what that leaves of each: the heart of every comparison.

`LESS`, `EQUAL`, `GREATER` exclude each other; `APART` is for what has no order: NaN, and unequal lists or maps.
"""

import math
from itertools import product
from typing import Final, TypeAlias

from compiler.analysis.values import NOTHING, Among, Between, Scalar, Values, as_range, between, exact, meet

Relation: TypeAlias = str
Relations: TypeAlias = frozenset[Relation]

LESS: Final = "less"
EQUAL: Final = "equal"
GREATER: Final = "greater"
APART: Final = "apart"
ALL: Final[Relations] = frozenset({LESS, EQUAL, GREATER, APART})
OPERATORS: Final[dict[str, Relations]] = {
    "_<_": frozenset({LESS}),
    "_<=_": frozenset({LESS, EQUAL}),
    "_>_": frozenset({GREATER}),
    "_>=_": frozenset({GREATER, EQUAL}),
    "_==_": frozenset({EQUAL}),
    "_!=_": frozenset({LESS, GREATER, APART}),
}
_FLIPPED = {LESS: GREATER, GREATER: LESS, EQUAL: EQUAL, APART: APART}
_NUMBERS = frozenset({"int", "double"})
_ORDERED = frozenset({"bool", "int", "uint", "string", "bytes", "timestamp", "duration"})
_MOST_PAIRS = 4096


def flipped(relations: Relations) -> Relations:
    """The same relations, seen from the other side."""
    return frozenset(_FLIPPED[each] for each in relations)


def possible(left: Values, right: Values, kinds: tuple[str, str]) -> Relations:
    """How values of these CEL types may relate."""
    every = ALL - {APART} if kinds[0] == kinds[1] and kinds[0] in _ORDERED else ALL
    if kinds[0] == kinds[1]:
        pairs = _pairs(left, right)
        if pairs is not None:
            return frozenset(_relation(*pair) for pair in pairs)
    elif not _NUMBERS.issuperset(kinds):
        return every
    one, other = as_range(left), as_range(right)
    return every if one is None or other is None else _of_ranges(one, other)


def to_itself(kind: str) -> Relations:
    """How a value may relate to itself: NaN, alone or inside, is unequal to itself."""
    return frozenset({EQUAL}) if kind in _ORDERED else frozenset({EQUAL, APART})


def limited(value: Values, other: Values, relations: Relations, kind: str) -> Values:
    """What is left of `value`, of the same type as `other`, when it relates to it in one of these ways."""
    if relations == {EQUAL}:
        return meet(value, other)
    choices = exact(value)
    others = exact(other)
    if choices is not None and others is not None and len(choices) * len(others) <= _MOST_PAIRS:
        kept = [one for one in choices if any(_relation(one, each) in relations for each in others)]
        return Among(frozenset(kept)) if isinstance(value, Among) else value if kept else NOTHING
    one, within = as_range(value), as_range(other)
    return value if one is None or within is None else meet(value, _limited_range(one, within, relations, kind))


def _limited_range(value: Between, other: Between, relations: Relations, kind: str) -> Values:
    has_nan = value.has_nan and APART in relations
    if APART in relations and other.has_nan:
        return value
    low, high = value.low, value.high
    if not relations & {LESS, EQUAL, GREATER}:
        low, high = math.inf, -math.inf
    if GREATER not in relations:
        high = min(high, other.high if EQUAL in relations else _before(other.high, kind))
    if LESS not in relations:
        low = max(low, other.low if EQUAL in relations else _after(other.low, kind))
    if EQUAL not in relations and other.low == other.high and not other.has_nan:
        low = _after(low, kind) if low == other.low else low
        high = _before(high, kind) if high == other.low else high
    return between(low, high, has_nan)


def _of_ranges(left: Between, right: Between) -> Relations:
    found = set()
    if left.low < right.high:
        found.add(LESS)
    if left.high > right.low:
        found.add(GREATER)
    if max(left.low, right.low) <= min(left.high, right.high):
        found.add(EQUAL)
    if left.has_nan or right.has_nan:
        found.add(APART)
    return frozenset(found)


def _pairs(left: Values, right: Values) -> list[tuple[Scalar, Scalar]] | None:
    ones, others = exact(left), exact(right)
    if ones is None or others is None or len(ones) * len(others) > _MOST_PAIRS:
        return None
    return list(product(ones, others))


def _relation(left: Scalar, right: Scalar) -> Relation:
    if left == right:
        return EQUAL
    return LESS if left < right else GREATER  # type: ignore[operator]


def _before(value: float, kind: str) -> float:
    """The greatest value of the type below this one."""
    return math.nextafter(value, -math.inf) if kind == "double" or math.isinf(value) else value - 1


def _after(value: float, kind: str) -> float:
    """The least value of the type above this one."""
    return math.nextafter(value, math.inf) if kind == "double" or math.isinf(value) else value + 1
