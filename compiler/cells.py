"""Cells of a CSV file -> values of declared types -> a column's bytes, laid out as `ColumnData` says."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from contracts.catalog import ColumnData
from contracts.features import INT64_MAX, INT64_MIN, Status, Value, ValueType
from engine.column import Array

_INT = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EMPTY: dict[ValueType, Value] = {ValueType.STRING: "", ValueType.STRINGS: (), ValueType.NUMBERS: {}}
_WIDTHS = {ValueType.BOOL: "<u1", ValueType.DOUBLE: "<f8", ValueType.INT: "<i8", ValueType.TIMESTAMP: "<i8"}


def _bool(cell: str) -> bool:
    return {"true": True, "false": False}[cell]


def _int(cell: str) -> int:
    if not _INT.fullmatch(cell) or not INT64_MIN <= int(cell) <= INT64_MAX:
        raise ValueError(cell)
    return int(cell)


def _double(cell: str) -> float:
    if not _NUMBER.fullmatch(cell) or not math.isfinite(float(cell)):
        raise ValueError(cell)
    return float(cell)


def _timestamp(cell: str) -> int:
    if not _INSTANT.fullmatch(cell):
        raise ValueError(cell)
    return (datetime.fromisoformat(cell) - _EPOCH) // _MICROSECOND


def _strings(cell: str) -> tuple[str, ...]:
    return msgspec.json.decode(cell, type=tuple[str, ...])


def _numbers(cell: str) -> dict[str, float]:
    found = msgspec.json.decode(cell, type=dict[str, float])
    return {key: found[key] for key in sorted(found)}


READERS: Mapping[ValueType, Callable[[str], Value]] = {
    ValueType.BOOL: _bool,
    ValueType.INT: _int,
    ValueType.DOUBLE: _double,
    ValueType.STRING: str,
    ValueType.TIMESTAMP: _timestamp,
    ValueType.STRINGS: _strings,
    ValueType.NUMBERS: _numbers,
}
CELL_ERRORS = (ValueError, KeyError, msgspec.DecodeError)


def encoded(kind: ValueType, values: Sequence[Value | None], statuses: Sequence[Status]) -> ColumnData:
    """A column's data; no statuses: all are PRESENT. A MISSING value is kept as 0, an empty word or nothing."""
    status = np.array(statuses, np.uint8)
    kept = status.tobytes() if status.any() else b""
    filled = [_EMPTY.get(kind, 0) if value is None else value for value in values]
    if kind in _WIDTHS:
        return ColumnData(type=kind, values=np.array(filled, _WIDTHS[kind]).tobytes(), status=kept)
    if kind is ValueType.STRING:
        dictionary, codes = _coded([str(value) for value in filled])
        return ColumnData(type=kind, values=codes.tobytes(), status=kept, dictionary=dictionary)
    return _ragged(kind, filled, kept)


def _ragged(kind: ValueType, values: Sequence[Value], status: bytes) -> ColumnData:
    entries = [list(value) if isinstance(value, tuple | dict) else [] for value in values]
    dictionary, codes = _coded([word for words in entries for word in words])
    offsets = np.zeros(len(values) + 1, "<i8")
    np.cumsum([len(words) for words in entries], out=offsets[1:])
    numbers = [number for value in values if isinstance(value, dict) for number in value.values()]
    return ColumnData(
        type=kind,
        values=codes.tobytes(),
        status=status,
        dictionary=dictionary,
        offsets=offsets.tobytes(),
        numbers=np.array(numbers, "<f8").tobytes(),
    )


def _coded(words: Sequence[str]) -> tuple[tuple[str, ...], Array]:
    """The dictionary, sorted, and each word's place in it."""
    dictionary = tuple(sorted(set(words)))
    code_of = {word: code for code, word in enumerate(dictionary)}
    return dictionary, np.array([code_of[word] for word in words], "<i4")
