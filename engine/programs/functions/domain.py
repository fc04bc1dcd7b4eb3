"""The functions that are not CEL's: what shops need in rules, model inputs and payloads.

Keep them few: each is one more thing to learn. A function here is pure; what depends on the instant takes it as an
argument (`days(now - visitor.last_seen)`).
"""

import math
from collections.abc import Callable

import numpy as np

from contracts.errors import RuleError
from engine.programs.arrays import some
from engine.programs.functions.declaration import Function
from engine.programs.functions.instants import local
from engine.programs.values import NANOSECONDS_PER_MICROSECOND, Operand
from engine.snapshot import Array

_DAY_US = 86_400_000_000.0
_PARTS_OF_DAY = ((5, "night"), (12, "morning"), (18, "afternoon"), (22, "evening"), (24, "night"))


def _days(duration: int) -> float:
    return (duration // NANOSECONDS_PER_MICROSECOND) / _DAY_US


def _days_columns(durations: Array) -> Array:
    return np.divide(durations, _DAY_US)


def _day_part(instant: int, zone: str) -> str:
    hour = local(instant, zone).hour
    return next(part for end, part in _PARTS_OF_DAY if hour < end)


def _price_text(minor_units: int) -> str:
    units, cents = divmod(abs(minor_units), 100)
    return f"{'-' if minor_units < 0 else ''}${units:,}.{cents:02d}"


def _log1p(value: float) -> float:
    if value <= -1.0:
        raise RuleError("log1p of -1 or less")
    return math.log1p(value)


def _log1p_columns(values: Array) -> Operand:
    """By `math`, one by one: NumPy's own differs in the last bit from machine to machine."""
    is_out = values <= -1.0
    defined = np.where(is_out, 0.0, values)
    return np.fromiter(map(math.log1p, defined.tolist()), np.float64, len(defined)), some(is_out)


def _least(left: float, right: float) -> float:
    return left if left <= right else right


def _greatest(left: float, right: float) -> float:
    return left if left >= right else right


def _least_columns(left: Array, right: Array) -> Array:
    return np.where(np.less_equal(left, right), left, right)


def _greatest_columns(left: Array, right: Array) -> Array:
    return np.where(np.greater_equal(left, right), left, right)


def _extreme(name: str, suffix: str, kind: str, doc: str, example: str) -> Function:
    scalar: Callable[..., float] = _least if name == "min" else _greatest
    return Function(
        id=f"{name}_{suffix}",
        name=name,
        params=(kind, kind),
        result=kind,
        is_own=True,
        doc=doc,
        example=example,
        run=scalar,
        numeric=_least_columns if name == "min" else _greatest_columns,
    )


DOMAIN = (
    _extreme("min", "int64", "int", "The lesser of two ints.", "min(1, 2) == 1"),
    _extreme("min", "double", "double", "The lesser of two doubles.", "min(1.5, 2.5) == 1.5"),
    _extreme("max", "int64", "int", "The greater of two ints.", "max(1, 2) == 2"),
    _extreme("max", "double", "double", "The greater of two doubles.", "max(1.5, 2.5) == 2.5"),
    Function(
        id="log1p_double",
        name="log1p",
        params=("double",),
        result="double",
        is_own=True,
        doc="The natural logarithm of 1 + x; an error for -1 and below.",
        example="log1p(0.0) == 0.0",
        run=_log1p,
        checked=_log1p_columns,
    ),
    Function(
        id="days_duration",
        name="days",
        params=("duration",),
        result="double",
        is_own=True,
        doc="A duration in days: `days(now - visitor.last_seen)`.",
        example="days(duration('36h')) == 1.5",
        run=_days,
        numeric=_days_columns,
    ),
    Function(
        id="day_part_timestamp_string",
        name="day_part",
        params=("timestamp", "string"),
        result="string",
        is_own=True,
        doc="night (from 22), morning (from 5), afternoon (from 12) or evening (from 18 o'clock) in a time zone.",
        example="day_part(timestamp('2017-11-27T12:00:00Z'), 'America/New_York') == 'morning'",
        run=_day_part,
    ),
    Function(
        id="price_text_int64",
        name="price_text",
        params=("int",),
        result="string",
        is_own=True,
        doc="An amount of minor units as a price in dollars.",
        example="price_text(349) == '$3.49'",
        run=_price_text,
    ),
)
