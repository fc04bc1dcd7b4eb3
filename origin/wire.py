"""HTTP bytes <-> types for the origin: limits, media types, the query, and which error is which status.

Bodies are msgpack, JSON or CBOR by Content-Type; answers are msgpack where Accept asks for it, else JSON. Errors are
problem+json (RFC 9457) with the path of what is wrong. Large bodies are decoded in a thread.
"""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from contracts.codec import JSON, MAX_BODY_BYTES, MSGPACK, WIRE_FORMATS, decode, encode_json, pack
from contracts.errors import ContractError, EdgewiseError, TooLargeError

MAX_BATCH_BYTES = 32 * 1024 * 1024
MAX_WAIT_S = 30.0
_DIGITS = 18
T = TypeVar("T")


class MediaTypeError(ContractError):
    """The body is of a media type that the origin does not read."""


class UnknownAddressError(ContractError):
    """No endpoint has this address."""


class MethodError(ContractError):
    """The address is there, but not for this method; `allowed` are those that it is for."""

    def __init__(self, method: str, address: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method} is not for this address: use {' or '.join(allowed)}", address)
        self.allowed = tuple(allowed)


class ForbiddenError(ContractError):
    """This needs the operator's token."""


_STATUS: dict[type[EdgewiseError], tuple[int, str]] = {
    TooLargeError: (413, "Content Too Large"),
    MediaTypeError: (415, "Unsupported Media Type"),
    ForbiddenError: (403, "Forbidden"),
    UnknownAddressError: (404, "Not Found"),
    MethodError: (405, "Method Not Allowed"),
    ContractError: (400, "Bad Request"),
    EdgewiseError: (500, "Internal Server Error"),
}


def problem(error: EdgewiseError) -> Response:
    """The problem document of an error. The first matching class of the table gives its status."""
    status, title = next(entry for kind, entry in _STATUS.items() if isinstance(error, kind))
    place = {"path": error.path} if isinstance(error, ContractError) else {}
    detail = error.message if isinstance(error, ContractError) else str(error)
    body = encode_json({"type": "about:blank", "title": title, "status": status, "detail": detail, **place})
    headers = {"allow": ", ".join(error.allowed)} if isinstance(error, MethodError) else None
    return Response(body, status, headers, "application/problem+json")


def check_token(request: Request, token: str) -> None:
    """Raises `ForbiddenError` unless the request carries the operator's token."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise ForbiddenError("this needs the operator's token: send it as Authorization: Bearer ...", "authorization")


async def read(request: Request, kind: type[T], max_bytes: int = MAX_BODY_BYTES) -> T:
    """The body of a request as `kind`, by its Content-Type."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in WIRE_FORMATS:
        known = ", ".join(WIRE_FORMATS)
        raise MediaTypeError(f"Content-Type {media_type or '(none)'} is not read here: send {known}", "content-type")
    body = await _body(request, max_bytes)
    return await asyncio.to_thread(_decode, media_type, body, kind, max_bytes)


def wants_msgpack(request: Request) -> bool:
    """Whether the client asked for msgpack."""
    return MSGPACK in request.headers.get("accept", "")


def answer(request: Request, value: object) -> Response:
    """A contract or plain value in the media type that the client asked for."""
    if wants_msgpack(request):
        return Response(pack(value), media_type=MSGPACK)
    return Response(encode_json(value), media_type=JSON)


async def answer_packed(request: Request, packed: object, kind: type[T]) -> Response:
    """A contract whose parts are msgpack already; for JSON it is decoded as `kind` first."""
    if wants_msgpack(request):
        return answer(request, packed)
    return answer(request, await asyncio.to_thread(decode, pack(packed), kind))


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A count from the query."""
    text = query.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ContractError(f"{text!r} is not a count", name)
    return int(text) if text else default


def wait_s(query: Mapping[str, str]) -> float:
    """How long an answer may wait for news, in seconds."""
    text = query.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0.0:
        raise ContractError(f"{text!r} is not a number of seconds", "wait")
    return min(seconds, MAX_WAIT_S)


def positions(query: Mapping[str, str], name: str) -> dict[str, int]:
    """Tables with a sequence number each, written `visitor:12,products:40`."""
    found = {}
    for part in filter(None, query.get(name, "").split(",")):
        table, _, position = part.rpartition(":")
        if not table or not (position.isascii() and position.isdigit() and len(position) <= _DIGITS):
            raise ContractError(f"{part!r} is not a table with a sequence number, such as products:40", name)
        found[table] = int(position)
    return found


def _decode(media_type: str, body: bytes, kind: type[T], max_bytes: int) -> T:
    decoded: T = WIRE_FORMATS[media_type].decode(body, kind, max_bytes=max_bytes)
    return decoded


async def _body(request: Request, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:
                raise TooLargeError(f"the body is over {max_bytes} bytes: send it in smaller parts")
            parts.append(part)
    except ClientDisconnect:
        raise ContractError("the body did not arrive") from None
    return b"".join(parts)
