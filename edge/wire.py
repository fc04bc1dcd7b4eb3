"""HTTP bytes <-> types: media types, limits, answers, and the one place where an error becomes a status.

What the endpoints mean is `edge.routes`' affair. Bodies are JSON, msgpack or CBOR as Content-Type and Accept say;
errors are always problem+json (RFC 9457) and name the path inside the body that is at fault, or the address. Of a JSON
key that comes twice the last value counts: the parser does not tell, and a second reading takes ten times as long.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from contracts.codec import JSON, MAX_BODY_BYTES, WIRE_FORMATS, encode_json
from contracts.errors import ContractError, EdgewiseError, TooLargeError
from edge.activation import NoBundleError
from edge.spool import SpoolFullError

T = TypeVar("T")
Header = tuple[bytes, bytes]
RETRY_AFTER_S = 2
PROBLEM = "application/problem+json"
_MAX_ACCEPT = 256
_MAX_TOLD = 80


class UnknownNameError(ContractError):
    """What was asked for by name does not exist here."""


class MethodError(ContractError):
    """The address is there, but not for this method; `allowed` are those that it is for."""

    def __init__(self, method: str, address: str, allowed: Iterable[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(
            f"{method[:_MAX_TOLD]} is not for this address: use {' or '.join(self.allowed)}", address[:_MAX_TOLD]
        )


class MediaTypeError(ContractError):
    """The body is of a media type that this node does not read."""


class NotAcceptableError(ContractError):
    """The client accepts none of the media types that this node writes."""


class ForbiddenError(ContractError):
    """This needs a token of the operator's that holds."""


class SlowError(ContractError):
    """The body did not arrive in time, or not at all."""


_STATUS: dict[type[EdgewiseError], tuple[int, str]] = {
    SlowError: (408, "Request Timeout"),
    TooLargeError: (413, "Content Too Large"),
    MediaTypeError: (415, "Unsupported Media Type"),
    NotAcceptableError: (406, "Not Acceptable"),
    ForbiddenError: (403, "Forbidden"),
    UnknownNameError: (404, "Not Found"),
    MethodError: (405, "Method Not Allowed"),
    ContractError: (400, "Bad Request"),
    NoBundleError: (503, "Service Unavailable"),
    SpoolFullError: (503, "Service Unavailable"),
    EdgewiseError: (500, "Internal Server Error"),
}


def problem(error: EdgewiseError) -> tuple[int, bytes]:
    """The status of an error and its problem document. The first matching class of the table counts."""
    status, title = next(entry for kind, entry in _STATUS.items() if isinstance(error, kind))
    place = {"path": error.path} if isinstance(error, ContractError) else {}
    detail = error.message if isinstance(error, ContractError) else str(error)
    return status, encode_json({"type": "about:blank", "title": title, "status": status, "detail": detail, **place})


def advice(error: EdgewiseError) -> dict[str, str]:
    """The headers that go with a problem: what would be allowed, or when to ask again."""
    if isinstance(error, MethodError):
        return {"allow": ", ".join(error.allowed)}
    is_passing = problem(error)[0] == HTTPStatus.SERVICE_UNAVAILABLE
    return {"retry-after": str(RETRY_AFTER_S)} if is_passing else {}


def header(scope: Scope, name: bytes) -> str:
    """A request header, empty when absent; several of one name are joined."""
    found = [value for key, value in scope["headers"] if key == name]
    return b"; ".join(found).decode("latin-1") if found else ""


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The body of a request. Raises `TooLargeError` as soon as the limit is passed, `SlowError` when it stays away."""
    declared = header(scope, b"content-length")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise TooLargeError(f"{declared} bytes, at most {MAX_BODY_BYTES} are accepted")
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SlowError("the body did not arrive")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(f"the body is over {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return body


def decode_body(scope: Scope, body: bytes, kind: type[T]) -> T:
    """The body as `kind`, by Content-Type. Raises `MediaTypeError` and `ContractError`."""
    media_type = header(scope, b"content-type").partition(";")[0].strip().lower()
    wire_format = WIRE_FORMATS.get(media_type)
    if wire_format is None:
        known = ", ".join(WIRE_FORMATS)
        raise MediaTypeError(f"Content-Type {media_type or '(none)'} is not read here: send {known}")
    decoded: T = wire_format.decode(body, kind, max_bytes=MAX_BODY_BYTES)
    return decoded


@lru_cache(maxsize=_MAX_ACCEPT)
def accepted(accept: str) -> str:
    """The media type to answer in: the client's most wanted, JSON when it does not mind (RFC 9110, section 12.5.1)."""
    ranges = [_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    for media_range, q in sorted(ranges, key=lambda each: -each[1]):
        if q > 0.0 and media_range in ("*/*", "application/*"):
            return JSON
        if q > 0.0 and media_range in WIRE_FORMATS:
            return media_range
    raise NotAcceptableError(f"this node writes {', '.join(WIRE_FORMATS)}")


async def answer(scope: Scope, send: Send, value: object, headers: Iterable[Header] = (), status: int = 200) -> int:
    """Sends a contract in the media type that the client accepts, and returns the status."""
    media_type = accepted(header(scope, b"accept"))
    body = WIRE_FORMATS[media_type].encode(value)
    return await send_bytes(send, status, media_type, body, headers)


async def send_bytes(send: Send, status: int, media_type: str, body: bytes, headers: Iterable[Header] = ()) -> int:
    """Sends a whole answer and returns its status. Nothing that is decided may be stored by a cache."""
    start: list[Header] = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Cookie, Accept, Sec-GPC"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
    return status


async def send_problem(send: Send, error: EdgewiseError) -> int:
    """Sends the problem document of an error and returns its status."""
    status, body = problem(error)
    headers = [(name.encode(), value.encode()) for name, value in advice(error).items()]
    return await send_bytes(send, status, PROBLEM, body, headers)


def query_values(scope: Scope) -> Mapping[str, str]:
    """The query's parameters; of several with one name the last."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _range(part: str) -> tuple[str, float]:
    media_range, _, params = part.partition(";")
    for param in params.split(";"):
        name, _, value = param.strip().partition("=")
        if name == "q":
            return media_range.strip().lower(), _quality(value)
    return media_range.strip().lower(), 1.0


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
