"""Why items are not in one slot's answer: for each exactly one reason, the first that holds.

Found by what decided, on the inputs that the record holds: generators are asked again, earlier slots are looked up on
the page, draws are walked again from the recorded values. Where that does not give what was recorded (values are
masked, say), nothing is told that the trace does not prove.
"""

from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np

from contracts.decision import TIER_OF_CAUSE, Cause, DecisionRequest, Decisions, Tier
from contracts.errors import ExpiredError, RuleError
from contracts.explanation import Absence, Absent
from engine.assign import assign
from engine.explain import not_precomputed, plain_content, proven
from engine.explore import seed_of
from engine.fallback import look_up
from engine.gate import scope_of
from engine.loaded import LoadedBundle
from engine.programs.arrays import quiet
from engine.programs.values import Batch
from engine.rerank import Ranked
from engine.snapshot import Snapshot
from engine.undrawn import Undrawn


class Absences:
    """One slot of a decided page, `at` its place there. `snapshot` holds the visitor, but for what is `masked`."""

    def __init__(
        self,
        loaded: LoadedBundle,
        request: DecisionRequest,
        snapshot: Snapshot,
        result: Decisions,
        at: int,
        masked: Collection[str] = (),
    ) -> None:
        self._decision, self._trace = result.decisions[at], result.traces[at]
        self._slot = loaded.slots[self._decision.slot]
        self._policy = assign(loaded, request).policies.get(self._decision.slot, self._slot.policy)
        self._answer = self._trace.held_out or self._decision.answer
        self._scope = scope_of(request, snapshot, loaded)
        self._table = snapshot.tables[self._slot.spec.table]
        self._seed = seed_of(self._slot, request)
        self._is_masked = bool(masked)
        self._taken = self._shown_before(loaded, result, at) if self._slot.spec.is_deduplicated else {}

    @quiet
    def of(self, item: str) -> Absent | None:
        """Why it is not in the answer; None where it is, and where what decided does not say again what it said."""
        if item in self._decision.answer:
            return None
        if item not in self._table.row_of:
            return Absent(reason=Absence.UNKNOWN, told=f"is no item of table {self._table.name}")
        known = proven(item, self._decision, self._trace)
        if known is not None:
            return self._retold(item, known)
        if self._tier is Tier.FALLBACK:
            return self._not_precomputed(item)
        if item not in self._trace.survivors:
            return self._not_retrieved(item)
        if item in self._taken:
            return self._repeated(item)
        if self._tier is Tier.PLAIN:
            return plain_content(self._decision, self._trace)
        return None if self._undrawn is None else self._undrawn.reason(self._trace.survivors.index(item))

    @cached_property
    def _tier(self) -> Tier:
        """The tier of the answer; of the one that a held-out visitor would have had."""
        if not self._trace.held_out:
            return self._decision.tier
        is_drawn = self._trace.draws or self._undrawn is not None
        return self._trace.scored_tier if is_drawn and self._trace.scored_tier else Tier.FALLBACK

    def _retold(self, item: str, known: Absent) -> Absent:
        """A page out of time has nothing but precomputed answers, of which earlier slots may show all."""
        cause = self._decision.cause
        was_looked_up = known.reason is Absence.PLAIN and cause is not None and TIER_OF_CAUSE[cause] is Tier.FALLBACK
        if was_looked_up and item in self._taken and item in self._listed:
            return self._repeated(item)
        return known

    def _repeated(self, item: str) -> Absent:
        return Absent(reason=Absence.TAKEN, told=f"was taken by slot {self._taken[item]}, earlier on this page")

    def _shown_before(self, loaded: LoadedBundle, result: Decisions, at: int) -> Mapping[str, str]:
        """The slot that shows each item of this table first, among those before this one, as `engine.page` has it."""
        found: dict[str, str] = {}
        for decision, trace in zip(result.decisions[:at], result.traces, strict=False):
            meant = trace.held_out if self._decision.cause is Cause.HOLDOUT else ()
            if loaded.slots[decision.slot].spec.table == self._slot.spec.table:
                found = {**dict.fromkeys(meant or decision.answer, decision.slot), **found}
        return found

    @cached_property
    def _listed(self) -> tuple[str, ...]:
        """The precomputed answer; none where what is masked may have chosen it."""
        table = self._slot.fallback
        is_unsure = self._is_masked and table is not None and bool(table.keys)
        return () if is_unsure else look_up(self._slot, self._scope)

    def _not_precomputed(self, item: str) -> Absent | None:
        listed = self._listed
        gone = self._taken.keys() | self._trace.blockers.keys()
        free = [each for each in listed if each in self._table.row_of and each not in gone]
        room = self._slot.kind.positions(self._slot.spec.size)
        if tuple(free[:room]) != self._answer:
            return None
        if item not in listed:
            return not_precomputed(self._decision)
        if item in self._taken:
            return self._repeated(item)
        told = f"stands at place {listed.index(item) + 1} of the precomputed answer; there was room for {room}"
        return Absent(reason=Absence.OUTRANKED, told=told)

    def _not_retrieved(self, item: str) -> Absent | None:
        """Nothing can have been cut from fewer candidates than the slot takes."""
        most, trace = self._slot.spec.cap_candidates, self._trace
        is_cut = len(trace.survivors) + len(trace.blockers) >= most
        finders = self._finders(item) if is_cut else ()
        if finders is None:
            return None
        if not finders:
            return Absent(reason=Absence.NOT_RETRIEVED, told="was retrieved by no generator")
        told = f"was retrieved by {', '.join(finders)} and cut: the slot takes at most {most} candidates"
        return Absent(reason=Absence.CUT, told=told)

    def _finders(self, item: str) -> tuple[str, ...] | None:
        """The generators that give an item; None where they do not give what they gave."""
        generated: dict[str, int] = {}
        finders: list[str] = []
        for generator in self._slot.generators:
            try:
                rows = generator.rows(self._scope, self._table)
            except ExpiredError:
                rows = np.zeros(0, dtype=np.int64)
            except RuleError:
                return None
            generated[generator.name] = len(rows)
            if self._table.row_of[item] in rows:
                finders.append(generator.name)
        return None if self._is_masked or generated != self._trace.generated else tuple(finders)

    @cached_property
    def _undrawn(self) -> Undrawn | None:
        """The draws again; None where they come out otherwise, or might by what is masked."""
        trace = self._trace
        if not trace.values or (self._is_masked and self._policy.weights is not None):
            return None
        rows = np.array([self._table.row_of[name] for name in trace.survivors], dtype=np.int64)
        ranked = Ranked(Batch(self._scope, self._table, rows), np.array(trace.values, dtype=np.float64))
        again = Undrawn(self._slot, self._policy, ranked, self._seed, self._taken.keys())
        drawn = tuple(self._table.ids[row] for row in again.drawn.rows)
        return again if (drawn, again.drawn.draws) == (self._answer, trace.draws) else None
