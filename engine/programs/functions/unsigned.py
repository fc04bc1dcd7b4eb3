"""uint: unsigned 64-bit integers. A result that is negative or too large is an error. Columns run row by row."""

from collections.abc import Callable

from contracts.errors import RuleError
from contracts.features import INT64_MAX, UINT64_MAX
from engine.programs.functions.declaration import Function
from engine.programs.values import Uint

_TWO_64 = 2.0**64
_MAX_DIGITS = 64


def in_uint64(value: int) -> Uint:
    """The number as a uint. Raises `RuleError` when it does not fit."""
    if 0 <= value <= UINT64_MAX:
        return Uint(value)
    raise RuleError("unsigned integer overflow")


def _divide(left: int, right: int) -> Uint:
    if right == 0:
        raise RuleError("division by zero")
    return Uint(left // right)


def _modulo(left: int, right: int) -> Uint:
    if right == 0:
        raise RuleError("modulus by zero")
    return Uint(left % right)


def _of_double(value: float) -> Uint:
    if 0.0 <= value < _TWO_64:
        return Uint(int(value))
    raise RuleError("double outside uint64")


def _of_string(text: str) -> Uint:
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return in_uint64(int(text))
    raise RuleError(f"{text[:40]!r} is not a uint")


def _to_int(value: int) -> int:
    if value > INT64_MAX:
        raise RuleError("uint outside int64")
    return int(value)


def _arithmetic(name: str, sign: str, doc: str, example: str, run: Callable[[int, int], Uint]) -> Function:
    return Function(
        id=f"{name}_uint64",
        name=f"_{sign}_",
        params=("uint", "uint"),
        result="uint",
        doc=f"{doc} of uints; an error outside uint64.",
        example=example,
        run=run,
    )


def _conversion(
    id_: str, name: str, param: str, doc: str, example: str, run: Callable[..., int | float | str]
) -> Function:
    return Function(id=id_, name=name, params=(param,), result=name, doc=doc, example=example, run=run)


UNSIGNED = (
    _arithmetic("add", "+", "The sum", "1u + 2u == 3u", lambda left, right: in_uint64(left + right)),
    _arithmetic("subtract", "-", "The difference", "3u - 2u == 1u", lambda left, right: in_uint64(left - right)),
    _arithmetic("multiply", "*", "The product", "2u * 3u == 6u", lambda left, right: in_uint64(left * right)),
    _arithmetic("divide", "/", "The whole quotient", "7u / 2u == 3u", _divide),
    _arithmetic("modulo", "%", "The rest of the division", "7u % 2u == 1u", _modulo),
    _conversion("int64_to_uint64", "uint", "int", "The same number; an error below 0.", "uint(3) == 3u", in_uint64),
    _conversion(
        "double_to_uint64",
        "uint",
        "double",
        "A double without its fraction; an error outside.",
        "uint(3.9) == 3u",
        _of_double,
    ),
    _conversion(
        "string_to_uint64", "uint", "string", "Decimal digits read as a uint.", "uint('12') == 12u", _of_string
    ),
    _conversion("uint64_to_uint64", "uint", "uint", "The value itself.", "uint(3u) == 3u", Uint),
    _conversion("uint64_to_int64", "int", "uint", "The same number; an error outside int64.", "int(3u) == 3", _to_int),
    _conversion("uint64_to_double", "double", "uint", "The nearest double.", "double(3u) == 3.0", float),
    _conversion(
        "uint64_to_string", "string", "uint", "Decimal digits.", "string(12u) == '12'", lambda value: f"{value:d}"
    ),
)
