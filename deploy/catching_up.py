"""Waiting until an edge uses all that its origin has published. Bounded: who waits here always goes on.

What counts as published is what the origin told first, so events that keep arriving do not make it longer.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TypeVar

import httpx

from contracts.codec import Contract, decode_json
from contracts.errors import ContractError
from contracts.node_status import NodeStatus

WITHIN_S = 120.0
PAUSE_S = 0.2
_TELL_EVERY = 10
_MOST_SILENCES = 3
_TIMEOUT_S = 5.0
T = TypeVar("T")
Tell = Callable[[str], None]
on_stderr: Tell = partial(print, file=sys.stderr, flush=True)


class Published(Contract, frozen=True, forbid_unknown_fields=False):
    """The part of an origin's status that says how far its feed is."""

    epoch: str
    positions: dict[str, int]


def wait_for_feed(
    origin: str,
    edge: str,
    tell: Tell = on_stderr,
    check: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Whether the edge uses all that was published; tells how far it is meanwhile. `check` may raise to end it.

    It ends after `WITHIN_S` seconds of `clock`, or when the edge gives no answer several times in a row.
    """
    published = _asked(f"{origin}/v1/status", Published)
    if published is None:
        tell(f"the origin does not answer at {origin}: the edge goes on with what it has")
        return False
    ends_at, silences = clock() + WITHIN_S, 0
    for attempt in count(1):
        check()
        status = _asked(f"{edge}/v1/status", NodeStatus)
        silences = silences + 1 if status is None else 0
        if status is not None and _lacks(status, published) == 0:
            return True
        if silences == _MOST_SILENCES or clock() > ends_at:
            break
        if status is not None and attempt % _TELL_EVERY == 0:
            tell(_progress(status, published))
        sleep(PAUSE_S)
    tell(f"the feed is not all in yet: `edgewise status {edge}` tells how far it is")
    return False


def _progress(status: NodeStatus, published: Published) -> str:
    total = sum(published.positions.values())
    return f"the feed is coming in: {max(0, total - _lacks(status, published)):,} of {total:,} changes are in use"


def _lacks(status: NodeStatus, published: Published) -> int:
    """How many changes the edge does not use yet; of another epoch it has none, and lacks at least the epoch."""
    if status.cursor.epoch != published.epoch:
        return max(1, sum(published.positions.values()))
    return sum(max(0, end - status.cursor.positions.get(table, 0)) for table, end in published.positions.items())


def _asked(url: str, kind: type[T]) -> T | None:
    """What a program says of itself, None where it gives no usable answer."""
    try:
        return decode_json(httpx.get(url, timeout=_TIMEOUT_S).raise_for_status().content, kind)
    except (httpx.HTTPError, httpx.InvalidURL, ContractError):
        return None
