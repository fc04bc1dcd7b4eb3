"""== != < <= > >= - by the mathematical value of numbers, by code points of strings; NaN equals nothing.

True is not 1, and values of different kinds are unequal, never an error: 1 == 1u == 1.0 holds, as numbers.
"""

import operator
from collections.abc import Callable, Hashable, Mapping

import numpy as np

from engine.column import Array
from engine.programs.functions.declaration import Function
from engine.programs.limits import Budget
from engine.programs.values import CelValue, KeyedMap, Operand, OptionalValue, Texts, Uint

_NUMBERS = frozenset({int, Uint, float})
_CONTAINERS = frozenset({tuple, dict, KeyedMap, OptionalValue})


def equal(left: CelValue, right: CelValue, budget: Budget | None = None) -> bool:
    """CEL's equality of any two values. Raises `RuleError` when too many entries would be compared."""
    kind, other = type(left), type(right)
    if kind in _CONTAINERS and other in _CONTAINERS:
        return _equal_entries(left, right, budget or Budget())
    if kind is other:
        return left == right
    return kind in _NUMBERS and other in _NUMBERS and _as_doubles(left, right)


def _equal_entries(left: CelValue, right: CelValue, budget: Budget) -> bool:
    budget.take()
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(equal(*pair, budget) for pair in zip(left, right, strict=True))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return len(left) == len(right) and all(
            key in right and equal(value, right[key], budget)  # type: ignore[index]
            for key, value in left.items()
        )
    if isinstance(left, OptionalValue) and isinstance(right, OptionalValue):
        return _equal_entries(left.held, right.held, budget)
    return False


def identity(value: CelValue) -> Hashable | None:
    """What equal plain values share, and no others; None for a list, map or optional, and for NaN."""
    kind = type(value)
    if kind in _CONTAINERS or value != value:
        return None
    if kind not in _NUMBERS:
        return kind, value
    return value  # type: ignore[return-value]


def _as_doubles(left: CelValue, right: CelValue) -> bool:
    """An int against a double is compared as a double, as in the reference; int against uint exactly."""
    if isinstance(left, float) or isinstance(right, float):
        return float(left) == float(right)  # type: ignore[arg-type]
    return left == right


def unequal(left: CelValue, right: CelValue) -> bool:
    """CEL's inequality of any two values."""
    return not equal(left, right)


def _equal_coded(left: Texts | str, right: Texts | str) -> Operand:
    texts, text = (left, right) if isinstance(left, Texts) else (right, left)
    return np.equal(texts.codes, texts.code(text)), None  # type: ignore[union-attr, arg-type]


def _unequal_coded(left: Texts | str, right: Texts | str) -> Operand:
    same, _ = _equal_coded(left, right)
    return np.logical_not(same), None  # type: ignore[arg-type]


_KINDS = {
    "bool": ("bool", "false", "true"),
    "int64": ("int", "1", "2"),
    "uint64": ("uint", "1u", "2u"),
    "double": ("double", "1.5", "2.5"),
    "bytes": ("bytes", "b'a'", "b'b'"),
    "string": ("string", "'a'", "'b'"),
    "timestamp": ("timestamp", "timestamp('2017-11-27T00:00:00Z')", "timestamp('2017-11-28T00:00:00Z')"),
    "duration": ("duration", "duration('1h')", "duration('2h')"),
}


def _orders(
    prefix: str, sign: str, words: str, run: Callable[..., bool], numeric: Callable[..., Array]
) -> tuple[Function, ...]:
    """One comparison for each kind that has an order."""
    return tuple(
        Function(
            id=f"{prefix}_{suffix}",
            name=f"_{sign}_",
            params=(kind, kind),
            result="bool",
            doc=f"Whether the first is {words} the second; both of one type.",
            example=f"{low} {sign} {high}" if "<" in sign else f"{high} {sign} {low}",
            run=run,
            numeric=numeric,
        )
        for suffix, (kind, low, high) in _KINDS.items()
    )


COMPARISONS = (
    Function(
        id="equals",
        name="_==_",
        params=("A", "A"),
        result="bool",
        doc="Whether two values are equal; lists and maps are compared entry by entry.",
        example="[1, 2] == [1, 2]",
        run=equal,
        alike=operator.eq,
        numeric=np.equal,
        coded={"bool": _equal_coded},
    ),
    Function(
        id="not_equals",
        name="_!=_",
        params=("A", "A"),
        result="bool",
        doc="Whether two values differ.",
        example="'a' != 'b'",
        run=unequal,
        alike=operator.ne,
        numeric=np.not_equal,
        coded={"bool": _unequal_coded},
    ),
    *_orders("less", "<", "less than", operator.lt, np.less),
    *_orders("less_equals", "<=", "at most", operator.le, np.less_equal),
    *_orders("greater", ">", "greater than", operator.gt, np.greater),
    *_orders("greater_equals", ">=", "at least", operator.ge, np.greater_equal),
)
