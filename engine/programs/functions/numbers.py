"""Arithmetic on int64 and double, as CEL has it: int64 overflow is an error, / and % truncate toward zero.

NumPy wraps silently, so each int64 form looks for overflow itself. Doubles follow IEEE 754 and never fail.
"""

import math
import operator
from collections.abc import Callable

import numpy as np

from contracts.errors import RuleError
from contracts.features import INT64_MAX, INT64_MIN
from engine.column import Array
from engine.programs.arrays import some
from engine.programs.functions.declaration import ColumnForm, Function
from engine.programs.values import Mask, Operand

_SAFE_PRODUCT = 2.0**62


def in_int64(value: int) -> int:
    """The value itself. Raises `RuleError` when it does not fit an int64."""
    if INT64_MIN <= value <= INT64_MAX:
        return value
    raise RuleError("integer overflow")


def add_columns(left: Array, right: Array) -> tuple[Array, Mask | None]:
    """Left + right of int64, and where it overflows: where both signs differ from the sum's."""
    total = left + right
    return total, some(((left ^ total) & (right ^ total)) < 0)


def subtract_columns(left: Array, right: Array) -> tuple[Array, Mask | None]:
    """Left - right of int64, and where it overflows."""
    difference = np.subtract(left, right)
    return difference, some(((left ^ right) & (left ^ difference)) < 0)


def _multiply_columns(left: Array, right: Array) -> Operand:
    product = left * right
    suspects = np.abs(np.multiply(left, right, dtype=np.float64)) >= _SAFE_PRODUCT
    if not np.count_nonzero(suspects):
        return product, None
    lefts, rights = np.broadcast_arrays(left, right)
    errors = np.zeros(len(product), dtype=np.bool_)
    for place in np.flatnonzero(suspects).tolist():
        errors[place] = not INT64_MIN <= int(lefts[place]) * int(rights[place]) <= INT64_MAX
    return product, some(errors)


def _divisor(left: Array, right: Array) -> tuple[Array, Mask]:
    """A divisor that is safe everywhere, and where the true one is not: zero, or the overflow of minimum / -1."""
    divisor = np.asarray(right)
    is_bad = (divisor == 0) | ((divisor == -1) & (np.asarray(left) == INT64_MIN))
    return np.where(is_bad, 1, divisor), is_bad


def _divide_columns(left: Array, right: Array) -> Operand:
    divisor, is_bad = _divisor(left, right)
    return (left - np.fmod(left, divisor)) // divisor, some(is_bad)


def _modulo_columns(left: Array, right: Array) -> Operand:
    divisor, is_bad = _divisor(left, right)
    return np.fmod(left, divisor), some(is_bad)


def _negate_columns(value: Array) -> Operand:
    return np.negative(value), some(value == INT64_MIN)


def _add(left: int, right: int) -> int:
    return in_int64(left + right)


def _subtract(left: int, right: int) -> int:
    return in_int64(left - right)


def _multiply(left: int, right: int) -> int:
    return in_int64(left * right)


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise RuleError("division by zero")
    quotient = abs(left) // abs(right)
    return in_int64(quotient if (left < 0) == (right < 0) else -quotient)


def _modulo(left: int, right: int) -> int:
    if right == 0:
        raise RuleError("modulus by zero")
    in_int64(-left if right == -1 else left)
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _negate(value: int) -> int:
    return in_int64(-value)


def _divide_doubles(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _int(name: str, sign: str, doc: str, example: str, run: Callable[..., int], checked: ColumnForm) -> Function:
    return Function(
        id=f"{name}_int64",
        name=f"_{sign}_",
        params=("int", "int"),
        result="int",
        doc=f"{doc}; an error outside int64.",
        example=example,
        run=run,
        checked=checked,
    )


def _double(name: str, sign: str, doc: str, example: str, run: Callable[..., float], ufunc: np.ufunc) -> Function:
    return Function(
        id=f"{name}_double",
        name=f"_{sign}_",
        params=("double", "double"),
        result="double",
        doc=f"{doc} of doubles.",
        example=example,
        run=run,
        numeric=ufunc,
    )


NUMBERS = (
    _int("add", "+", "The sum", "1 + 2 == 3", _add, add_columns),
    _int("subtract", "-", "The difference", "1 - 2 == -1", _subtract, subtract_columns),
    _int("multiply", "*", "The product", "2 * 3 == 6", _multiply, _multiply_columns),
    _int("divide", "/", "The quotient, truncated toward zero", "-7 / 2 == -3", _divide, _divide_columns),
    _int("modulo", "%", "The rest of the truncated division", "-7 % 2 == -1", _modulo, _modulo_columns),
    Function(
        id="negate_int64",
        name="-_",
        params=("int",),
        result="int",
        doc="The number with the other sign; an error outside int64.",
        example="-(3) == -3",
        run=_negate,
        checked=_negate_columns,
    ),
    _double("add", "+", "The sum", "1.5 + 2.0 == 3.5", operator.add, np.add),
    _double("subtract", "-", "The difference", "1.5 - 2.0 == -0.5", operator.sub, np.subtract),
    _double("multiply", "*", "The product", "1.5 * 2.0 == 3.0", operator.mul, np.multiply),
    _double("divide", "/", "The quotient", "3.0 / 2.0 == 1.5", _divide_doubles, np.divide),
    Function(
        id="negate_double",
        name="-_",
        params=("double",),
        result="double",
        doc="The number with the other sign.",
        example="-(1.5) == -1.5",
        run=operator.neg,
        numeric=np.negative,
    ),
)
