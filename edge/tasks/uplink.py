"""From the spool to the origin: batches, oldest first, forgotten once the origin has stored them."""

import asyncio

from edge.node import Node
from edge.schedule import UPLINK, next_ask_s
from edge.spool import Kind
from edge.transports import OriginError, Transport

_MAX_BATCH = 500


class Uplink:
    """Empties the spool. What the origin stored twice, because an answer was lost, it drops by id."""

    def __init__(self, node: Node, transport: Transport) -> None:
        self._node = node
        self._transport = transport
        self._failures = 0
        self._sent: dict[Kind, int] = dict.fromkeys(Kind, 0)

    async def step(self) -> float:
        """Sends one batch of each kind."""
        node = self._node
        try:
            is_more = [await self._send(kind) for kind in Kind]
        except OriginError as error:
            self._failures += 1
            node.is_origin_reachable = False
            node.problems["uplink"] = f"events and records wait in the spool: {error}"
            return next_ask_s(UPLINK, self._failures, node.clock.chance(), error.retry_after_s)
        self._failures = 0
        node.problems.pop("uplink", None)
        return 0.0 if any(is_more) else next_ask_s(UPLINK, 0, node.clock.chance())

    async def _send(self, kind: Kind) -> bool:
        """Sends what waits; whether more may wait behind it."""
        spool = self._node.spool
        batch = await asyncio.to_thread(spool.oldest, kind, _MAX_BATCH, self._sent[kind])
        if not batch.bodies:
            return False
        await self._transport.send(batch)
        self._node.is_origin_reachable = True
        self._sent[kind] = batch.last_seq
        spool.forget(batch)
        return True
