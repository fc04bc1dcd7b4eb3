"""One slot's turn on a page: what its stages read, what they note for the trace, when time is out, what failing means.

The mapping from errors to causes, and from causes to the next tier, stands here and in `contracts.decision` alone.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from contracts.decision import TIER_OF_CAUSE, Cause, DecisionRequest, Draw, Shadow, Stage, Tier, TimeOut, Trace
from contracts.errors import DecisionError, ExpiredError, MissingError, RuleError
from engine.guard import Guarded
from engine.loaded import LoadedPolicy, LoadedSlot
from engine.programs.values import Batch, Scope
from engine.rerank import Ranked
from engine.retrieve import Retrieved
from engine.score import NoModelError, Scored
from engine.snapshot import Snapshot, Table

OutOfTime = Callable[[str, Stage], bool]
Score = Callable[[LoadedSlot, Tier, Batch], Scored]
_PRECEDENCE = {cause: place for place, cause in enumerate(Cause)}
_TIERS = tuple(Tier)


class RefusedError(DecisionError):
    """A tier cannot answer, for a cause that no rule or model is to blame for."""

    def __init__(self, cause: Cause, message: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class Time:
    """Asks whether time is out: each check at most once, and none after the first that says so.

    So one recorded check replays them all. A request that enters out of time asks nothing. `cause` is set once time is
    out.
    """

    def __init__(self, request: DecisionRequest, out_of_time: OutOfTime) -> None:
        self._ask = out_of_time
        self._asked: dict[str, list[Stage]] = defaultdict(list)
        self.cause: Cause | None = None
        self.timed_out_at: TimeOut | None = None
        if request.is_overloaded or request.is_retry:
            self.cause = Cause.OVERLOAD if request.is_overloaded else Cause.INTERNAL_ERROR

    def check(self, slot: str, stage: Stage) -> None:
        """Raises `RefusedError` when no time is left for this stage."""
        if self.cause is None:
            asked = self._asked[slot]
            if stage in asked:
                return
            asked.append(stage)
            if not self._ask(slot, stage):
                return
            self.cause, self.timed_out_at = Cause.LATE, TimeOut(slot=slot, stage=stage)
        raise RefusedError(self.cause)


class Notes(Struct, eq=False):
    """What the stages of one turn leave for the trace, and why tiers failed. `batch` holds the survivors once known."""

    generated: dict[str, int] = field(default_factory=dict)
    blockers: dict[str, str] = field(default_factory=dict)
    batch: Batch | None = None
    expired: ExpiredError | None = None
    ranked: Ranked | None = None
    scored_tier: Tier | None = None
    draws: tuple[Draw, ...] = ()
    shadow: Shadow | None = None
    causes: list[Cause] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def cause(self) -> Cause | None:
        """The cause of highest precedence among all that were met."""
        return min(self.causes, key=_PRECEDENCE.__getitem__, default=None)

    def candidates(self, retrieved: Retrieved, guarded: Guarded) -> None:
        """Retrieve and guard are done."""
        self.generated, self.expired = retrieved.generated, retrieved.expired or guarded.expired
        self.batch = guarded.batch
        self.blockers.update(guarded.blockers)
        self._met(str(self.expired or ""))

    def reranked(self, tier: Tier, ranked: Ranked) -> Ranked:
        """Score and rerank are done, for this tier."""
        self.ranked, self.scored_tier = ranked, tier
        return ranked

    def drawn(self, draws: tuple[Draw, ...], problem: str, shadow: Shadow | None) -> None:
        """Explore is done."""
        self.draws, self.shadow = draws, shadow
        self._met(problem)

    def rendered(self, problem: str) -> None:
        """Render is done."""
        self._met(problem)

    def failed(self, tier: Tier, error: DecisionError) -> Tier:
        """A tier gave no answer: notes why, and names the tier to try next."""
        cause = cause_of(error)
        wanted = TIER_OF_CAUSE[cause]
        if isinstance(error, ExpiredError) and error.is_blocking:
            wanted = Tier.PLAIN
        self.causes.append(cause)
        self._met(str(error))
        self.draws, self.shadow = (), None
        return _TIERS[max(_TIERS.index(tier) + 1, _TIERS.index(wanted))]

    def _met(self, problem: str) -> None:
        if problem and problem not in self.problems:
            self.problems.append(problem)


class Turn(Struct, frozen=True, eq=False):
    """Everything the stages of one slot read. `taken` are ids that earlier slots of the page show; `score` is the
    stage of that name, or what stands in for it in a replay.
    """

    slot: LoadedSlot
    policy: LoadedPolicy
    request: DecisionRequest
    scope: Scope
    snapshot: Snapshot
    time: Time
    taken: frozenset[str]
    score: Score
    notes: Notes = field(default_factory=Notes)

    @property
    def table(self) -> Table:
        """The slot's candidate table, as of this snapshot."""
        return self.snapshot.tables[self.slot.spec.table]

    def check(self, stage: Stage) -> None:
        """Raises `RefusedError` when no time is left for this stage."""
        self.time.check(self.slot.spec.name, stage)

    def failed(self, tier: Tier, error: DecisionError) -> Tier:
        """A tier gave no answer: notes why, that time is out if it is, and names the tier to try next."""
        if self.time.cause is not None:
            self.notes.causes.append(self.time.cause)
        return self.notes.failed(tier, error)

    def trace(self, held_out: tuple[str, ...]) -> Trace:
        """What operators and replays see of this turn."""
        notes, ids = self.notes, self.table.ids
        scored = None if notes.ranked is None else notes.ranked.batch.score
        return Trace(
            slot=self.slot.spec.name,
            generated=notes.generated,
            blockers=notes.blockers,
            survivors=() if notes.batch is None else tuple([ids[row] for row in notes.batch.rows.tolist()]),
            scores=() if scored is None else tuple(scored.tolist()),
            other_scores={} if notes.ranked is None else _tuples(notes.ranked.others),
            values=() if notes.ranked is None else tuple(notes.ranked.values.tolist()),
            terms={} if notes.ranked is None else _tuples(notes.ranked.terms),
            scored_tier=notes.scored_tier,
            draws=notes.draws,
            boost_errors=0 if notes.ranked is None else notes.ranked.boost_errors,
            problem="; ".join(notes.problems),
            shadow=notes.shadow,
            held_out=held_out,
        )


def _tuples(arrays: Mapping[str, NDArray[np.float64]]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(values.tolist()) for name, values in arrays.items()}


def cause_of(error: DecisionError) -> Cause:
    """The cause that stands for an error."""
    match error:
        case RefusedError():
            return error.cause
        case NoModelError():
            return Cause.NO_MODEL
        case ExpiredError():
            return Cause.EXPIRED_FEATURE
        case MissingError():
            return Cause.MISSING_FEATURE
        case RuleError():
            return Cause.RULE_ERROR
        case _:
            return Cause.SCORING_ERROR
