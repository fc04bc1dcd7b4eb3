"""The protobuf wire format, read strictly: fields by their numbers (protobuf.dev/programming-guides/encoding).

A repeated singular field counts each time, so what a runtime merges is seen whole. What is no such bytes raises
`NotRunnableError`. What the fields of ONNX mean stands beside, in `onnx_graph` and `forest`.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

from contracts.errors import NotRunnableError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Field: TypeAlias = tuple[int, int, bytes | int]
_MAX_VARINT_BYTES = 10
_SIGNED = 1 << 64
_LOW_64 = _SIGNED - 1


def fields(data: bytes, passed_over: re.Pattern[bytes] | None = None) -> Iterator[Field]:
    """Number, wire type and value of each field in order; runs of bytes that a pattern matches are passed over."""
    at = 0
    while at < len(data):
        if passed_over is not None and (run := passed_over.match(data, at)) is not None:
            at = run.end()
            continue
        key, at = _varint(data, at)
        value, at = _value(data, at, key & 7)
        yield key >> 3, key & 7, value


def messages(data: bytes, wanted: int) -> Iterator[bytes]:
    """The bytes of each field of a number that holds bytes: messages, texts."""
    return (value for number, _, value in fields(data) if number == wanted and isinstance(value, bytes))


def integers(data: bytes, wanted: int) -> list[int]:
    """The signed 64-bit integers of a repeated field, packed or not."""
    numbers: list[int] = []
    for number, kind, value in fields(data):
        if number == wanted and kind == VARINT and isinstance(value, int):
            numbers.append(value)
        elif number == wanted and isinstance(value, bytes):
            numbers += _packed(value)
    return [value - _SIGNED if value >= _SIGNED >> 1 else value for value in numbers]


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _value(data: bytes, at: int, kind: int) -> tuple[bytes | int, int]:
    if kind == VARINT:
        return _varint(data, at)
    if kind == BYTES:
        size, at = _varint(data, at)
    elif kind in (FIXED32, FIXED64):
        size = 4 if kind == FIXED32 else 8
    else:
        raise NotRunnableError("the model is not an ONNX file")
    if at + size > len(data):
        raise NotRunnableError("the model's bytes end too early")
    return (data[at : at + size] if kind == BYTES else 0), at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for index in range(_MAX_VARINT_BYTES):
        if at + index >= len(data):
            raise NotRunnableError("the model's bytes end too early")
        byte = data[at + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number & _LOW_64, at + index + 1
    raise NotRunnableError("the model is not an ONNX file")
