"""From the origin's controls to the ones in force: a long poll, so that a kill switch arrives at once."""

import asyncio

from edge.node import Node
from edge.schedule import CONTROLS, next_ask_s
from edge.transports import OriginError, Transport

WAIT_S = 20.0


class ControlsWatch:
    """Follows the controls."""

    def __init__(self, node: Node, transport: Transport) -> None:
        self._node = node
        self._transport = transport
        self._failures = 0

    async def step(self) -> float:
        """Asks for controls newer than those in force."""
        node, told_s = self._node, None
        try:
            arrived = await self._transport.controls(node.controls.current.sequence, WAIT_S)
            await asyncio.to_thread(node.controls.accept, arrived)
        except OriginError as error:
            self._failures += 1
            told_s = error.retry_after_s
            node.problems["controls"] = f"kill switches are those of sequence {node.controls.current.sequence}: {error}"
        except OSError as error:
            self._failures += 1
            node.problems["controls"] = f"kill switches are in force but not on disk: {error.strerror}"
        else:
            self._failures = 0
            node.problems.pop("controls", None)
        return next_ask_s(CONTROLS, self._failures, node.clock.chance(), told_s)
