"""Timestamps and durations: read from text, written as text, added and subtracted.

Closures compute in nanoseconds, columns in microseconds. Parts of them are told by `accessors`.
"""

from contracts.errors import RuleError
from engine.column import Array
from engine.programs.arrays import some, union
from engine.programs.functions.declaration import Function
from engine.programs.functions.instants import (
    MAX_DURATION_NS,
    MAX_TIMESTAMP_NS,
    MIN_TIMESTAMP_NS,
    SECOND_NS,
    duration_of,
    duration_text,
    in_timestamp,
    timestamp_of,
    timestamp_text,
)
from engine.programs.functions.numbers import add_columns, in_int64, subtract_columns
from engine.programs.values import NANOSECONDS_PER_MICROSECOND, Duration, Mask, Operand, Timestamp

_MIN_TIMESTAMP_US = MIN_TIMESTAMP_NS // NANOSECONDS_PER_MICROSECOND
_MAX_TIMESTAMP_US = MAX_TIMESTAMP_NS // NANOSECONDS_PER_MICROSECOND
_MAX_DURATION_US = (2**63 - 1) // NANOSECONDS_PER_MICROSECOND


def _later(instant: int, duration: int) -> Timestamp:
    return in_timestamp(instant + duration)


def _earlier(instant: int, duration: int) -> Timestamp:
    return in_timestamp(instant - duration)


def _sum(left: int, right: int) -> Duration:
    return Duration(in_int64(left + right))


def _difference(left: int, right: int) -> Duration:
    return Duration(in_int64(left - right))


def _instants(values: Array, errors: Mask | None) -> Operand:
    is_out = (values < _MIN_TIMESTAMP_US) | (values > _MAX_TIMESTAMP_US)
    return values, union(errors, some(is_out))


def _lengths(values: Array, errors: Mask | None) -> Operand:
    is_out = (values < -_MAX_DURATION_US) | (values > _MAX_DURATION_US)
    return values, union(errors, some(is_out))


def _seconds(instant: int) -> int:
    return instant // SECOND_NS


def _instant_of_seconds(seconds: int) -> Timestamp:
    return in_timestamp(seconds * SECOND_NS)


def _length_of_seconds(seconds: int) -> Duration:
    if abs(seconds * SECOND_NS) > MAX_DURATION_NS:
        raise RuleError("duration out of range")
    return Duration(seconds * SECOND_NS)


def _whole_seconds(duration: int) -> int:
    return duration // SECOND_NS if duration >= 0 else -(-duration // SECOND_NS)


def _arithmetic(id_: str, sign: str, params: tuple[str, str], result: str, example: str) -> Function:
    is_sum = sign == "+"
    gives_instant = result == "timestamp"
    columns = add_columns if is_sum else subtract_columns
    bounded = _instants if gives_instant else _lengths
    scalar = {(True, True): _later, (False, True): _earlier, (True, False): _sum, (False, False): _difference}
    return Function(
        id=id_,
        name=f"_{sign}_",
        params=params,
        result=result,
        doc=f"The {'sum' if is_sum else 'difference'} as a {result}; an error out of its range.",
        example=example,
        run=scalar[is_sum, gives_instant],
        checked=lambda left, right: bounded(*columns(left, right)),
    )


TIMES = (
    Function(
        id="string_to_timestamp",
        name="timestamp",
        params=("string",),
        result="timestamp",
        doc="An instant written as RFC 3339; an error for anything else.",
        example="timestamp('2017-11-27T05:00:00Z') == timestamp('2017-11-27T00:00:00-05:00')",
        run=timestamp_of,
    ),
    Function(
        id="int64_to_timestamp",
        name="timestamp",
        params=("int",),
        result="timestamp",
        doc="An instant from seconds since 1970.",
        example="timestamp(0) == timestamp('1970-01-01T00:00:00Z')",
        run=_instant_of_seconds,
    ),
    Function(
        id="timestamp_to_int64",
        name="int",
        params=("timestamp",),
        result="int",
        doc="Whole seconds since 1970.",
        example="int(timestamp('1970-01-01T00:01:00Z')) == 60",
        run=_seconds,
    ),
    Function(
        id="timestamp_to_string",
        name="string",
        params=("timestamp",),
        result="string",
        doc="The instant as RFC 3339 in UTC.",
        example="string(timestamp('2017-11-27T00:00:00-05:00')) == '2017-11-27T05:00:00Z'",
        run=timestamp_text,
    ),
    Function(
        id="string_to_duration",
        name="duration",
        params=("string",),
        result="duration",
        doc="A length of time with units h, m, s, ms, us, ns; an error for anything else.",
        example="duration('1h30m') == duration('90m')",
        run=duration_of,
    ),
    Function(
        id="int64_to_duration",
        name="duration",
        params=("int",),
        result="duration",
        doc="A length of time from seconds.",
        example="duration(90) == duration('1m30s')",
        run=_length_of_seconds,
    ),
    Function(
        id="duration_to_int64",
        name="int",
        params=("duration",),
        result="int",
        doc="Whole seconds.",
        example="int(duration('1m30s')) == 90",
        run=_whole_seconds,
    ),
    Function(
        id="duration_to_string",
        name="string",
        params=("duration",),
        result="string",
        doc="The length in seconds.",
        example="string(duration('1.5s')) == '1.500s'",
        run=duration_text,
    ),
    _arithmetic(
        "add_timestamp_duration",
        "+",
        ("timestamp", "duration"),
        "timestamp",
        "timestamp(0) + duration('60s') == timestamp(60)",
    ),
    Function(
        id="add_duration_timestamp",
        name="_+_",
        params=("duration", "timestamp"),
        result="timestamp",
        doc="The sum as a timestamp; an error out of its range.",
        example="duration('60s') + timestamp(0) == timestamp(60)",
        run=_later,
        checked=lambda left, right: _instants(*add_columns(left, right)),
    ),
    _arithmetic(
        "add_duration_duration",
        "+",
        ("duration", "duration"),
        "duration",
        "duration('1h') + duration('30m') == duration('90m')",
    ),
    _arithmetic(
        "subtract_timestamp_duration",
        "-",
        ("timestamp", "duration"),
        "timestamp",
        "timestamp(60) - duration('60s') == timestamp(0)",
    ),
    _arithmetic(
        "subtract_timestamp_timestamp",
        "-",
        ("timestamp", "timestamp"),
        "duration",
        "timestamp(60) - timestamp(0) == duration('1m')",
    ),
    _arithmetic(
        "subtract_duration_duration",
        "-",
        ("duration", "duration"),
        "duration",
        "duration('90m') - duration('1h') == duration('30m')",
    ),
)
