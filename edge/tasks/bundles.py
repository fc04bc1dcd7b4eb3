"""From a release in the registry to the bundle in use. Whatever is wrong with a new one, the last good one stays."""

import asyncio

from contracts.errors import EdgewiseError, NotRunnableError
from contracts.release import Release
from edge.activation import Live
from edge.node import Node
from edge.preflight import preflight
from edge.schedule import REGISTRY, next_ask_s
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot


class Bundles:
    """Follows the registry."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._failures = 0
        self._kept: str | None = None

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
            if release is not None and self._node.activation.wants(release.revision):
                await self._activate(release)
        except (EdgewiseError, OSError) as error:
            self._failures += 1
            self._node.problems["bundle"] = f"the registry's release is not in use: {error}"
        else:
            self._failures = 0
            self._node.problems.pop("bundle", None)
            await self._keep(release)
        return next_ask_s(REGISTRY, self._failures, self._node.clock.chance())

    async def _keep(self, release: Release | None) -> None:
        """Keeps the release in use for a start without the registry; tried again until it is done."""
        if release is None or release.revision == self._kept:
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
        if not preflight(loaded, snapshot, self._node.request_now()):
            raise NotRunnableError("the engine failed on a trial run of this bundle; its log has the traceback")
        return snapshot
