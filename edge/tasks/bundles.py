"""From a release in the registry to the bundle in use. Whatever is wrong with a new one, the last good one stays.

A release whose bytes are wrong, or that this engine cannot run, is not fetched at every look: it is tried again when
another release comes, or after a long wait, for somebody may have mended the registry's files.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.errors import ContractError, EdgewiseError, NotRunnableError
from contracts.release import Release
from edge.activation import Live
from edge.config import MICROSECONDS
from edge.node import Node
from edge.preflight import preflight
from edge.schedule import REFUSED, REGISTRY, next_ask_s
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot


@dataclass(frozen=True)
class _Refusal:
    """A release that was refused so often in a row, why, and when it is tried again (monotonic clock, seconds)."""

    release: Release
    times: int
    problem: str
    again_s: float


class Bundles:
    """Follows the registry."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._failures = 0
        self._kept: str | None = None
        self._refusal: _Refusal | None = None

    async def start(self) -> None:
        """Puts the last good bundle of this node in use, without the registry."""
        try:
            release = await asyncio.to_thread(self._node.registry.last_good)
            if release is not None:
                await self._activate(release)
                self._kept = release.revision
        except (EdgewiseError, OSError) as error:
            self._node.problems["bundle"] = f"the bundle kept on this node cannot be used: {error}"

    async def step(self) -> float:
        """Looks for a release and, when it is another one, puts its bundle in use."""
        try:
            release = await asyncio.to_thread(self._node.registry.latest)
            if release is not None and not self._is_refused(release):
                await self._follow(release)
        except (EdgewiseError, OSError) as error:
            self._failures += 1
            self._node.problems["bundle"] = f"the registry's release is not in use: {error}"
        else:
            self._failures = 0
            self._say()
            await self._keep(release)
        return next_ask_s(REGISTRY, self._failures, self._node.clock.chance())

    def _is_refused(self, release: Release) -> bool:
        """Whether this very release was refused and is not due again."""
        refusal = self._refusal
        return refusal is not None and refusal.release == release and self._node.clock.monotonic_s() < refusal.again_s

    async def _follow(self, release: Release) -> None:
        """Puts a release in use where it is not yet. What may pass is raised, what may not is remembered."""
        try:
            if self._node.activation.wants(release.revision):
                await self._activate(release)
        except (ContractError, NotRunnableError) as error:
            self._refusal = self._refused(release, error)
        else:
            self._refusal = None

    def _refused(self, release: Release, error: EdgewiseError) -> _Refusal:
        clock, before = self._node.clock, self._refusal
        times = before.times + 1 if before is not None and before.release == release else 1
        wait_s = next_ask_s(REFUSED, times, clock.chance())
        at = datetime.fromtimestamp(clock.now_us() / MICROSECONDS + wait_s, UTC).isoformat(timespec="seconds")
        problem = f"{error}; it is tried again at {at}, another release at once"
        return _Refusal(release, times, problem, clock.monotonic_s() + wait_s)

    def _say(self) -> None:
        """Tells operators what keeps the release from being in use."""
        if self._refusal is None:
            self._node.problems.pop("bundle", None)
        else:
            self._node.problems["bundle"] = f"the registry's release is not in use: {self._refusal.problem}"

    async def _keep(self, release: Release | None) -> None:
        """Keeps the release in use for a start without the registry; tried again until it is done."""
        if release is None or release.revision == self._kept or release.revision != self._node.activation.live:
            return
        try:
            await asyncio.to_thread(self._node.registry.keep, release)
        except OSError as error:
            self._node.problems["kept"] = f"a start without the registry would not find the release in use: {error}"
        else:
            self._kept = release.revision
            self._node.problems.pop("kept", None)

    async def _activate(self, release: Release) -> None:
        node, revision = self._node, release.revision
        try:
            bundle = await asyncio.to_thread(node.registry.fetch, revision)
            node.activation = node.activation.verified(revision)
            loaded = await asyncio.to_thread(load, bundle)
            node.activation = node.activation.loaded(revision)
            async with node.swapping:
                snapshot = await asyncio.to_thread(self._made_ready, loaded)
                node.activation = node.activation.activated(revision)
                node.live = Live(loaded, snapshot)
        except (EdgewiseError, OSError) as error:
            node.activation = node.activation.refused(revision, str(error))
            raise

    def _made_ready(self, loaded: LoadedBundle) -> Snapshot:
        snapshot = self._node.feed.rebased(loaded)
        self._node.advance(self._node.feed.newest)
        if not preflight(loaded, snapshot, self._node.request_now()):
            raise NotRunnableError("the engine failed on a trial run of this bundle; its log has the traceback")
        return snapshot
