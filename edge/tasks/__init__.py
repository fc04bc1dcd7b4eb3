"""The only loops that sleep and await the network. Each does one step and says how long to wait before the next."""

from collections.abc import Awaitable, Callable

Step = Callable[[], Awaitable[float]]
Sleep = Callable[[float], Awaitable[None]]


async def repeat(step: Step, sleep: Sleep) -> None:
    """Runs a step again and again; each returns the seconds to wait after it."""
    while True:
        await sleep(await step())
