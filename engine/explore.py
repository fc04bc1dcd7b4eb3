"""Explore: draws the answer, position by position, and keeps the exact propensity of each draw.

Position k is drawn among the items that are feasible given the prefix: not yet taken on this page, not reserved by a
pin, within the diversity limit. Pins hold their position; when nothing else is left they move up. A shadow policy walks
the same positions under the same masks and numbers u, and is only logged.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.decision import DecisionRequest, Draw, Shadow
from contracts.features import Status
from contracts.slots import Sticky
from engine import hashing
from engine.fallback import key_text
from engine.loaded import LoadedPolicy, LoadedSlot
from engine.policies import Field, LoadedWeights, Step, picked, read_weights
from engine.programs.values import Batch
from engine.rerank import Ranked

_UNITS = tuple(reversed(Sticky))  # widest first
_Choose: TypeAlias = Callable[[int, NDArray[np.float64]], int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of the answer in order, how each was drawn, and the propensity of the whole; None: no policy drew.

    `problem` says what of a policy's own inputs could not be used.
    """

    rows: tuple[int, ...]
    draws: tuple[Draw, ...] = ()
    propensity: float | None = None
    problem: str = ""


def explore(slot: LoadedSlot, policy: LoadedPolicy, ranked: Ranked, seed: str, taken: Collection[str]) -> Drawn:
    """Draws the answer; `taken` are ids that earlier slots of the page show. Empty when nothing is feasible."""
    numbers = _numbers(slot, seed)

    def by_number(position: int, chances: NDArray[np.float64]) -> int:
        return int(picked(chances, numbers[position]))

    return _walk(slot, policy, ranked, taken, numbers, by_number)


def shadow(slot: LoadedSlot, ranked: Ranked, seed: str, taken: Collection[str], served: Drawn) -> Shadow | None:
    """What the slot's shadow policy, if any, would have shown instead, and how likely it was to show the same."""
    if slot.shadow is None:
        return None
    meant = explore(slot, slot.shadow, ranked, seed, taken)
    index_of = {row: index for index, row in enumerate(ranked.batch.rows.tolist())}
    again = _walk(
        slot, slot.shadow, ranked, taken, _numbers(slot, seed), lambda position, _: index_of[served.rows[position]]
    )
    return Shadow(
        policy=slot.shadow.policy.name,
        answer=tuple([ranked.batch.table.ids[row] for row in meant.rows]),
        draws=meant.draws,
        propensity=meant.propensity,
        of_served=again.propensity,
    )


def seed_of(slot: LoadedSlot, request: DecisionRequest) -> str:
    """What makes a reloaded page show the same: the pseudonym of the slot's scope, or of the next narrower one."""
    scopes = _UNITS[_UNITS.index(slot.spec.sticky) :]
    return next((request.units[scope] for scope in scopes if scope in request.units), request.request_id)


def _numbers(slot: LoadedSlot, seed: str) -> tuple[float, ...]:
    positions = range(slot.kind.positions(slot.spec.size))
    return tuple([hashing.draw(seed, slot.spec.name, position) for position in positions])


def _walk(
    slot: LoadedSlot,
    policy: LoadedPolicy,
    ranked: Ranked,
    taken: Collection[str],
    numbers: tuple[float, ...],
    choose: _Choose,
) -> Drawn:
    """Fills position after position: with its pin, else with what is chosen by the policy's propensities."""
    feasible = _Feasible(slot, ranked, taken)
    step, problem = _step(policy, ranked)
    rows: list[int] = []
    draws: list[Draw] = []
    for position, u in enumerate(numbers):
        index, chance = feasible.pin_at(position), 1.0
        is_pinned = index is not None
        if index is None:
            if not feasible.is_free.any():
                break
            chances = step(feasible.is_free)
            index = choose(position, chances)
            chance = float(chances[index])
        feasible.take(index)
        rows.append(int(ranked.batch.rows[index]))
        draws.append(Draw(u=u, item=ranked.batch.table.ids[rows[-1]], propensity=chance, is_pinned=is_pinned))
    return Drawn(tuple(rows), *_stated(slot, draws), problem)


def _stated(slot: LoadedSlot, draws: list[Draw]) -> tuple[tuple[Draw, ...], float | None]:
    """The draws as they are logged, and the product of their propensities where a policy drew."""
    if not slot.kind.is_drawn:
        return (), None
    propensity = 1.0
    for draw in draws:
        propensity *= draw.propensity
    return tuple(draws), None if all(draw.is_pinned for draw in draws) else propensity


def _step(policy: LoadedPolicy, ranked: Ranked) -> tuple[Step, str]:
    """The policy over these candidates, and what of its column could not be used."""
    weights, problem = np.zeros(len(ranked.values)), ""
    if policy.weights is not None:
        weights, unusable = read_weights(policy.weights, ranked.batch, _key(policy.weights, ranked.batch))
        if unusable:
            what = f"{unusable} of {len(weights)} candidates have no usable {policy.weights.spec.column}"
            problem = f"policy {policy.policy.name}: {what}"
    return policy.policy.over(Field(ranked.values, weights), policy.params), problem


def _key(weights: LoadedWeights, batch: Batch) -> str:
    by = weights.spec.by
    return weights.default if by is None or by not in batch.scope.request else key_text(batch.scope.request[by])


class _Feasible:
    """Which candidates are feasible, given what was drawn before. A pin counts from the start, at its position."""

    def __init__(self, slot: LoadedSlot, ranked: Ranked, taken: Collection[str]) -> None:
        row_of = ranked.batch.table.row_of
        rows = [row_of[name] for name in taken if name in row_of]
        self.is_free = ~np.isin(ranked.batch.rows, rows)
        self._group_of = _groups(slot, ranked)
        self._room: dict[int, int] = {}
        self._at_most = slot.spec.diversity.at_most if slot.spec.diversity else 0
        self._pins: dict[int, int] = {}
        for position, index in _pins(slot, ranked):
            if self.is_free[index] and position not in self._pins:
                self._pins[position] = index
                self._use(index)

    def pin_at(self, position: int) -> int | None:
        """The pin that this position gets: its own, or the next when nothing is free; None: it is drawn."""
        if not self._pins or (position not in self._pins and self.is_free.any()):
            return None
        return self._pins[position if position in self._pins else min(self._pins)]

    def take(self, index: int) -> None:
        """Notes that this candidate has its position."""
        if index in self._pins.values():
            self._pins = {position: pinned for position, pinned in self._pins.items() if pinned != index}
        else:
            self._use(index)

    def _use(self, index: int) -> None:
        self.is_free[index] = False
        group = -1 if self._group_of is None else int(self._group_of[index])
        if group < 0 or self._group_of is None:
            return
        self._room[group] = self._room.get(group, self._at_most) - 1
        if self._room[group] <= 0:
            self.is_free[self._group_of == group] = False


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
