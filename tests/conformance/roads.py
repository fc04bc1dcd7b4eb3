"""The roads by which transports get to an origin in this process, and what is asked of it on any of them.

A kind that is new in TRANSPORTS needs a line in ROADS. Every story has an end, in a time that no working call needs.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import http_road
import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit/origin"))

from tea_origin import purchase

from contracts.codec import encode
from contracts.features import Cursor
from edge.spool import Batch, Kind
from edge.transports import TRANSPORTS, Transport
from origin.routes import Origin

BOUND_S = 20.0
LONG_S = 25.0  # a wait that lasts until its end is found out
Address = AbstractAsyncContextManager[str]
Call = Callable[[Transport], Awaitable[object]]
T = TypeVar("T")


@dataclass(frozen=True)
class Road:
    """Where one kind of transport is led to: addresses that it takes, each there within its `async with` alone.

    `to_origin` serves an opened origin, where it was before if it is told, and closes it: gone at once, as in a crash.
    `to_none` are origins without a usable answer, by what is wrong. `to_silence` takes calls and says nothing,
    `to_endless` says a little, again and again. `to_busy` refuses and asks, in these words, for some time. A transport
    that is made after `hurried` waits for none of them longer than a moment.
    """

    to_origin: Callable[[Origin, str | None], Address]
    to_none: Mapping[str, Callable[[], Address]]
    to_silence: Callable[[], Address]
    to_endless: Callable[[], Address]
    to_busy: Callable[[str], Address]
    hurried: Callable[[pytest.MonkeyPatch], None]


ROADS: dict[str, Road] = {
    "http": Road(
        to_origin=http_road.origin_at,
        to_none=http_road.FAULTS,
        to_silence=http_road.silent,
        to_endless=http_road.endless,
        to_busy=http_road.busy,
        hurried=http_road.hurried,
    )
}


def road(name: str) -> Road:
    """The road of one kind of transport."""
    if name not in ROADS:
        pytest.fail(f"no road leads transport {name} to an origin: add a line to ROADS in tests/conformance/roads.py")
    return ROADS[name]


def play(story: Callable[[], Awaitable[None]]) -> None:
    """Runs a story to its end, which comes."""

    async def bounded() -> None:
        async with asyncio.timeout(BOUND_S):
            await story()

    asyncio.run(bounded())


@asynccontextmanager
async def made(name: str, address: str) -> AsyncIterator[Transport]:
    """A transport to an address."""
    transport = TRANSPORTS[name](address)
    try:
        yield transport
    finally:
        await transport.close()


async def waiting(call: Awaitable[T]) -> "asyncio.Future[T]":
    """A call that is under way, and has no answer yet."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0.1)
    assert not task.done(), "it did not wait"
    return task


def events(*numbers: str) -> Batch:
    """A purchase each, by a visitor each."""
    return Batch(Kind.EVENT, tuple(encode(purchase(number, visitor=f"v{number}")) for number in numbers), len(numbers))


CALLS: dict[str, Call] = {
    "feed": lambda transport: transport.feed(Cursor(), 0.01),
    "controls": lambda transport: transport.controls(0, 0.01),
    "send": lambda transport: transport.send(events("1")),
}
every_transport = pytest.mark.parametrize("name", sorted(TRANSPORTS))
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
