"""What evaluations gave, in one form for both sides: (CEL type, value), doubles by their bits, errors as just that.

Times are compared in microseconds, for the library gives no more; `string()` of them shows the rest. Keys of maps are
numbers, bools or texts, as the library tells no int from a uint there.
"""

import math
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from contracts.errors import RuleError
from engine.programs.values import CelValue, Duration, Timestamp

Outcome: TypeAlias = tuple[str, object]
ERROR: Outcome = ("error", None)
GIVEN_UP = "given up"


def outcome_of(value: CelValue | RuleError) -> Outcome:
    """A value of our engine, or its error."""
    match value:
        case RuleError():
            return ERROR
        case None:
            return ("null", None)
        case Timestamp():
            return ("timestamp", int(value) // 1_000)
        case Duration():
            return ("duration", abs(int(value)) // 1_000 * (-1 if value < 0 else 1))
        case float():
            return double_outcome(value)
        case bool() | str() | bytes():
            return (_NAMES[type(value)], value)
        case tuple():
            return list_outcome(map(outcome_of, value))
        case Mapping():
            return map_outcome((key, outcome_of(entry)) for key, entry in value.items())
        case int():
            return ("int" if type(value) is int else type(value).__name__.lower(), int(value))
    return (type(value).__name__.lower(), repr(value))


def double_outcome(value: float) -> Outcome:
    """A double by its bits, NaN being NaN."""
    return ("double", "nan" if math.isnan(value) else struct.pack(">d", value).hex())


def list_outcome(items: Iterable[Outcome]) -> Outcome:
    """A list."""
    return ("list", tuple(items))


def map_outcome(entries: Iterable[tuple[object, Outcome]]) -> Outcome:
    """A map, whatever the order of its entries."""
    return ("map", tuple(sorted(((_key(key), entry) for key, entry in entries), key=lambda each: each[0])))


def same(ours: Outcome, theirs: Outcome) -> bool:
    """Whether both sides gave the same, however the library came to an error."""
    return ours == theirs or (ours == ERROR and theirs[0] == GIVEN_UP)


def unordered(outcome: Outcome) -> Outcome:
    """The outcome without the order of its lists."""
    kind, value = outcome
    if kind == "list":
        return (kind, tuple(sorted(map(unordered, value), key=repr)))  # type: ignore[arg-type]
    return (kind, tuple((key, unordered(entry)) for key, entry in value)) if kind == "map" else outcome  # type: ignore[attr-defined]


def with_texts(outcome: Outcome, change: Callable[[str], str]) -> Outcome:
    """The outcome with its strings changed, those in lists and as values of maps too."""
    kind, value = outcome
    if kind == "list":
        return (kind, tuple(with_texts(each, change) for each in value))  # type: ignore[attr-defined]
    if kind == "map":
        return (kind, tuple((key, with_texts(entry, change)) for key, entry in value))  # type: ignore[attr-defined]
    return (kind, change(str(value))) if kind == "string" else outcome


def readable(outcome: Outcome) -> str:
    """The outcome for people."""
    kind, value = outcome
    if kind == "double" and value != "nan":
        return repr(struct.unpack(">d", bytes.fromhex(str(value)))[0])
    if kind == "list":
        return f"[{', '.join(map(readable, value))}]"  # type: ignore[arg-type]
    if kind == "map":
        return "{" + ", ".join(f"{key[1]!r}: {readable(entry)}" for key, entry in value) + "}"  # type: ignore[attr-defined]
    return kind if value is None else f"{kind} {value!r}"


def has_nul(outcome: Outcome) -> bool:
    """Whether a NUL is in it, at which the library would have cut."""
    return "\\x00" in repr(outcome)


def _key(key: object) -> tuple[str, str]:
    kind = "number" if isinstance(key, int | float) and not isinstance(key, bool) else type(key).__name__
    return (kind, str(int(key)) if kind == "number" else str(key))  # type: ignore[call-overload]


_NAMES = {bool: "bool", str: "string", bytes: "bytes"}
