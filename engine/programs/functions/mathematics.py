"""CEL's `math` extension: rounding, sizes and signs, roots, what a double is.

Greatest and least stand in `extremes`, bits in `bits`.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np

from contracts.features import INT64_MIN
from engine.column import Array
from engine.programs.arrays import some
from engine.programs.functions.declaration import ColumnForm, Function
from engine.programs.functions.numbers import in_int64
from engine.programs.values import CelValue, Operand, Uint

_LITERALS = {"int": "1", "uint": "1u", "double": "1.5"}


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
    for kind, low in _LITERALS.items():
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


MATHEMATICS = (
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
)
