"""An origin and an edge in memory: no sockets, no sleeping, a clock that tests move. Whole stories run without mocks.

The edge is the real one but for its transport; its tasks take a step when a story says so.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from msgspec.structs import replace

from contracts.bundle import Bundle, SectionRef, digest
from contracts.codec import decode, encode
from contracts.controls import Controls
from contracts.events import StoredEvent
from contracts.features import Cursor, FeatureDelta, FeedPage
from contracts.record import DecisionRecord
from deploy.publish import publish
from edge.app import app_of
from edge.config import Config, Secrets
from edge.node import Clock, Node
from edge.spool import Batch, Kind
from edge.tasks import Step
from edge.tasks.bundles import Bundles
from edge.tasks.controls import ControlsWatch
from edge.tasks.features import Features
from edge.tasks.uplink import Uplink
from edge.transports import OriginError

START_US = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z
SECOND = 1_000_000
SECRETS = Secrets(
    cookie_kid="k1",
    cookie_keys={"k1": b"c" * 32},
    pseudonym_key=b"p" * 32,
    operator_token="operator-token",
    qa_key=b"q" * 32,
)


@dataclass
class SimulatedClock:
    """Time that stands still until it is moved."""

    now_us: int = START_US
    monotonic_s: float = 1000.0

    def advance(self, seconds: float) -> None:
        self.now_us += round(seconds * SECOND)
        self.monotonic_s += seconds

    def clock(self) -> Clock:
        return Clock(now_us=lambda: self.now_us, monotonic_s=lambda: self.monotonic_s, chance=lambda: 0.5)


@dataclass
class SimulatedOrigin:
    """An origin as transports show it, with the faults of networks."""

    epoch: str = "epoch-1"
    page_limit: int = 1000
    deltas: list[FeatureDelta] = field(default_factory=list)
    current: Controls = field(default_factory=Controls)
    events: dict[str, StoredEvent] = field(default_factory=dict)
    records: dict[str, DecisionRecord] = field(default_factory=dict)
    received_bodies: int = 0
    is_down: bool = False
    is_losing_answers: bool = False

    def feeds(self, table: str, entity: str, as_of: int = START_US, **values: object) -> None:
        """Appends a delta."""
        seq = 1 + sum(delta.table == table for delta in self.deltas)
        self.deltas.append(FeatureDelta(table=table, seq=seq, entity=entity, as_of=as_of, values=values))

    def loses_everything(self) -> None:
        """The feed begins again under another epoch."""
        self.epoch += "'"
        self.deltas.clear()

    async def feed(self, cursor: Cursor, wait_s: float) -> FeedPage:
        self._check_up()
        is_reset = cursor.epoch != self.epoch
        at = {} if is_reset else dict(cursor.positions)
        fresh = [delta for delta in self.deltas if delta.seq > at.get(delta.table, 0)]
        page = fresh[: self.page_limit]
        for delta in page:
            at[delta.table] = delta.seq
        cursor = Cursor(epoch=self.epoch, positions=at)
        return FeedPage(cursor=cursor, deltas=tuple(page), is_reset=is_reset, is_last=len(page) == len(fresh))

    async def controls(self, after: int, wait_s: float) -> Controls:
        self._check_up()
        return self.current

    async def send(self, batch: Batch) -> None:
        self._check_up()
        self.received_bodies += len(batch.bodies)
        for body in batch.bodies:
            if batch.kind is Kind.EVENT:
                stored = decode(body, StoredEvent)
                self.events.setdefault(stored.event.id, stored)
            else:
                record = decode(body, DecisionRecord)
                self.records.setdefault(record.request.request_id, record)
        if self.is_losing_answers:
            raise OriginError("the answer was lost")

    async def close(self) -> None:
        pass

    def _check_up(self) -> None:
        if self.is_down:
            raise OriginError("the origin does not answer")


@dataclass
class SimulatedEdge:
    """One node in a folder. `run` starts it as a process would; a second `run` is a restart on the same disk."""

    folder: Path
    origin: SimulatedOrigin = field(default_factory=SimulatedOrigin)
    time: SimulatedClock = field(default_factory=SimulatedClock)
    is_dev: bool = True
    site: Path | None = None
    clock_at: int | None = None
    max_spool_bytes: int = 16 * 1024 * 1024
    releases: int = 0

    @property
    def registry(self) -> Path:
        return self.folder / "registry"

    def publishes(self, bundle: Bundle) -> None:
        publish(bundle, self.registry, note="simulated", now=self.time.now_us)

    def config(self) -> Config:
        return Config(
            registry=self.registry,
            state=self.folder / "state",
            secrets=SECRETS,
            is_dev=self.is_dev,
            site=self.site,
            clock_at=self.clock_at,
            max_spool_bytes=self.max_spool_bytes,
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator["RunningEdge"]:
        node = Node(self.config(), self.time.clock())
        bundles = Bundles(node)
        steps = {
            "bundles": bundles.step,
            "features": Features(node, self.origin).step,
            "controls": ControlsWatch(node, self.origin).step,
            "uplink": Uplink(node, self.origin).step,
        }
        await bundles.start()
        transport = httpx.ASGITransport(app_of(node, None), raise_app_exceptions=True)
        scheme = "http" if self.is_dev else "https"
        try:
            async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://edge") as client:
                yield RunningEdge(node, client, steps)
        finally:
            await asyncio.to_thread(node.close)


@dataclass
class RunningEdge:
    """A started node: `client` is one browser with its cookies."""

    node: Node
    client: httpx.AsyncClient
    steps: dict[str, Step]

    async def turns(self, *names: str, times: int = 1) -> None:
        """Lets tasks take a step: those named, or all in their order."""
        for _ in range(times):
            for name in names or self.steps:
                await self.steps[name]()

    async def decide(self, query: str = "as=5", **ask: object) -> httpx.Response:
        """Asks for page home, or for what is given."""
        return await self.client.post(f"/v1/decide?{query}", json=ask or {"page": "home"})

    def remembered(self) -> list[DecisionRecord]:
        """The records of the node's newest pages, oldest first."""
        return [page.record() for page in self.node.recent._pages.values()]

    async def spooled(self, kind: Kind, count: int) -> None:
        """Returns when so many entries are in the spool; the writer is a thread of its own."""
        await until(lambda: self.node.spool.counts[kind] == count)


async def until(is_so: Callable[[], bool]) -> None:
    """Returns when threads or tasks have come so far."""
    for _ in range(6000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came so far")


def with_section(bundle: Bundle, name: str, contract: object) -> Bundle:
    """The bundle with one section replaced."""
    data = encode(contract)
    sections = {**bundle.manifest.sections, name: SectionRef(digest=digest(data), size=len(data))}
    return Bundle(replace(bundle.manifest, sections=sections), {**bundle.sections, name: data})


def event(identity: str, kind: str, **fields: object) -> dict[str, object]:
    """An event as a page sends it."""
    return {"id": identity, "type": kind, "at": "2026-01-05T08:00:00Z", **fields}


def play(story: Callable[[], object]) -> None:
    """Runs an async story."""
    asyncio.run(story())  # type: ignore[arg-type]
