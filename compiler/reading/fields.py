"""Strict reading of TOML tables: every key is asked for once, whatever was not asked for is a problem.

A reader takes a value and the log, and gives the typed value - or None after logging what is wrong. So reading goes
on after a mistake, with a default in its place, and one run finds them all.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias, TypeVar

from compiler.diagnostics import Problem, Where, nearest
from compiler.diagnostics import source_messages as say
from compiler.places import Text, Value
from contracts.features import INT64_MAX, INT64_MIN

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Log: TypeAlias = list[Problem]
Reader: TypeAlias = Callable[[Value, Log], T | None]

_DURATION = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Fields:
    """One table being read. `what` names it in messages (`a slot`); call `close` when all keys were asked for."""

    def __init__(self, value: Value, what: str, log: Log) -> None:
        self._entries = table_of(value, log)
        self._value = value
        self._what = what
        self._log = log
        self._asked: list[str] = []
        self._faulty: set[str] = set()

    def need(self, key: str, reader: Reader[T], stand_in: T) -> T:
        """A required key. Where it is absent or wrong, a problem is logged and the stand-in is given."""
        if key not in self._entries:
            self._log.append(say.missing_key(self._value.where, self._what, key, self._value.path))
            self._faulty.add(key)
        return self.take(key, reader, stand_in)

    def take(self, key: str, reader: Reader[T], default: T) -> T:
        """An optional key."""
        self._asked.append(key)
        if key not in self._entries:
            return default
        known = len(self._log)
        result = reader(self._entries[key], self._log)
        if len(self._log) > known:
            self._faulty.add(key)
        return default if result is None else result

    def where(self, key: str) -> Where:
        """Where the value of a key stands, or the table if the key is absent."""
        return self._entries[key].where if key in self._entries else self._value.where

    def has(self, key: str) -> bool:
        """Whether the key was written."""
        return key in self._entries

    def is_faulty(self, key: str) -> bool:
        """Whether a key is absent that must not be, or its value is wrong: what stands in for it says nothing."""
        return key in self._faulty

    def close(self) -> None:
        """Logs each key that nobody asked for."""
        for key, value in self._entries.items():
            if key not in self._asked:
                self._log.append(say.unknown_key(value.key, self._what, key, self._asked))


def table_of(value: Value, log: Log) -> Mapping[str, Value]:
    """The entries of a table; none, and a problem, if it is something else."""
    if isinstance(value.raw, Mapping):
        return value.raw
    log.append(say.wrong_type(value.where, value.path, "a table", value.raw))
    return {}


def text(value: Value, log: Log) -> str | None:
    """A string."""
    if isinstance(value.raw, str):
        return value.raw
    wrong(value, "a string", log)
    return None


def written(value: Value, log: Log) -> Text | None:
    """A string with its places: CEL text."""
    if value.text is None or not value.text.value.strip():
        wrong(value, "a CEL expression in quotes", log)
        return None
    return value.text


def flag(value: Value, log: Log) -> bool | None:
    """True or false."""
    if isinstance(value.raw, bool):
        return value.raw
    wrong(value, "true or false", log)
    return None


def whole(least: int = INT64_MIN, most: int = INT64_MAX) -> Reader[int]:
    """A whole number within bounds."""

    def read(value: Value, log: Log) -> int | None:
        if isinstance(value.raw, bool) or not isinstance(value.raw, int):
            wrong(value, "a whole number", log)
            return None
        if not least <= value.raw <= most:
            _out_of_range(value, least, most, log)
            return None
        return value.raw

    return read


def number(least: float = float("-inf"), most: float = float("inf")) -> Reader[float]:
    """A finite number within bounds; whole ones are welcome."""

    def read(value: Value, log: Log) -> float | None:
        if isinstance(value.raw, bool) or not isinstance(value.raw, int | float) or value.raw - value.raw != 0:
            wrong(value, "a number", log)
            return None
        if not least <= value.raw <= most:
            _out_of_range(value, least, most, log)
            return None
        return float(value.raw)

    return read


def duration_s(value: Value, log: Log) -> int | None:
    """A duration such as "30s" or "8d", in seconds."""
    found = _DURATION.fullmatch(value.raw) if isinstance(value.raw, str) else None
    if found is None:
        log.append(say.bad_duration(value.where, value.path, value.raw))
        return None
    return int(found[1]) * _SECONDS[found[2]]


def instant_us(value: Value, log: Log) -> int | None:
    """An instant with its offset from UTC, in microseconds since 1970."""
    if not isinstance(value.raw, datetime) or value.raw.tzinfo is None:
        log.append(say.bad_instant(value.where, value.path, value.raw))
        return None
    since = value.raw - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def member(kind: type[E], what: str) -> Reader[E]:
    """One word of a closed list."""

    def read(value: Value, log: Log) -> E | None:
        word = known([str(each) for each in kind], what)(value, log)
        return None if word is None else kind(word)

    return read


def known(names: Iterable[str], what: str) -> Reader[str]:
    """A name of something that exists; `what` says of what (`table`, `policy`).

    Reading goes on with the name that was probably meant, so that one slip is one problem.
    """
    choices = list(names)

    def read(value: Value, log: Log) -> str | None:
        name = text(value, log)
        if name is None or name in choices:
            return name
        log.append(say.unknown_name(value.where, what, name, choices))
        return nearest(name, choices)

    return read


def many(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """An array whose elements are all read alike."""

    def read(value: Value, log: Log) -> tuple[T, ...] | None:
        if not isinstance(value.raw, tuple):
            wrong(value, "an array", log)
            return None
        elements = [reader(item, log) for item in value.raw]
        return tuple(item for item in elements if item is not None)

    return read


def distinct(reader: Reader[tuple[str, ...]]) -> Reader[tuple[str, ...]]:
    """An array of names in which each stands once."""

    def read(value: Value, log: Log) -> tuple[str, ...] | None:
        seen: list[object] = []
        for item in value.raw if isinstance(value.raw, tuple) else ():
            if item.raw in seen:
                log.append(say.named_twice(item.where, value.path, str(item.raw)))
            seen.append(item.raw)
        return reader(value, log)

    return read


def table(reader: Reader[T]) -> Reader[dict[str, T]]:
    """A table whose entries are all read alike."""

    def read(value: Value, log: Log) -> dict[str, T] | None:
        entries = {key: reader(entry, log) for key, entry in table_of(value, log).items()}
        return {key: entry for key, entry in entries.items() if entry is not None}

    return read


def wrong(value: Value, expected: str, log: Log) -> None:
    """Logs a value of the wrong type."""
    log.append(say.wrong_type(value.where, value.path, expected, value.raw))


def _out_of_range(value: Value, least: float, most: float, log: Log) -> None:
    log.append(say.out_of_range(value.where, value.path, value.raw, least, most))
