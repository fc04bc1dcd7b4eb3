"""Which bundle is in use: a pure state machine over revisions, and the pair that requests read.

    release seen -> VERIFIED -> LOADED -> LIVE -> RETIRED
                       |           |
                       +-----------+--> REFUSED (may be tried again), the last good bundle stays live

Who fetches, loads and waits is `edge.tasks.bundles`. A request reads `Live` once, so that bundle and snapshot fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from contracts.errors import EdgewiseError
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot


class NoBundleError(EdgewiseError):
    """No bundle is live on this node yet."""


class Phase(StrEnum):
    """How far a revision has come on this node."""

    VERIFIED = "verified"
    LOADED = "loaded"
    LIVE = "live"
    RETIRED = "retired"
    REFUSED = "refused"


class ActivationError(EdgewiseError):
    """A revision was moved to a phase that does not follow: a bug in the caller."""


_FOLLOWS: dict[Phase | None, frozenset[Phase]] = {
    None: frozenset({Phase.VERIFIED, Phase.REFUSED}),
    Phase.VERIFIED: frozenset({Phase.LOADED, Phase.REFUSED}),
    Phase.LOADED: frozenset({Phase.LIVE, Phase.REFUSED}),
    Phase.LIVE: frozenset({Phase.RETIRED}),
    Phase.RETIRED: frozenset({Phase.VERIFIED, Phase.REFUSED}),
    Phase.REFUSED: frozenset({Phase.VERIFIED, Phase.REFUSED}),
}


@dataclass(frozen=True)
class Activation:
    """The phases of all revisions seen, the live one, and why others were refused. Moves give a new one."""

    live: str | None = None
    phases: Mapping[str, Phase] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)

    def wants(self, revision: str) -> bool:
        """Whether a release of this revision asks for work: it is not the one in use."""
        return revision != self.live

    def verified(self, revision: str) -> "Activation":
        """Its bytes are those that the registry names."""
        return self._moved(revision, Phase.VERIFIED)

    def loaded(self, revision: str) -> "Activation":
        """This engine can run it."""
        return self._moved(revision, Phase.LOADED)

    def activated(self, revision: str) -> "Activation":
        """It is in use from now on; the one before retires. Refusals are history then."""
        moved = self._moved(revision, Phase.LIVE)
        if self.live is not None:
            moved = moved._moved(self.live, Phase.RETIRED)
        return Activation(revision, moved.phases, {})

    def refused(self, revision: str, why: str) -> "Activation":
        """It cannot be used; what is live stays so."""
        moved = self._moved(revision, Phase.REFUSED)
        return Activation(self.live, moved.phases, {**self.refusals, revision: why})

    def _moved(self, revision: str, phase: Phase) -> "Activation":
        before = self.phases.get(revision)
        if phase not in _FOLLOWS[before]:
            raise ActivationError(f"{revision} cannot go from {before or 'unseen'} to {phase}")
        return Activation(self.live, {**self.phases, revision: phase}, self.refusals)


@dataclass(frozen=True, eq=False)
class Live:
    """What one request decides on: a loaded bundle and the snapshot that was made for it."""

    loaded: LoadedBundle
    snapshot: Snapshot
