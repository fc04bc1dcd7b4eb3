"""What a page has so far: decisions, traces, and which items its slots show, so that later slots can avoid them.

A held-out slot shows plain content, but its counterfactual goes by what its page would have shown otherwise.
"""

from collections import defaultdict

from contracts.decision import Decision, Decisions, TimeOut, Trace
from engine.loaded import LoadedSlot
from engine.turn import Turn


class Page:
    """Grows slot by slot, in page order."""

    def __init__(self) -> None:
        self._decisions: list[Decision] = []
        self._traces: list[Trace] = []
        self._shown: dict[str, set[str]] = defaultdict(set)
        self._meant: dict[str, set[str]] = defaultdict(set)

    def taken(self, slot: LoadedSlot, is_held_out: bool) -> frozenset[str]:
        """Ids of the slot's table that a de-duplicated slot must not repeat."""
        if not slot.spec.is_deduplicated:
            return frozenset()
        earlier = self._meant if is_held_out else self._shown
        return frozenset(earlier[slot.spec.table])

    def show(self, turn: Turn, decision: Decision) -> None:
        """Adds a decision that the visitor gets."""
        self._shown[turn.slot.spec.table].update(decision.answer)
        self._meant[turn.slot.spec.table].update(decision.answer)
        self._decisions.append(decision)
        self._traces.append(turn.trace(()))

    def withhold(self, turn: Turn, meant: Decision, plain: Decision) -> None:
        """Adds the plain decision of a held-out slot, and keeps what it would have been."""
        self._meant[turn.slot.spec.table].update(meant.answer)
        self._decisions.append(plain)
        self._traces.append(turn.trace(meant.answer))

    def decisions(self, assignments: dict[str, str], timed_out_at: TimeOut | None) -> Decisions:
        """The finished page."""
        return Decisions(
            decisions=tuple(self._decisions),
            traces=tuple(self._traces),
            assignments=assignments,
            timed_out_at=timed_out_at,
        )
