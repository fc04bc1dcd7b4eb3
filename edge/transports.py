"""How a node talks to the origin: one small shape, and a table of its kinds.

A transport moves bytes and types; when to call, and what a failure means, is for `edge.schedule` and `edge.tasks`.
Every failure to get a usable answer is an `OriginError`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import httpx

from contracts.codec import MSGPACK, Contract, decode
from contracts.controls import Controls
from contracts.errors import ContractError, EdgewiseError
from contracts.features import Cursor, FeedPage
from edge.config import ConfigError
from edge.spool import Batch, Kind

FEED_LIMIT = 1000
_GRACE_S = 10.0
_CONNECT_S = 2.0
_MOST_WAITS = 3  # a whole answer may take so many times as long as one piece of it
_PATHS: Mapping[Kind, str] = {Kind.EVENT: "/v1/events", Kind.RECORD: "/v1/records"}
T = TypeVar("T")


class OriginError(EdgewiseError):
    """The origin gave no usable answer. `retry_after_s` is what it asked for, if it did."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Transport(Protocol):
    """What a node needs of its origin."""

    async def feed(self, cursor: Cursor, wait_s: float) -> FeedPage:
        """The deltas after a cursor; waits up to `wait_s` for the first. Raises `OriginError`."""
        ...

    async def controls(self, after: int, wait_s: float) -> Controls:
        """The controls, waiting up to `wait_s` for a sequence number above `after`. Raises `OriginError`."""
        ...

    async def send(self, batch: Batch) -> None:
        """Returns when the origin has stored the batch. Raises `OriginError`."""
        ...

    async def close(self) -> None:
        """Ends all calls."""
        ...


class StoredAnswer(Contract, frozen=True):
    """The origin's answer to a batch: how many of it it has now."""

    stored: int


class HttpTransport:
    """The origin over HTTP: long polls for feed and controls, batches for the uplink. All bodies are msgpack.

    Raises `ConfigError` for what is no address.
    """

    def __init__(self, origin: str) -> None:
        headers = {"Accept": MSGPACK, "Content-Type": MSGPACK}
        self._client = httpx.AsyncClient(
            base_url=_address(origin), headers=headers, timeout=httpx.Timeout(_GRACE_S, connect=_CONNECT_S)
        )

    async def feed(self, cursor: Cursor, wait_s: float) -> FeedPage:
        """One page of `GET /v1/feed`."""
        at = ",".join(f"{table}:{position}" for table, position in sorted(cursor.positions.items()))
        query = {"epoch": cursor.epoch, "at": at, "limit": str(FEED_LIMIT), "wait": f"{wait_s:g}"}
        return await self._get("/v1/feed", query, wait_s, FeedPage)

    async def controls(self, after: int, wait_s: float) -> Controls:
        """`GET /v1/controls`."""
        return await self._get("/v1/controls", {"after": str(after), "wait": f"{wait_s:g}"}, wait_s, Controls)

    async def send(self, batch: Batch) -> None:
        """`POST /v1/events` or `/v1/records`."""
        request = self._client.build_request("POST", _PATHS[batch.kind], content=_array(batch.bodies))
        await self._call(request, StoredAnswer, _GRACE_S)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _get(self, path: str, query: Mapping[str, str], wait_s: float, kind: type[T]) -> T:
        patience_s = wait_s + _GRACE_S
        timeout = httpx.Timeout(patience_s, connect=_CONNECT_S)
        request = self._client.build_request("GET", path, params=query, timeout=timeout)
        return await self._call(request, kind, patience_s)

    async def _call(self, request: httpx.Request, kind: type[T], patience_s: float) -> T:
        try:
            async with asyncio.timeout(_MOST_WAITS * patience_s):
                answer = await self._client.send(request)
            del answer.stream  # it refers back to the answer, whose body would await the collector then
        except (httpx.HTTPError, TimeoutError) as error:
            raise OriginError(f"the origin does not answer ({type(error).__name__})") from None
        if answer.status_code != httpx.codes.OK:
            said = f"the origin answered {answer.status_code} to {request.method} {request.url.path}"
            raise OriginError(said, _retry_after_s(answer))
        try:
            return decode(answer.content, kind)
        except ContractError as error:
            raise OriginError(f"the origin's answer to {request.url.path} is malformed: {error}") from None


TRANSPORTS: dict[str, Callable[[str], Transport]] = {"http": HttpTransport}


def _address(origin: str) -> str:
    try:
        url, is_sendable = urlsplit(origin), bool(httpx.Request("GET", origin).url.host)
        is_bare = not (url.query or url.fragment or any(map(str.isspace, origin)))
        if url.scheme in ("http", "https") and url.port != 0 and is_sendable and is_bare:
            return origin
    except (httpx.InvalidURL, ValueError):  # a port beyond 65535, a host that is none
        pass
    raise ConfigError(f"--origin {origin} is not an address: give one such as http://127.0.0.1:8301")


def _retry_after_s(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _array(bodies: tuple[bytes, ...]) -> bytes:
    """The msgpack array of bodies that are msgpack already."""
    return b"\xdd" + len(bodies).to_bytes(4, "big") + b"".join(bodies)
