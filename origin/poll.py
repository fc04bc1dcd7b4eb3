"""Long polls: an answer as soon as there is news, or when the time is up, or when the origin stops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Bell:
    """Rung when something changed. A reader takes `next_ring` before it looks, so that it misses none."""

    def __init__(self) -> None:
        self._ring = asyncio.Event()
        self.is_closed = False

    def next_ring(self) -> asyncio.Event:
        """The event that the next ring sets."""
        return self._ring

    def ring(self) -> None:
        """Wakes everyone who waits now."""
        rung, self._ring = self._ring, asyncio.Event()
        rung.set()

    def close(self) -> None:
        """Wakes everyone, and nobody waits any more."""
        self.is_closed = True
        self.ring()


async def poll(bell: Bell, look: Callable[[], Awaitable[T]], is_news: Callable[[T], bool], wait_s: float) -> T:
    """What `look` finds once that is news; after `wait_s` seconds whatever it finds."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + wait_s
    while True:
        ring = bell.next_ring()
        found = await look()
        left_s = give_up - loop.time()
        if is_news(found) or left_s <= 0 or bell.is_closed:
            return found
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await ring.wait()
