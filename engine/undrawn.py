"""Why a survivor has no position: the draws of one slot, walked again from recorded values.

In this order: a diversity limit left it out of a position, pins have all positions or the one that it would have, and
else what its policy made of it. Nothing is scored here. Asked for by `engine.absences`, never while deciding.
"""

import dataclasses
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from contracts.explanation import Absence, Absent
from contracts.slots import Diversity
from engine.explore import Drawn, explore, step_over, walk
from engine.loaded import LoadedPolicy, LoadedSlot
from engine.policies.policy import Mask, Values
from engine.rerank import Ranked


class OpenPosition(NamedTuple):
    """A position that no pin took: what was free there, and how likely everything was."""

    position: int
    is_free: Mask
    chances: Values


class Undrawn:
    """The draws of one slot; `taken` are ids that earlier slots of the page show."""

    def __init__(
        self, slot: LoadedSlot, policy: LoadedPolicy, ranked: Ranked, seed: str, taken: Collection[str]
    ) -> None:
        self._slot = slot
        self._policy = policy
        self._ranked = ranked
        self._seed = seed
        self._taken = taken
        self.drawn = self._explored(slot)
        self._open = self._walked()

    def reason(self, index: int) -> Absent:
        """Why this candidate, which no earlier slot shows, is not among what was drawn."""
        diversity = self._slot.spec.diversity
        if diversity is not None and self._is_left_out(index):
            return Absent(reason=Absence.DIVERSITY, told=self._crowded(diversity, index))
        if self._is_displaced(index):
            return Absent(reason=Absence.PINNED, told=f"gave way to what is pinned: {self._pins()}")
        if self._policy.policy.is_certain:
            return Absent(reason=Absence.OUTRANKED, told=f"{self._rank(index)}; {self._room()}")
        likeliest = max(self._open, key=lambda each: each.chances[index])
        chance, where = float(likeliest.chances[index]), f"at position {likeliest.position + 1}"
        if not chance:
            told = f"{self._rank(index)}; policy {self._policy.policy.name} gave it no chance"
            return Absent(reason=Absence.NO_CHANCE, told=told)
        most = ", its highest" if len(self._open) > 1 else ""
        told = f"{self._rank(index)}; it was not drawn, with propensity {chance:.6g} {where}{most}"
        return Absent(reason=Absence.NOT_DRAWN, told=told)

    def _explored(self, slot: LoadedSlot) -> Drawn:
        return explore(slot, self._policy, self._ranked, self._seed, self._taken)

    def _walked(self) -> tuple[OpenPosition, ...]:
        """The same draws, looked at position by position."""
        index_of = {row: index for index, row in enumerate(self._ranked.batch.rows.tolist())}
        step, _ = step_over(self._policy, self._ranked)
        seen: list[OpenPosition] = []

        def choose(position: int, is_free: Mask) -> tuple[int, float]:
            seen.append(OpenPosition(position, is_free.copy(), step(is_free)))
            return index_of[self.drawn.rows[position]], 1.0

        walk(self._slot, self._ranked, self._taken, (None,) * len(self.drawn.rows), choose)
        return tuple(seen)

    def _is_left_out(self, index: int) -> bool:
        """Whether it was barred from a position. Only diversity bars what is not taken, or leaves positions empty."""
        positions = self._slot.kind.positions(self._slot.spec.size)
        return len(self.drawn.rows) < positions or not all(each.is_free[index] for each in self._open)

    def _is_displaced(self, index: int) -> bool:
        """Whether it would be shown without pins: where one stands, if its policy leaves anything to chance."""
        if not self._slot.spec.pins:
            return False
        row = int(self._ranked.batch.rows[index])
        spec = msgspec.structs.replace(self._slot.spec, pins=())
        without = self._explored(dataclasses.replace(self._slot, spec=spec)).rows
        if self._policy.policy.is_certain:
            return row in without
        drawn = {each.position for each in self._open}
        return not drawn or (row in without and without.index(row) not in drawn)

    def _crowded(self, diversity: Diversity, index: int) -> str:
        value = self._ranked.batch.table.columns[diversity.column].value_at(int(self._ranked.batch.rows[index]))
        return f"was left out by diversity: at most {diversity.at_most} of {diversity.column} {value}"

    def _pins(self) -> str:
        ids, drawn = self._ranked.batch.table.ids, {each.position for each in self._open}
        pinned = [(at, ids[row]) for at, row in enumerate(self.drawn.rows) if at not in drawn]
        return ", ".join(f"{item} at position {at + 1}" for at, item in pinned)

    def _rank(self, index: int) -> str:
        """Its value and its place among what no earlier slot shows."""
        ids, values = self._ranked.batch.table.ids, self._ranked.values
        rows = self._ranked.batch.rows.tolist()
        free = [at for at, row in enumerate(rows) if ids[row] not in self._taken]
        order = sorted(free, key=lambda at: (-values[at], at))
        return f"was a candidate with value {values[index]:.6g}, ranked {order.index(index) + 1} of {len(order)}"

    def _room(self) -> str:
        beside = "beside pins " if len(self._open) < len(self.drawn.rows) else ""
        return f"{beside}there was room for {len(self._open) or 'none'}"
