"""int(), double(), string(), bool(), dyn(), type().

Readers of strings are strict: no blanks, no other bases, nothing outside the range. What makes uint, bytes and times
lives with them.
"""

import math
import re
from decimal import Decimal

import numpy as np

from contracts.errors import RuleError
from engine.column import Array
from engine.programs.arrays import some
from engine.programs.functions.declaration import Function
from engine.programs.functions.numbers import in_int64
from engine.programs.values import KINDS, CelValue, Operand, TypeValue, kind_of

_TWO_63 = 2.0**63
_INT = re.compile(r"[+-]?[0-9]{1,64}")
_DOUBLE = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE)
_MAX_DIGITS = 1_000
_BOOLS = dict.fromkeys(("1", "t", "true", "TRUE", "True"), True) | dict.fromkeys(
    ("0", "f", "false", "FALSE", "False"), False
)
_LONG_NAMES = {
    "null": "null_type",
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
    "optional": "optional_type",
}
TYPE_NAMES = frozenset({_LONG_NAMES.get(kind, kind) for kind in KINDS})
_LEAST_EXPONENT, _EXPONENT_LIMIT = -4, 6  # as C's %g and Go's strconv 'g' with the shortest digits write a double


def _identity(value: CelValue) -> CelValue:
    return value


def _int_of_double(value: float) -> int:
    if -_TWO_63 < value < _TWO_63:
        return int(value)
    raise RuleError("double outside int64")


def _ints_of_doubles(values: Array) -> Operand:
    fits = (values > -_TWO_63) & (values < _TWO_63)
    return np.where(fits, values, 0.0).astype(np.int64), some(np.logical_not(fits))


def _doubles_of_ints(values: Array) -> Array:
    return values.astype(np.float64)


def _int_of_string(text: str) -> int:
    if _INT.fullmatch(text):
        return in_int64(int(text))
    raise RuleError(f"{text[:40]!r} is not an int")


def _double_of_string(text: str) -> float:
    if len(text) <= _MAX_DIGITS and _DOUBLE.fullmatch(text):
        return float(text)
    raise RuleError(f"{text[:40]!r} is not a double")


def _bool_of_string(text: str) -> bool:
    if text in _BOOLS:
        return _BOOLS[text]
    raise RuleError(f"{text[:40]!r} is not a bool")


def _string_of_bool(value: bool) -> str:
    return "true" if value else "false"


def _string_of_double(value: float) -> str:
    """The shortest digits that read back as the same double; an exponent below 1e-4 and from 1e6 on."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    shortest = Decimal(repr(value)).normalize()
    exponent = shortest.adjusted() if value else 0
    if _LEAST_EXPONENT <= exponent < _EXPONENT_LIMIT:
        return f"{shortest:f}"
    mantissa = shortest.scaleb(-exponent)
    return f"{mantissa:f}e{exponent:+03d}"


def _type_of(value: CelValue) -> TypeValue:
    kind = kind_of(value)
    return TypeValue(_LONG_NAMES.get(kind, kind))


CONVERSIONS = (
    Function(
        id="to_dyn",
        name="dyn",
        params=("A",),
        result="dyn",
        doc="The value, of a type that is left open: for lists of mixed values.",
        example="dyn(1) == dyn(1)",
        run=_identity,
    ),
    Function(
        id="type",
        name="type",
        params=("A",),
        result="type",
        doc="The type of a value, to compare with another: int, string, list, google.protobuf.Timestamp ...",
        example="type(1) == int",
        run=_type_of,
    ),
    Function(
        id="double_to_int64",
        name="int",
        params=("double",),
        result="int",
        doc="A double without its fraction; an error outside int64.",
        example="int(-1.9) == -1",
        run=_int_of_double,
        checked=_ints_of_doubles,
    ),
    Function(
        id="string_to_int64",
        name="int",
        params=("string",),
        result="int",
        doc="Decimal digits read as an int; an error for anything else.",
        example="int('-12') == -12",
        run=_int_of_string,
    ),
    Function(
        id="int64_to_double",
        name="double",
        params=("int",),
        result="double",
        doc="The nearest double.",
        example="double(3) == 3.0",
        run=float,
        numeric=_doubles_of_ints,
    ),
    Function(
        id="string_to_double",
        name="double",
        params=("string",),
        result="double",
        doc="A decimal number read as a double; an error for anything else.",
        example="double('1.5e3') == 1500.0",
        run=_double_of_string,
    ),
    Function(
        id="string_to_bool",
        name="bool",
        params=("string",),
        result="bool",
        doc="true, t, 1, false, f, 0 (also TRUE, True, FALSE, False) read as a bool.",
        example="bool('true')",
        run=_bool_of_string,
    ),
    Function(
        id="int64_to_string",
        name="string",
        params=("int",),
        result="string",
        doc="Decimal digits.",
        example="string(-12) == '-12'",
        run=str,
    ),
    Function(
        id="double_to_string",
        name="string",
        params=("double",),
        result="string",
        doc="The shortest digits that read back as the same double.",
        example="string(0.1) == '0.1'",
        run=_string_of_double,
    ),
    Function(
        id="bool_to_string",
        name="string",
        params=("bool",),
        result="string",
        doc="true or false.",
        example="string(1 == 1) == 'true'",
        run=_string_of_bool,
    ),
    *(
        Function(
            id=f"{kind}_to_{kind}",
            name=name,
            params=(name,),
            result=name,
            doc="The value itself.",
            example=f"{name}({literal}) == {literal}",
            run=_identity,
        )
        for kind, name, literal in (
            ("bool", "bool", "true"),
            ("int64", "int", "3"),
            ("double", "double", "1.5"),
            ("string", "string", "'a'"),
            ("timestamp", "timestamp", "timestamp('2017-11-27T05:00:00Z')"),
            ("duration", "duration", "duration('1h')"),
        )
    ),
)
