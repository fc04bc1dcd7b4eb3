"""CEL's `math` extension: greatest and least, rounding, bits, what a double is.

Bits are those of 64-bit numbers; shifting to the right fills with zeros, also for negative ints, as CEL defines it.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np

from contracts.errors import RuleError
from contracts.features import INT64_MAX, INT64_MIN, UINT64_MAX
from engine.programs.arrays import some
from engine.programs.functions.declaration import ColumnForm, Function
from engine.programs.functions.numbers import in_int64
from engine.programs.values import CelValue, Operand, Uint
from engine.snapshot import Array

_BITS = 64
_LITERALS = {"int": ("1", "2"), "uint": ("1u", "2u"), "double": ("1.5", "2.5")}


def greatest(first: float, second: float) -> float:
    """The greater of two numbers of any kind, the first when they are equal."""
    return second if second > first else first


def least(first: float, second: float) -> float:
    """The lesser of two numbers of any kind, the first when they are equal."""
    return second if second < first else first


def _greatest_columns(first: Array, second: Array) -> Array:
    return np.where(np.greater(second, first), second, first)


def _least_columns(first: Array, second: Array) -> Array:
    return np.where(np.less(second, first), second, first)


def _over_list(pick: Callable[[float, float], float]) -> Callable[[tuple[float, ...]], float]:
    def run(numbers: tuple[float, ...]) -> float:
        if not numbers:
            raise RuleError("there is no greatest or least of an empty list")
        found, *others = numbers
        for number in (found, *others):
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise RuleError("greatest and least are of numbers alone")
            found = pick(found, number)
        return found

    return run


def _extremes() -> Iterable[Function]:
    for word, name, pick, columns in (
        ("greatest", "math.@max", greatest, _greatest_columns),
        ("least", "math.@min", least, _least_columns),
    ):
        yield from _of_one(word, name)
        yield from _of_lists(word, name, pick)
        for kind in _LITERALS:
            yield from _of_two(word, name, kind, pick, columns)


def _of_one(word: str, name: str) -> Iterable[Function]:
    for kind, (low, _) in _LITERALS.items():
        yield Function(
            id=f"{name.replace('.', '_')}_{kind}",
            name=name,
            params=(kind,),
            result=kind,
            doc="The number itself.",
            example=f"math.{word}({low}) == {low}",
            run=lambda number: number,
        )


def _of_lists(word: str, name: str, pick: Callable[[float, float], float]) -> Iterable[Function]:
    for kind, (low, _) in _LITERALS.items():
        yield Function(
            id=f"{name.replace('.', '_')}_list_{kind}",
            name=name,
            params=(f"list({kind})",),
            result=kind,
            doc=f"The {word} of a list, or of three and more, written `math.{word}(x, y, z)`.",
            example=f"math.{word}([{low}]) == {low}",
            run=_over_list(pick),
        )


def _of_two(
    word: str, name: str, kind: str, pick: Callable[[float, float], float], columns: Callable[[Array, Array], Array]
) -> Iterable[Function]:
    for other, (_, high) in _LITERALS.items():
        low = _LITERALS[kind][0]
        yield Function(
            id=f"{name.replace('.', '_')}_{kind}_{other}",
            name=name,
            params=(kind, other),
            result=kind if kind == other else "dyn",
            doc=f"The {word} of the two; the first when they are equal.",
            example=f"math.{word}({low}, {high}) == {high if word == 'greatest' else low}",
            run=pick,
            numeric=columns if kind == other else None,
        )


def _round(value: float) -> float:
    """To the nearest whole number, halves away from zero."""
    if not math.isfinite(value):
        return value
    whole = math.trunc(value)
    nearest = whole + math.copysign(1, value) if abs(value - whole) >= 0.5 else whole
    return math.copysign(float(nearest), value)


def _round_columns(values: Array) -> Array:
    with np.errstate(invalid="ignore"):
        whole = np.trunc(values)
        return np.copysign(np.where(np.abs(values - whole) >= 0.5, whole + np.copysign(1.0, values), whole), values)


def _finite(function: Callable[[float], int]) -> Callable[[float], float]:
    """Of a double that is not finite: itself."""
    return lambda value: math.copysign(float(function(value)), value) if math.isfinite(value) else value


def _sqrt(value: float) -> float:
    return math.nan if value < 0 else math.sqrt(value)


def _sqrt_columns(values: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.sqrt(values)


def _sign(value: float) -> float:
    return type(value)((value > 0) - (value < 0)) if value == value else value


def _magnitude(value: float) -> float:
    if isinstance(value, float):
        return abs(value)
    return Uint(value) if isinstance(value, Uint) else in_int64(abs(value))


def _abs_columns(values: Array) -> Operand:
    return np.abs(values), some(values == INT64_MIN)


def _shifted_left(value: int, count: int) -> int:
    if count < 0:
        raise RuleError("bits are shifted by 0 or more")
    bits = (value & UINT64_MAX) << count if count < _BITS else 0
    return _from_bits(bits & UINT64_MAX, value)


def _shifted_right(value: int, count: int) -> int:
    if count < 0:
        raise RuleError("bits are shifted by 0 or more")
    return _from_bits((value & UINT64_MAX) >> count if count < _BITS else 0, value)


def _from_bits(bits: int, like: int) -> int:
    if isinstance(like, Uint):
        return Uint(bits)
    return bits - (UINT64_MAX + 1) if bits > INT64_MAX else bits


def _not(value: int) -> int:
    return _from_bits(~value & UINT64_MAX, value)


def _bitwise(operation: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda left, right: _from_bits(operation(left & UINT64_MAX, right & UINT64_MAX), left)


def _double(
    word: str,
    doc: str,
    example: str,
    run: Callable[[float], CelValue],
    numeric: Callable[[Array], Array],
    result: str = "double",
) -> Function:
    return Function(
        id=f"math_{word}_double",
        name=f"math.{word}",
        params=("double",),
        result=result,
        doc=doc,
        example=example,
        run=run,
        numeric=numeric,
    )


def _kinds(word: str, doc: str, run: Callable[[float], float]) -> Iterable[Function]:
    checked: dict[str, ColumnForm] = {"int": _abs_columns} if word == "abs" else {}
    numeric: dict[str, Callable[..., Array]] = (
        {"double": np.abs} if word == "abs" else {"int": np.sign, "double": np.sign}
    )
    for kind, (low, _) in _LITERALS.items():
        one = {"int": "1", "uint": "1u", "double": "1.0"}[kind]
        yield Function(
            id=f"math_{word}_{kind}",
            name=f"math.{word}",
            params=(kind,),
            result=kind,
            doc=doc,
            example=f"math.{word}({low}) == {low if word == 'abs' else one}",
            run=run,
            numeric=numeric.get(kind),
            checked=checked.get(kind),
        )


def _roots() -> Iterable[Function]:
    for kind, four in (("int", "4"), ("uint", "4u"), ("double", "4.0")):
        yield Function(
            id=f"math_sqrt_{kind}",
            name="math.sqrt",
            params=(kind,),
            result="double",
            doc="The square root; NaN below 0.",
            example=f"math.sqrt({four}) == 2.0",
            run=_sqrt,
            numeric=_sqrt_columns if kind == "double" else None,
        )


def _bits(
    word: str, doc: str, run: Callable[..., int], samples: tuple[str, str], second: str = ""
) -> Iterable[Function]:
    for kind, sample in zip(("int", "uint"), samples, strict=True):
        params = (kind,) if second == "none" else (kind, second or kind)
        yield Function(
            id=f"math_bit{word}_{kind}_{kind if second == 'none' else second or kind}",
            name=f"math.bit{word}",
            params=params,
            result=kind,
            doc=doc,
            example=f"math.bit{word}({sample}",
            run=run,
        )


MATHEMATICS = (
    *_extremes(),
    _double("ceil", "The least whole number that is not below.", "math.ceil(1.2) == 2.0", _finite(math.ceil), np.ceil),
    _double(
        "floor", "The greatest whole number that is not above.", "math.floor(1.8) == 1.0", _finite(math.floor), np.floor
    ),
    _double(
        "round", "The nearest whole number, halves away from zero.", "math.round(2.5) == 3.0", _round, _round_columns
    ),
    _double("trunc", "The number without its fraction.", "math.trunc(-1.8) == -1.0", _finite(math.trunc), np.trunc),
    _double("isNaN", "Whether it is not a number.", "math.isNaN(0.0 / 0.0)", math.isnan, np.isnan, "bool"),
    _double("isInf", "Whether it is infinite.", "math.isInf(1.0 / 0.0)", math.isinf, np.isinf, "bool"),
    _double("isFinite", "Whether it is a number and finite.", "math.isFinite(1.0)", math.isfinite, np.isfinite, "bool"),
    *_kinds("abs", "The distance from 0; an error for the least int.", _magnitude),
    *_kinds("sign", "-1, 0 or 1.", _sign),
    *_roots(),
    *_bits("And", "The bits that both have.", _bitwise(lambda a, b: a & b), ("6, 3) == 2", "6u, 3u) == 2u")),
    *_bits("Or", "The bits that either has.", _bitwise(lambda a, b: a | b), ("6, 3) == 7", "6u, 3u) == 7u")),
    *_bits("Xor", "The bits that one of them has.", _bitwise(lambda a, b: a ^ b), ("6, 3) == 5", "6u, 3u) == 5u")),
    *_bits("Not", "All 64 bits turned.", _not, ("1) == -2", "0u) == 18446744073709551615u"), "none"),
    *_bits("ShiftLeft", "The bits moved up by a count.", _shifted_left, ("1, 2) == 4", "1u, 2) == 4u"), "int"),
    *_bits("ShiftRight", "The bits moved down by a count.", _shifted_right, ("4, 2) == 1", "4u, 2) == 1u"), "int"),
)
