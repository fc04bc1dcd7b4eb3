"""The road over HTTP, in this process: the real origin on a port, and origins without a usable answer.

An answer here is words on a socket, whatever was asked. Nothing outlives its `async with`.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from socket import SO_LINGER, SOL_SOCKET

import pytest
import uvicorn
from ports import free_port

from contracts.codec import encode
from contracts.controls import Controls
from contracts.features import Cursor, FeedPage
from edge.transports import StoredAnswer
from origin.app import app_of
from origin.routes import Origin

Address = AbstractAsyncContextManager[str]
Talk = Callable[[asyncio.StreamWriter, asyncio.Event], Awaitable[None]]
_MOMENT_S = 0.2
_END_OF_HEAD, _LENGTH = b"\r\n\r\n", re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@asynccontextmanager
async def origin_at(origin: Origin, again_at: str | None) -> AsyncIterator[str]:
    address = again_at or f"http://127.0.0.1:{free_port()}"
    settings = uvicorn.Config(app_of(origin), lifespan="off", log_level="critical")
    settings.load()
    state, make = uvicorn.server.ServerState(), settings.http_protocol_class
    loop, (_, _, port) = asyncio.get_running_loop(), address.rpartition(":")
    server = await loop.create_server(lambda: make(settings, state, {}), "127.0.0.1", int(port))  # type: ignore[call-arg]
    try:
        yield address
    finally:
        server.close()
        for connection in tuple(state.connections):
            connection.transport.abort()
        origin.feed_bell.close()
        origin.controls_bell.close()
        await asyncio.gather(*state.tasks)
        await server.wait_closed()
        origin.close()


@asynccontextmanager
async def _nobody() -> AsyncIterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@asynccontextmanager
async def _talking(talk: Talk) -> AsyncIterator[str]:
    """Reads the request of each connection, then talks, whatever was asked, until it is over; then closes."""
    is_over = asyncio.Event()
    under_way: set[asyncio.Future[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            size = _LENGTH.search(await reader.readuntil(_END_OF_HEAD))
            await reader.readexactly(int(size[1]) if size else 0)
            await talk(writer, is_over)
        writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.ensure_future(answer(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        is_over.set()
        await asyncio.gather(*under_way)
        await server.wait_closed()


def _saying(words: bytes) -> Address:
    async def talk(writer: asyncio.StreamWriter, _is_over: asyncio.Event) -> None:
        writer.write(words)
        await writer.drain()

    return _talking(talk)


def _resetting(words: bytes) -> Address:
    """What is said is on its way when the connection is reset."""

    async def talk(writer: asyncio.StreamWriter, _is_over: asyncio.Event) -> None:
        writer.write(words)
        writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))

    return _talking(talk)


def silent() -> Address:
    async def talk(_writer: asyncio.StreamWriter, is_over: asyncio.Event) -> None:
        await is_over.wait()

    return _talking(talk)


def endless() -> Address:
    async def talk(writer: asyncio.StreamWriter, is_over: asyncio.Event) -> None:
        writer.write(_answer("200 OK", size=1_000_000))
        while not is_over.is_set():
            writer.write(b"\x90")
            await writer.drain()
            await asyncio.sleep(_MOMENT_S / 10)

    return _talking(talk)


def busy(words: str) -> Address:
    return _saying(_answer("503 Service Unavailable", b"", f"Retry-After: {words}"))


def _answer(status: str, body: bytes = b"", *headers: str, size: int | None = None) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body) if size is None else size}", *headers)
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


def hurried(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("edge.transports._GRACE_S", _MOMENT_S)


_USABLE = {
    "page": encode(FeedPage(cursor=Cursor(), deltas=())),
    "controls": encode(Controls()),
    "receipt": encode(StoredAnswer(stored=1)),
}
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + _END_OF_HEAD
_WORDS = {
    "no word": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Len",
    "no body": _answer("200 OK"),
    "no msgpack": _answer("200 OK", b"\xc1"),
    "JSON": _answer("200 OK", b'{"stored": 1}'),
    "unknown fields": _answer("200 OK", encode({"unknown": 1})),
    "a wrong encoding": _answer("200 OK", b"\xc1", "Content-Encoding: gzip"),
    **{
        f"{status} with a {name}": _answer(status, body)
        for status in ("500 Internal Server Error", "404 Not Found", "302 Found")
        for name, body in _USABLE.items()
    },
    **{f"a {name} and more": _answer("200 OK", body + b"\0") for name, body in _USABLE.items()},
    **{f"a {name} cut short": _answer("200 OK", body, size=len(body) + 1) for name, body in _USABLE.items()},
    **{f"a {name} without its last chunk": _CHUNKED + b"%x\r\n%s\r\n" % (len(it), it) for name, it in _USABLE.items()},
}
FAULTS: dict[str, Callable[[], Address]] = {
    "nobody listens": _nobody,
    "reset": partial(_resetting, b""),
    "reset within the answer": partial(_resetting, _answer("200 OK", b"\x80", size=9)),
    **{name: partial(_saying, words) for name, words in _WORDS.items()},
}
