"""The functions that are not CEL's: what shops need in rules, model inputs and payloads.

Keep them few: each is one more thing to learn. A function here is pure; what depends on the instant takes it as an
argument (`days(now - visitor.last_seen)`).
"""

import math
from collections.abc import Mapping

import numpy as np

from contracts.errors import RuleError
from engine.column import Array
from engine.hashing import split
from engine.programs.arrays import some
from engine.programs.functions.declaration import Function
from engine.programs.functions.instants import local, zone_of
from engine.programs.limits import bounded
from engine.programs.values import NANOSECONDS_PER_MICROSECOND, Operand

_DAY_US = 86_400_000_000.0
_LONGEST_ZIP = 16
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


def _decayed(count: float, age: int, half_life: int) -> float:
    """count * 2^(-age / half_life), an age below 0 being 0."""
    if half_life <= 0:
        raise RuleError("a half-life is longer than nothing")
    return count * math.pow(0.5, max(age, 0) / half_life)


def _price_band(price: int, bands: Mapping[str, tuple[int, ...]]) -> str:
    for name, bounds in bands.items():
        if len(bounds) != 2:
            raise RuleError(f"price band {name!r} is not [from, below]")
        if bounds[0] <= price < bounds[1]:
            return name
    raise RuleError(f"price {price} is in no band")


def _price_ending(price: int) -> int:
    return abs(price) % 100


def _price_endings(prices: Array) -> Array:
    return np.abs(np.fmod(prices, 100))


def _is_within(category: str, ancestor: str) -> bool:
    return f"{category.removesuffix('/')}/".startswith(f"{ancestor.removesuffix('/')}/")


def _ancestors(category: str) -> tuple[str, ...]:
    parts = category.split("/")
    return bounded(tuple("/".join(parts[:count]) for count in range(1, len(parts) + 1)))


def _by_zip(values: Mapping[str, float], zip_code: str, default: float) -> float:
    """The value of the longest prefix: `100` goes before `1`."""
    for length in range(min(len(zip_code), _LONGEST_ZIP), 0, -1):
        if zip_code[:length] in values:
            return values[zip_code[:length]]
    return default


def _share(salt: str, unit: str) -> float:
    if "\0" in salt or "\0" in unit:
        raise RuleError("salts and ids contain no NUL")
    return split(salt, unit)


DOMAIN = (
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
        checks={1: zone_of},
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
    Function(
        id="share_string_string",
        name="share",
        params=("string", "string"),
        result="double",
        is_own=True,
        doc="Where an id falls in [0, 1) under a salt, by hash: `share(salt, item.id) < 0.1` is a tenth of them.",
        example="share('spring', 'item-1') >= 0.0 && share('spring', 'item-1') < 1.0",
        run=_share,
    ),
    Function(
        id="decayed_double_duration_duration",
        name="decayed",
        params=("double", "duration", "duration"),
        result="double",
        is_own=True,
        doc="A count that halves with each half-life of its age, such as `now - visitor.seen`.",
        example="decayed(8.0, duration('48h'), duration('24h')) == 2.0",
        run=_decayed,
    ),
    Function(
        id="price_band_int64_map",
        name="price_band",
        params=("int", "map(string,list(int))"),
        result="string",
        is_own=True,
        doc="The name of the band in which a price lies, each band being [from, below]; an error outside all bands.",
        example="price_band(349, {'low': [0, 300], 'middle': [300, 1000]}) == 'middle'",
        run=_price_band,
    ),
    Function(
        id="price_ending_int64",
        name="price_ending",
        params=("int",),
        result="int",
        is_own=True,
        doc="The last two digits of an amount of minor units.",
        example="price_ending(1299) == 99",
        run=_price_ending,
        numeric=_price_endings,
    ),
    Function(
        id="is_within_string_string",
        name="is_within",
        params=("string", "string"),
        result="bool",
        is_own=True,
        doc="Whether a category, a path with /, is another one or lies below it.",
        example="is_within('Dairy/Milk/Oat', 'Dairy/Milk') && !is_within('Dairy/Milkshake', 'Dairy/Milk')",
        run=_is_within,
    ),
    Function(
        id="ancestors_string",
        name="ancestors",
        params=("string",),
        result="list(string)",
        is_own=True,
        doc="A category, a path with /, and all above it, from the top.",
        example="ancestors('Dairy/Milk/Oat') == ['Dairy', 'Dairy/Milk', 'Dairy/Milk/Oat']",
        run=_ancestors,
    ),
    Function(
        id="by_zip_map_string_double",
        name="by_zip",
        params=("map(string,double)", "string", "double"),
        result="double",
        is_own=True,
        doc="The value of the longest prefix of a zip code that the map has, else the default.",
        example="by_zip({'1': 5.0, '100': 3.5}, '10001', 9.0) == 3.5",
        run=_by_zip,
    ),
)
