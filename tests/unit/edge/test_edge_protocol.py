"""Connections over a real socket of this process: stamps, and who is slow."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
import uvicorn
from simulator import until
from starlette.types import Receive, Scope, Send

import edge.protocol as room
from edge.deadline import Arrival, LoopGauge
from edge.protocol import SCOPE_KEY, stamped

Story = Callable[[asyncio.StreamReader, asyncio.StreamWriter, list[Arrival]], Awaitable[None]]
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


def converse(story: Story, gauge: LoopGauge | None = None) -> list[Arrival]:
    """Tells a story to a server that answers each request, and returns the stamps that its app saw."""
    stamps: list[Arrival] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        stamps.append(scope[SCOPE_KEY])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def run() -> None:
        config = uvicorn.Config(app, lifespan="off", log_level="critical")
        config.load()
        state = uvicorn.server.ServerState()
        make = stamped(gauge or LoopGauge())
        server = await asyncio.get_running_loop().create_server(lambda: make(config, state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(30):
            await story(reader, writer, stamps)
        writer.close()
        server.close()
        await server.wait_closed()

    asyncio.run(run())
    return stamps


async def read_answer(reader: asyncio.StreamReader) -> None:
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert await reader.readexactly(2) == b"ok"


def test_the_stamp_is_of_the_last_byte() -> None:
    times = [1.0, 2.0, 3.0]

    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stamps: list[Arrival]) -> None:
        for left, part in ((2, HEAD), (1, b"ab"), (0, b"cd")):
            writer.write(part)
            await until(lambda: len(times) == left)  # noqa: B023 - called at once
        await read_answer(reader)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "time", SimpleNamespace(monotonic=lambda: times.pop(0)))
        (stamp,) = converse(story)
    assert stamp.at_s == 3.0


def test_each_request_of_a_connection_has_its_own_stamp_and_the_gauges_lateness() -> None:
    gauge = LoopGauge()
    gauge.lateness_s = 0.125

    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stamps: list[Arrival]) -> None:
        for _ in range(2):
            writer.write(HEAD + b"abcd")
            await read_answer(reader)
        writer.write((HEAD + b"abcd") * 2)  # pipelined
        for _ in range(2):
            await read_answer(reader)

    stamps = converse(story, gauge)
    assert len(stamps) == 4
    assert stamps[0].at_s < stamps[1].at_s < stamps[2].at_s == stamps[3].at_s
    assert {stamp.lateness_s for stamp in stamps} == {0.125}


@pytest.mark.parametrize("start", [b"", b"POST / HT", HEAD, HEAD + b"abcd" + HEAD + b"ab"])
def test_a_client_that_does_not_finish_is_cut_off(start: bytes) -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stamps: list[Arrival]) -> None:
        writer.write(start)
        answered = await reader.read()
        assert answered.count(b"HTTP/1.1 200") == start.count(b"abcd")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "REQUEST_TIMEOUT_S", 0.05)
        converse(story)


def test_a_client_that_finishes_is_not_cut_off() -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stamps: list[Arrival]) -> None:
        for pause_s in (1.1, 0.0):
            writer.write(HEAD + b"abcd")
            await read_answer(reader)
            await asyncio.sleep(pause_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "REQUEST_TIMEOUT_S", 1.0)
        assert len(converse(story)) == 2
