"""Explore: draws the answer, position by position, and keeps the exact propensity of each draw.

Position k is drawn among the items that are feasible given the prefix: not yet taken on this page, not reserved by a
pin, within the diversity limit. Pins hold their position; when nothing else is left they move up.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.decision import DecisionRequest, Draw
from contracts.features import Status
from contracts.slots import Sticky
from engine import hashing
from engine.loaded import LoadedPolicy, LoadedSlot
from engine.rerank import Ranked


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of the answer in order, how each was drawn, and the propensity of the whole; None: no policy drew."""

    rows: tuple[int, ...]
    draws: tuple[Draw, ...] = ()
    propensity: float | None = None


def explore(slot: LoadedSlot, policy: LoadedPolicy, ranked: Ranked, seed: str, taken: Collection[str]) -> Drawn:
    """Draws the answer; `taken` are ids that earlier slots of the page show. Empty when nothing is feasible."""
    feasible_items = _Feasible(slot, ranked, taken)
    table = ranked.batch.table
    rows: list[int] = []
    draws: list[Draw] = []
    propensity = 1.0
    for position in range(slot.kind.positions(slot.spec.size)):
        feasible = feasible_items.at(position)
        if not feasible.any():
            break
        u = hashing.draw(seed, slot.spec.name, position)
        index, chance = _draw(policy, ranked.values, feasible, u)
        feasible_items.take(index)
        row = int(ranked.batch.rows[index])
        rows.append(row)
        draws.append(Draw(u=u, item=table.ids[row], propensity=chance))
        propensity *= chance
    if not slot.kind.is_drawn or not rows:
        return Drawn(tuple(rows))
    return Drawn(tuple(rows), tuple(draws), propensity)


def seed_of(slot: LoadedSlot, request: DecisionRequest) -> str:
    """What makes a reloaded page show the same: the visitor, the visit or, without these, the request."""
    if slot.spec.sticky is Sticky.REQUEST:
        return request.request_id
    return request.units.get(slot.spec.sticky, request.request_id)


def _draw(
    policy: LoadedPolicy, values: NDArray[np.float64], feasible: NDArray[np.bool_], u: float
) -> tuple[int, float]:
    chances = policy.policy.propensities(values, feasible, policy.params)
    upper = np.add.accumulate(chances)  # sequential, unlike np.sum
    index = int(np.searchsorted(upper, u, side="right"))
    if index == len(upper):  # rounding left the sum a hair below one
        index = int(np.flatnonzero(chances)[-1])
    return index, float(chances[index])


class _Feasible:
    """Which candidates are feasible, given what was drawn before. A pin counts from the start, at its position."""

    def __init__(self, slot: LoadedSlot, ranked: Ranked, taken: Collection[str]) -> None:
        row_of = ranked.batch.table.row_of
        rows = [row_of[name] for name in taken if name in row_of]
        self._is_free = ~np.isin(ranked.batch.rows, rows)
        self._group_of = _groups(slot, ranked)
        self._room: dict[int, int] = {}
        self._at_most = slot.spec.diversity.at_most if slot.spec.diversity else 0
        self._pins: dict[int, int] = {}
        for position, index in _pins(slot, ranked):
            if self._is_free[index] and position not in self._pins:
                self._pins[position] = index
                self._use(index)

    def at(self, position: int) -> NDArray[np.bool_]:
        """The mask of this position: its pin alone, else what is free, else the next pin."""
        if position not in self._pins and (self._is_free.any() or not self._pins):
            return self._is_free
        only = np.zeros(len(self._is_free), dtype=np.bool_)
        only[self._pins[position if position in self._pins else min(self._pins)]] = True
        return only

    def take(self, index: int) -> None:
        """Notes that this candidate was drawn."""
        if index in self._pins.values():
            self._pins = {position: pinned for position, pinned in self._pins.items() if pinned != index}
        else:
            self._use(index)

    def _use(self, index: int) -> None:
        self._is_free[index] = False
        group = -1 if self._group_of is None else int(self._group_of[index])
        if group < 0 or self._group_of is None:
            return
        self._room[group] = self._room.get(group, self._at_most) - 1
        if self._room[group] <= 0:
            self._is_free[self._group_of == group] = False


def _pins(slot: LoadedSlot, ranked: Ranked) -> list[tuple[int, int]]:
    """Position and index of each pin that is among the survivors, by position."""
    index_of = {row: index for index, row in enumerate(ranked.batch.rows.tolist())} if slot.spec.pins else {}
    rows = [(pin.position, ranked.batch.table.row_of[pin.item]) for pin in slot.spec.pins]
    positions = slot.kind.positions(slot.spec.size)
    return sorted((position, index_of[row]) for position, row in rows if row in index_of and position < positions)


def _groups(slot: LoadedSlot, ranked: Ranked) -> NDArray[np.int64] | None:
    """The group of each candidate under the diversity limit; -1 where the column cannot be read. None: no limit."""
    if slot.spec.diversity is None:
        return None
    batch = ranked.batch
    column = batch.table.columns[slot.spec.diversity.column]
    _, groups = np.unique(column.values[batch.rows], return_inverse=True)
    if column.status is not None:
        groups = np.where(column.status[batch.rows] > Status.DEFAULT, -1, groups)
    if column.as_of is not None:
        groups = np.where(column.as_of[batch.rows] > batch.scope.now, -1, groups)
    return groups
