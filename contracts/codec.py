"""Bytes <-> types, with limits. The only room where untyped values exist.

Canonical msgpack: string keys sorted by their UTF-8 bytes, shortest integers, float64, no NaN, no extension
types. Libraries turn bytes into plain values; `msgspec.convert` turns those into types, so whatever is wrong
has a path (`$.slots.hero.size`).
"""

import io
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import cbor2
import msgpack
import msgspec

from contracts.errors import ContractError, TooLargeError

T = TypeVar("T")
Plain = Any
MAX_SECTION_BYTES = 256 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 64
JSON = "application/json"
MSGPACK = "application/msgpack"
CBOR = "application/cbor"
_SORTED = msgspec.msgpack.Encoder(order="sorted")
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")  # what NaN and infinities look like, and some strings too


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every hand-over is one of these: frozen, keyword-only, unknown fields refused."""


def encode(value: object) -> bytes:
    """Turns a contract into canonical msgpack. Raises `ContractError` for NaN and for infinities.

    A contract's depth is bounded by its type, so its bytes come from the fast encoder, which gives the same ones.
    """
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    if isinstance(value, Contract):
        quickly = _SORTED.encode(plain)
        if _NOT_FINITE.search(quickly) is None:
            return quickly
    packed: bytes = msgpack.packb(_canonical(plain, "$"), use_bin_type=True)
    return packed


def pack(value: object) -> bytes:
    """Turns a contract into msgpack in field order: quicker than `encode`, for bytes that nobody compares."""
    return msgspec.msgpack.encode(value)


def unpack(data: bytes, kind: type[T]) -> T:
    """Turns what `pack` made back into `kind`: quicker than `decode`, for bytes that this program wrote itself."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _with_path(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"not msgpack: {error}") from None


def decode(data: bytes, kind: type[T], *, max_bytes: int = MAX_SECTION_BYTES) -> T:
    """Turns msgpack bytes into `kind`. Raises `ContractError` naming the path, `TooLargeError` over `max_bytes`."""
    _check_size(data, max_bytes)
    return convert(_unpack(data, max_bytes), kind)


def convert(plain: Plain, kind: type[T]) -> T:
    """Turns a plain value (dicts, lists, scalars) into `kind`, strictly."""
    try:
        return msgspec.convert(plain, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _with_path(error) from None


def encode_json(value: object) -> bytes:
    """Turns a contract or plain value into compact JSON."""
    return msgspec.json.encode(value)


def decode_json(data: bytes, kind: type[T], *, max_bytes: int = MAX_BODY_BYTES) -> T:
    """Turns JSON bytes into `kind`, with the same errors as `decode`."""
    _check_size(data, max_bytes)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _with_path(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(f"not JSON: {error}") from None


def encode_cbor(value: object) -> bytes:
    """Turns a contract into canonical CBOR (RFC 8949, section 4.2)."""
    return cbor2.dumps(msgspec.to_builtins(value, builtin_types=(bytes,)), canonical=True)


def decode_cbor(data: bytes, kind: type[T], *, max_bytes: int = MAX_BODY_BYTES) -> T:
    """Turns CBOR bytes into `kind`: no tags, no trailing bytes."""
    _check_size(data, max_bytes)
    return convert(_uncbor(data), kind)


class WireFormat(msgspec.Struct, frozen=True):
    """How a body of one media type is read and written."""

    encode: Callable[[object], bytes]
    decode: Callable[..., Any]


WIRE_FORMATS: dict[str, WireFormat] = {
    JSON: WireFormat(encode_json, decode_json),
    MSGPACK: WireFormat(encode, decode),
    CBOR: WireFormat(encode_cbor, decode_cbor),
}


def _check_size(data: bytes, max_bytes: int) -> None:
    if len(data) > max_bytes:
        raise TooLargeError(f"{len(data)} bytes, at most {max_bytes} are accepted")


def _unpack(data: bytes, max_bytes: int) -> Plain:
    try:
        return msgpack.unpackb(
            data, raw=False, strict_map_key=True, max_str_len=max_bytes, max_bin_len=max_bytes, max_ext_len=0
        )
    except (ValueError, msgpack.UnpackException, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(f"not msgpack: {error or type(error).__name__}") from None


def _refuse_tag(_decoder: object, tag: object) -> Plain:
    raise ContractError(f"CBOR tags are not accepted: {tag}")


_NO_TAGS = {tag: _refuse_tag for tag in (*range(64), *range(100, 105), 256, 258, 260, 261, 1004, 43000, 55799)}


def _uncbor(data: bytes) -> Plain:
    stream = io.BytesIO(data)
    try:
        decoder = cbor2.CBORDecoder(
            stream,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            max_depth=MAX_DEPTH,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
        plain = decoder.decode()
    except (cbor2.CBORDecodeError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(f"not CBOR: {error}") from None
    if stream.tell() != len(data):
        raise ContractError(f"not CBOR: {len(data) - stream.tell()} bytes follow the value")
    return plain


def _with_path(error: msgspec.ValidationError) -> ContractError:
    message, _, path = str(error).partition(" - at `")
    return ContractError(message, path.rstrip("`") or "$")


def _canonical(value: Plain, path: str, depth: int = 0) -> Plain:
    if depth > MAX_DEPTH:
        raise ContractError("nested too deeply", path)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: str(key).encode())
        return {key: _canonical(value[key], f"{path}.{key}", depth + 1) for key in keys}
    if isinstance(value, (list, tuple)):
        return [_canonical(item, f"{path}[...]", depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ContractError("NaN and infinities have no canonical form", path)
    return value
