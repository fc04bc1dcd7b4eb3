"""uvicorn's HTTP connection with two additions: it stamps when a request had arrived, and cuts off who is slow.

The stamp is taken in `data_received`, before anything queues, and is renewed until the request's last byte: a slow
network does not use up the budget. Times are those of `time.monotonic`; uvloop's own clock stands still during a
callback.
"""

import asyncio
import time

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edge.deadline import Arrival, LoopGauge

REQUEST_TIMEOUT_S = 10.0
SCOPE_KEY = "edgewise.arrival"


class StampedProtocol(HttpToolsProtocol):
    """One connection."""

    gauge: LoopGauge
    _cut_off: asyncio.TimerHandle | None = None
    _received_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """From the first moment on, a client must send a whole request in time."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._settle()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Notes the time, then parses."""
        self._received_s = time.monotonic()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._cut_off is None:
            self._expect()

    def on_headers_complete(self) -> None:
        """The request is handed on with its stamp."""
        self._stamp()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here: its stamp is final."""
        self._settle()
        self._stamp()
        super().on_message_complete()

    def _stamp(self) -> None:
        self.scope[SCOPE_KEY] = Arrival(self._received_s, self.gauge.lateness_s)  # type: ignore[literal-required]

    def _expect(self) -> None:
        self._cut_off = self.loop.call_later(REQUEST_TIMEOUT_S, self._close)

    def _settle(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def stamped(gauge: LoopGauge) -> type[StampedProtocol]:
    """The connection class of a node with this gauge: uvicorn makes one object of it per connection."""
    return type("NodeProtocol", (StampedProtocol,), {"gauge": gauge})
