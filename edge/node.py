"""The state of one node while it runs: what requests read, what tasks renew, and what the node says about itself.

Only tasks replace `live`, whole, so that a request that has read it once decides on one bundle and one snapshot.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contracts.features import Cursor
from contracts.node_status import NodeStatus
from edge import telemetry
from edge.activation import Activation, Live, NoBundleError
from edge.config import MICROSECONDS, Config
from edge.controls import ControlsFile
from edge.cookie import CookieJar
from edge.deadline import LoopGauge
from edge.recent import Recent
from edge.registry import Registry
from edge.spool import Spool
from edge.sync import FeedFile
from edge.telemetry import Gauges, Telemetry
from engine.capabilities import fingerprint
from engine.hashing import pseudonym


@dataclass(frozen=True)
class Clock:
    """Time and chance, so that tests own them: the node's clock in microseconds, seconds of the monotonic clock."""

    now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    monotonic_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


class Node:
    """One node: its folders are opened here, nothing runs yet. `problems` are sentences by what is troubled."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.started_at = clock.now_us()
        self._ahead_us = 0 if config.clock_at is None else config.clock_at - self.started_at
        self.registry = Registry(config.registry, config.state / "bundle")
        self.feed = FeedFile(config.state / "feed.sqlite")
        self.controls = ControlsFile(config.state / "controls.msgpack")
        self.spool = Spool(config.state / "spool.sqlite", config.max_spool_bytes)
        self.jar = CookieJar(config.secrets.cookie_kid, config.secrets.cookie_keys, is_secure=not config.is_dev)
        self.telemetry = Telemetry()
        self.recent = Recent()
        self.gauge = LoopGauge()
        self.fingerprint = fingerprint()
        self.activation = Activation()
        self.live: Live | None = None
        self.swapping = asyncio.Lock()
        self.is_origin_reachable = False
        self.problems: dict[str, str] = {}

    def in_use(self) -> Live:
        """Bundle and snapshot to decide on. Raises `NoBundleError`."""
        if self.live is None:
            raise NoBundleError("no bundle is live on this node yet: publish one with `edgewise deploy`")
        return self.live

    def request_now(self) -> int:
        """`request.now` for a request that does not set it: the node's clock, or what development let it start from."""
        return self.clock.now_us() + self._ahead_us

    def advance(self, instant: int) -> None:
        """Lets `request.now` go on from a later instant, where development set it at all; it never goes back."""
        if self.config.clock_at is not None and instant > self.request_now():
            self._ahead_us = instant - self.clock.now_us()

    def pseudonym(self, identity: str) -> str:
        """What stands for an id outside the cookie."""
        return pseudonym(self.config.secrets.pseudonym_key, identity)

    def is_feed_stale(self) -> bool:
        """Whether the feed's last answer (before the first: the node's start) is older than the bundle allows."""
        limit_s = self.in_use().loaded.manifest.max_staleness_s
        since = self.feed.answered_at or self.started_at
        return limit_s is not None and self.clock.now_us() - since > limit_s * MICROSECONDS

    def feed_age_s(self) -> float | None:
        """Seconds since the feed's last answer, None before the first."""
        answered_at = self.feed.answered_at
        return None if answered_at is None else (self.clock.now_us() - answered_at) / MICROSECONDS

    def close(self) -> None:
        """Writes what waits to disk and closes the files. Blocks."""
        self.spool.close()
        self.feed.close()


def status(node: Node) -> NodeStatus:
    """What operators and `edgewise status` are told."""
    cursor = Cursor() if node.live is None else node.live.snapshot.cursor
    return NodeStatus(
        node=node.config.node,
        revision=node.activation.live,
        is_ready=node.live is not None,
        cursor=cursor,
        feed_age_s=node.feed_age_s(),
        is_origin_reachable=node.is_origin_reachable,
        controls_sequence=node.controls.current.sequence,
        spooled=sum(node.spool.counts.values()),
        dropped_records=node.spool.dropped,
        unknown_items=node.telemetry.total(telemetry.UNKNOWN_ITEMS),
        problems=tuple(node.problems[name] for name in sorted(node.problems)),
    )


def gauges(node: Node) -> Gauges:
    """What metrics read off the node when they are asked for."""
    known = status(node)
    return {
        telemetry.READY: {(): known.is_ready},
        telemetry.REVISION: {} if known.revision is None else {(known.revision,): 1},
        telemetry.LATENESS: {(): node.gauge.lateness_s},
        telemetry.SPOOLED: {(kind.value,): count for kind, count in node.spool.counts.items()},
        telemetry.DROPPED: {(): known.dropped_records},
        telemetry.FEED_AGE: {} if known.feed_age_s is None else {(): known.feed_age_s},
        telemetry.FEED_POSITION: {(table,): position for table, position in known.cursor.positions.items()},
        telemetry.ORIGIN_UP: {(): known.is_origin_reachable},
        telemetry.CONTROLS: {(): known.controls_sequence},
    }
