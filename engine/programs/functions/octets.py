"""bytes: strings of octets, their text in UTF-8 and in base64. Columns take them row by row."""

import operator
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from contracts.errors import RuleError
from engine.programs.functions.declaration import Function
from engine.programs.limits import bounded_text


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise RuleError("the bytes are no text in UTF-8") from None


def _decoded(text: str) -> bytes:
    """Base64 with or without its padding, and nothing else in it."""
    bare = text.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    try:
        if text not in (bare, padded):
            raise Base64Error
        return b64decode(padded, validate=True)
    except (Base64Error, ValueError):
        raise RuleError(f"{text[:40]!r} is not base64") from None


def _size(id_: str, example: str, *, is_member: bool) -> Function:
    return Function(
        id=id_,
        name="size",
        params=("bytes",),
        result="int",
        is_member=is_member,
        doc="How many octets there are.",
        example=example,
        run=len,
    )


OCTETS = (
    _size("size_bytes", "size(b'abc') == 3", is_member=False),
    _size("bytes_size", "b'abc'.size() == 3", is_member=True),
    Function(
        id="add_bytes",
        name="_+_",
        params=("bytes", "bytes"),
        result="bytes",
        doc="One after the other.",
        example="b'a' + b'b' == b'ab'",
        run=lambda left, right: bounded_text(operator.add(left, right)),
    ),
    Function(
        id="string_to_bytes",
        name="bytes",
        params=("string",),
        result="bytes",
        doc="The text in UTF-8.",
        example="bytes('é') == b'\\xc3\\xa9'",
        run=str.encode,
    ),
    Function(
        id="bytes_to_bytes",
        name="bytes",
        params=("bytes",),
        result="bytes",
        doc="The value itself.",
        example="bytes(b'a') == b'a'",
        run=bytes,
    ),
    Function(
        id="bytes_to_string",
        name="string",
        params=("bytes",),
        result="string",
        doc="The text that the octets are in UTF-8; an error when they are none.",
        example="string(b'abc') == 'abc'",
        run=_text,
    ),
    Function(
        id="base64_encode_bytes",
        name="base64.encode",
        params=("bytes",),
        result="string",
        doc="Base64 (RFC 4648), with padding.",
        example="base64.encode(b'hello') == 'aGVsbG8='",
        run=lambda octets: bounded_text(b64encode(octets).decode()),
    ),
    Function(
        id="base64_decode_string",
        name="base64.decode",
        params=("string",),
        result="bytes",
        doc="What the base64 text stands for; its padding may be missing.",
        example="base64.decode('aGVsbG8') == b'hello'",
        run=_decoded,
    ),
)
