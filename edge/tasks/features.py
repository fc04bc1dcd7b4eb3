"""From the origin's feed to the snapshot in use: page by page to disk, and in use once the node has caught up.

What is in use is never ahead of a clock that development set: then that clock goes on from the newest value.
"""

import asyncio
import sqlite3

from contracts.errors import EdgewiseError
from contracts.features import FeedPage
from edge.activation import Live
from edge.node import Node
from edge.preflight import preflight
from edge.schedule import FEATURES, next_ask_s
from edge.transports import OriginError, Transport

WAIT_S = 20.0
_NO_BUNDLE_S = 0.2


class TrialError(EdgewiseError):
    """The engine met a bug on a new snapshot; the one before it stays in use."""


class Features:
    """Follows the feed. `_ahead` is what pages came to that are not the last, and the live pair they started from."""

    def __init__(self, node: Node, transport: Transport) -> None:
        self._node = node
        self._transport = transport
        self._failures = 0
        self._ahead: tuple[Live, Live] | None = None

    async def step(self) -> float:
        """Asks for one page and takes it in."""
        node = self._node
        if node.live is None:
            return _NO_BUNDLE_S
        try:
            page = await self._transport.feed(node.feed.cursor, WAIT_S)
            node.is_origin_reachable = True
            async with node.swapping:
                await asyncio.to_thread(self._take, page, node.live)
        except OriginError as error:
            node.is_origin_reachable = False
            return self._failed(f"the feed is not read: {error}", error.retry_after_s)
        except sqlite3.Error as error:
            return self._failed(f"the feed cannot be kept on this node's disk: {error}")
        except TrialError as error:
            return self._failed(str(error))
        node.problems.pop("feed", None)
        self._failures = 0
        return next_ask_s(FEATURES, 0, node.clock.chance()) if page.is_last else 0.0

    def _failed(self, problem: str, told_s: float | None = None) -> float:
        self._failures += 1
        self._node.problems["feed"] = problem
        return next_ask_s(FEATURES, self._failures, self._node.clock.chance(), told_s)

    def _take(self, page: FeedPage, live: Live) -> None:
        before = self._ahead[1] if self._ahead and self._ahead[0] is live else live
        snapshot = self._node.feed.take(page, live.loaded, before.snapshot, self._node.clock.now_us())
        after = Live(live.loaded, snapshot)
        self._ahead = (live, after)
        if page.is_last:
            is_new = page.deltas or before is not live
            if is_new and not preflight(live.loaded, after.snapshot, self._node.request_now()):
                raise TrialError("the engine failed on a trial run of what the feed gave; its log has the traceback")
            self._node.advance(self._node.feed.newest)
            self._node.live = after
