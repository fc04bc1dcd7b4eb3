"""Timestamps and durations as text, in a time zone, and within their range. `times` declares the functions.

The range is that of google.protobuf: timestamps of the years 1 to 9999, durations of about 10,000 years; what
arithmetic gives must also fit int64 nanoseconds, as in the checker's library.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from contracts.errors import RuleError
from engine.programs.values import Duration, Timestamp

SECOND_NS = 1_000_000_000
MIN_TIMESTAMP_NS = -62_135_596_800 * SECOND_NS
MAX_TIMESTAMP_NS = 253_402_300_800 * SECOND_NS - 1
MAX_DURATION_NS = 315_576_000_001 * SECOND_NS - 1
_CYCLE_NS = 146_097 * 86_400 * SECOND_NS  # 400 years: after them the calendar repeats, days of the week too
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_NS = {"h": 3600 * SECOND_NS, "m": 60 * SECOND_NS, "s": SECOND_NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{2}:)([0-9]{2})"
    r"(?:\.([0-9]{1,18}))?(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
_LENGTH = r"(?:([0-9]{1,18})(?:\.([0-9]{0,18}))?|\.([0-9]{1,18}))(h|ms|us|ns|m|s)"
_PART = re.compile(_LENGTH)
_DURATION = re.compile(rf"([+-]?)((?:{_LENGTH})+|0)")
_OFFSET = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{2})")


def timestamp_of(text: str) -> Timestamp:
    """Reads RFC 3339; what is finer than nanoseconds is cut, and a leap second is the second after it."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        raise RuleError(f"{text[:40]!r} is not a timestamp as RFC 3339 writes it")
    date, time, second, fraction, offset = found.groups()
    is_leap = second == "60"
    try:
        instant = datetime.fromisoformat(f"{date}T{time}{'59' if is_leap else second}{offset or '+00:00'}")
        seconds = (instant - _EPOCH) // timedelta(seconds=1) + is_leap
    except (ValueError, OverflowError):
        raise RuleError(f"{text[:40]!r} is not a date that exists") from None
    return in_timestamp(seconds * SECOND_NS + _nanoseconds("" if is_leap else fraction or "", SECOND_NS))


def duration_of(text: str) -> Duration:
    """Reads `1h30m`, `-1.5s`, `250ms`; units are h, m, s, ms, us, ns."""
    found = _DURATION.fullmatch(text) if len(text) <= 200 else None
    if not found:
        raise RuleError(f"{text[:40]!r} is not a duration such as '90s' or '1h30m'")
    total = 0
    for whole, fraction, bare, unit in _PART.findall(found[2]):
        total += int(whole or 0) * _UNITS_NS[unit] + _nanoseconds(fraction or bare, _UNITS_NS[unit])
    if total > MAX_DURATION_NS:
        raise RuleError(f"duration {text[:40]!r} is out of range")
    return Duration(-total if found[1] == "-" else total)


def in_timestamp(nanoseconds: int) -> Timestamp:
    """The instant. Raises `RuleError` outside the years 1 to 9999."""
    if MIN_TIMESTAMP_NS <= nanoseconds <= MAX_TIMESTAMP_NS:
        return Timestamp(nanoseconds)
    raise RuleError("timestamp out of range")


def local(instant: int, zone: str) -> datetime:
    """The wall clock of a time zone at an instant, to the microsecond; but for the year, see `local_year`."""
    return _wall_clock(instant, zone)[0]


def local_year(instant: int, zone: str) -> int:
    """The year on the wall clock of a time zone: it may be 0 or 10000, where the instant is at an end of the range."""
    wall, years = _wall_clock(instant, zone)
    return wall.year + years


def _wall_clock(instant: int, zone: str) -> tuple[datetime, int]:
    """A wall clock, and how many years it is behind: beyond the years of `datetime`, 400 years off."""
    found = zone_of(zone)
    try:
        return (_EPOCH + timedelta(microseconds=instant // 1_000)).astimezone(found), 0
    except (OverflowError, ValueError):
        years = 400 if instant > 0 else -400
    try:
        moved = instant - (_CYCLE_NS if years > 0 else -_CYCLE_NS)
        return (_EPOCH + timedelta(microseconds=moved // 1_000)).astimezone(found), years
    except (OverflowError, ValueError):
        raise RuleError("timestamp out of range") from None


def timestamp_text(instant: int) -> str:
    """RFC 3339 in UTC, with 0, 3, 6 or 9 digits after the second."""
    return f"{local(instant, 'UTC').replace(tzinfo=None).isoformat(timespec='seconds')}{_digits(instant % SECOND_NS)}Z"


def duration_text(duration: int) -> str:
    """Seconds with 0, 3, 6 or 9 digits after them: `-1.500s`."""
    seconds, rest = divmod(abs(duration), SECOND_NS)
    return f"{'-' if duration < 0 else ''}{seconds}{_digits(rest)}s"


def _nanoseconds(fraction: str, unit_ns: int) -> int:
    scale: int = 10 ** len(fraction)
    return int(fraction or 0) * unit_ns // scale


def _digits(nanoseconds: int) -> str:
    digits = f"{nanoseconds:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""


@lru_cache(maxsize=512)
def zone_of(name: str) -> tzinfo:
    """A zone of the IANA database, or an offset such as `-05:00`; no name at all is UTC."""
    offset = _OFFSET.fullmatch(name)
    try:
        if not offset:
            return ZoneInfo(name or "UTC")
        length = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-length if offset[1] == "-" else length)
    except (KeyError, ValueError, OSError):
        raise RuleError(f"time zone {name[:40]!r} is not known; write one such as 'America/New_York'") from None
