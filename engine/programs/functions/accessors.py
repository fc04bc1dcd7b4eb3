"""Parts of timestamps and durations: years, hours, days of the week.

In UTC or in a named zone. As in CEL, months, days of the week (from Sunday), of the month and of the year count from
0, and only `getDate` counts from 1.
"""

from collections.abc import Callable
from datetime import datetime

from engine.programs.functions.declaration import Function
from engine.programs.functions.instants import SECOND_NS, local, local_year, zone_of


def _day_of_week(wall: datetime) -> int:
    return wall.isoweekday() % 7


def _day_of_year(wall: datetime) -> int:
    return wall.timetuple().tm_yday - 1


def _accessor(
    id_: str,
    name: str,
    doc: str,
    example: str,
    part: Callable[[datetime], int],
    utc: Callable[[int], int] | None = None,
) -> tuple[Function, Function]:
    """An accessor in UTC, and the same in a zone; `utc` computes it from the instant, where that is all it takes."""
    zoned_id = "timestamp_to_seconds_tz" if name == "getSeconds" else f"{id_}_with_tz"

    def run(instant: int, zone: str = "UTC") -> int:
        return local_year(instant, zone) if name == "getFullYear" else part(local(instant, zone))

    def declared(own_id: str, params: tuple[str, ...], place: str, argument: str) -> Function:
        return Function(
            id=own_id,
            name=name,
            params=params,
            result="int",
            is_member=True,
            doc=f"{doc}, in {place}.",
            example=f"timestamp('2017-11-27T05:06:07.089Z').{name}({argument}) == {example}",
            run=run if argument or utc is None else utc,
            checks={1: zone_of} if argument else {},
        )

    zoned = declared(zoned_id, ("timestamp", "string"), "a time zone", "'UTC'")
    return declared(id_, ("timestamp",), "UTC", ""), zoned


def _length_part(id_: str, name: str, doc: str, example: str, part: Callable[[int], int]) -> Function:
    """An accessor of a duration; like the duration, it may be negative."""
    return Function(
        id=id_,
        name=name,
        params=("duration",),
        result="int",
        is_member=True,
        doc=doc,
        example=f"duration('-90m1.5s').{name}() == {example}",
        run=lambda duration: part(duration) if duration >= 0 else -part(-duration),
    )


ACCESSORS = (
    *_accessor("timestamp_to_year", "getFullYear", "The year", "2017", lambda t: t.year),
    *_accessor("timestamp_to_month", "getMonth", "The month from 0", "10", lambda t: t.month - 1),
    *_accessor("timestamp_to_day_of_month", "getDayOfMonth", "The day of the month from 0", "26", lambda t: t.day - 1),
    *_accessor("timestamp_to_day_of_month_1_based", "getDate", "The day of the month from 1", "27", lambda t: t.day),
    *_accessor("timestamp_to_day_of_week", "getDayOfWeek", "The day of the week, Sunday being 0", "1", _day_of_week),
    *_accessor("timestamp_to_day_of_year", "getDayOfYear", "The day of the year from 0", "330", _day_of_year),
    *_accessor(
        "timestamp_to_hours", "getHours", "The hour", "5", lambda t: t.hour, lambda ns: ns // (3600 * SECOND_NS) % 24
    ),
    *_accessor(
        "timestamp_to_minutes",
        "getMinutes",
        "The minute",
        "6",
        lambda t: t.minute,
        lambda ns: ns // (60 * SECOND_NS) % 60,
    ),
    *_accessor(
        "timestamp_to_seconds", "getSeconds", "The second", "7", lambda t: t.second, lambda ns: ns // SECOND_NS % 60
    ),
    *_accessor(
        "timestamp_to_milliseconds", "getMilliseconds", "The millisecond", "89", lambda t: t.microsecond // 1_000
    ),
    _length_part("duration_to_hours", "getHours", "Whole hours.", "-1", lambda d: d // (3600 * SECOND_NS)),
    _length_part("duration_to_minutes", "getMinutes", "Whole minutes.", "-90", lambda d: d // (60 * SECOND_NS)),
    _length_part("duration_to_seconds", "getSeconds", "Whole seconds.", "-5401", lambda d: d // SECOND_NS),
    _length_part(
        "duration_to_milliseconds",
        "getMilliseconds",
        "The milliseconds after the last whole second.",
        "-500",
        lambda d: d % SECOND_NS // 1_000_000,
    ),
)
