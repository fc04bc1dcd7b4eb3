"""Explore: draws the answer, position by position, and keeps the exact propensity of each draw.

Position k is drawn among the items that are feasible given the prefix: not yet taken on this page, not reserved by a
pin, within the diversity limit. Pins hold their position; when nothing else is left they move up. A shadow policy walks
the same positions under the same masks and numbers u, and is only logged.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contracts.decision import DecisionRequest, Draw, Shadow
from contracts.slots import Sticky
from engine import hashing
from engine.column import Array
from engine.fallback import key_text
from engine.loaded import LoadedPolicy, LoadedSlot
from engine.policies import Field, LoadedWeights, Step, picked, read_weights
from engine.programs.gathering import unreadable
from engine.programs.values import Batch
from engine.rerank import Ranked
from engine.snapshot import Table

_UNITS = tuple(reversed(Sticky))  # widest first
_Choose: TypeAlias = Callable[[int, NDArray[np.bool_]], tuple[int, float]]  # what a position gets, and how likely


class Drawn(Struct, frozen=True):
    """The rows of the answer in order, how each was drawn, and the propensity of the whole; None: no policy drew.

    `problem` says what of a policy's own inputs could not be used.
    """

    rows: tuple[int, ...]
    draws: tuple[Draw, ...] = ()
    propensity: float | None = None
    problem: str = ""


def explore(slot: LoadedSlot, policy: LoadedPolicy, ranked: Ranked, seed: str, taken: Collection[str]) -> Drawn:
    """Draws the answer; `taken` are ids that earlier slots of the page show. Empty when nothing is feasible."""
    if policy.policy.is_certain:
        return _best(slot, ranked, taken)
    numbers = _numbers(slot, seed)
    step, problem = step_over(policy, ranked)

    def choose(position: int, is_free: NDArray[np.bool_]) -> tuple[int, float]:
        chances = step(is_free)
        index = int(picked(chances, numbers[position]))
        return index, float(chances[index])

    return walk(slot, ranked, taken, numbers, choose, problem)


def shadow(slot: LoadedSlot, ranked: Ranked, seed: str, taken: Collection[str], served: Drawn) -> Shadow | None:
    """What the slot's shadow policy, if any, would have shown instead, and how likely it was to show the same."""
    if slot.shadow is None:
        return None
    meant = explore(slot, slot.shadow, ranked, seed, taken)
    index_of = {row: index for index, row in enumerate(ranked.batch.rows.tolist())}
    step, _ = step_over(slot.shadow, ranked)

    def choose(position: int, is_free: NDArray[np.bool_]) -> tuple[int, float]:
        index = index_of[served.rows[position]]
        return index, float(step(is_free)[index])

    return Shadow(
        policy=slot.shadow.policy.name,
        answer=tuple([ranked.batch.table.ids[row] for row in meant.rows]),
        draws=meant.draws,
        propensity=meant.propensity,
        of_served=walk(slot, ranked, taken, _numbers(slot, seed), choose).propensity,
    )


def with_pins(slot: LoadedSlot, table: Table, rows: Sequence[int]) -> list[int]:
    """The first of these rows, as many as the slot shows, those that are pinned at their position or else last."""
    pins = sorted((pin.position, table.row_of[pin.item]) for pin in slot.spec.pins)
    pinned = {row for _, row in pins}
    placed = [row for row in rows if row not in pinned]
    for position, row in pins:
        if row in rows:
            placed.insert(position, row)
    return placed[: slot.kind.positions(slot.spec.size)]


def seed_of(slot: LoadedSlot, request: DecisionRequest) -> str:
    """What makes a reloaded page show the same: the pseudonym of the slot's scope, or of the next narrower one."""
    for unit in _UNITS[_UNITS.index(slot.spec.sticky) :]:
        if unit in request.units:
            return request.units[unit]
    return request.request_id


def _numbers(slot: LoadedSlot, seed: str) -> tuple[float, ...]:
    return hashing.draws(seed, slot.spec.name, slot.kind.positions(slot.spec.size))


def _best(slot: LoadedSlot, ranked: Ranked, taken: Collection[str]) -> Drawn:
    """The best of what is free at each position, ties by id: nothing is left to chance."""
    order, positions = (-ranked.values).argsort(kind="stable"), slot.kind.positions(slot.spec.size)
    if slot.spec.pins or slot.spec.diversity is not None:
        return walk(slot, ranked, taken, (None,) * positions, _first_free(order))
    if taken:
        order = order[_is_free(ranked.batch, taken)[order]]
    rows = ranked.batch.rows.take(order[:positions]).tolist()
    if not rows or not slot.kind.is_drawn:
        return Drawn(tuple(rows))
    ids = ranked.batch.table.ids
    return Drawn(tuple(rows), tuple([Draw(None, ids[row], 1.0) for row in rows]), 1.0)


def _first_free(order: NDArray[np.int64]) -> _Choose:
    """The first in this order that is free. What was free once and is not now never is again."""
    ahead = iter(order.tolist())

    def choose(_: int, is_free: NDArray[np.bool_]) -> tuple[int, float]:
        for index in ahead:
            if is_free[index]:
                break
        return index, 1.0

    return choose


def walk(
    slot: LoadedSlot,
    ranked: Ranked,
    taken: Collection[str],
    numbers: Sequence[float | None],
    choose: _Choose,
    problem: str = "",
) -> Drawn:
    """Fills position after position: with its pin, else with what is chosen."""
    feasible = _Feasible(slot, ranked, taken)
    rows_of, ids = ranked.batch.rows, ranked.batch.table.ids
    rows: list[int] = []
    draws: list[Draw] = []
    for position, u in enumerate(numbers):
        index, chance = feasible.pin_at(position), 1.0
        is_pinned = index is not None
        if index is None:
            if not feasible.has_any():
                break
            index, chance = choose(position, feasible.is_free)
        feasible.take(index)
        row = int(rows_of[index])
        rows.append(row)
        draws.append(Draw(u=None if is_pinned else u, item=ids[row], propensity=chance, is_pinned=is_pinned))
    return Drawn(tuple(rows), *_stated(slot, draws), problem)


def _stated(slot: LoadedSlot, draws: list[Draw]) -> tuple[tuple[Draw, ...], float | None]:
    """The draws as they are logged, and the product of their propensities where a policy drew."""
    if not slot.kind.is_drawn:
        return (), None
    propensity = math.prod([draw.propensity for draw in draws], start=1.0)
    return tuple(draws), None if all([draw.is_pinned for draw in draws]) else propensity


def step_over(policy: LoadedPolicy, ranked: Ranked) -> tuple[Step, str]:
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
        self.is_free = _is_free(ranked.batch, taken)
        self._group_of = _groups(slot, ranked)
        self._room: dict[int | float, int] = {}
        self._at_most = slot.spec.diversity.at_most if slot.spec.diversity else 0
        self._pins: dict[int, int] = {}
        for position, index in _pins(slot, ranked) if slot.spec.pins else ():
            if self.is_free[index] and position not in self._pins:
                self._pins[position] = index
                self._use(index)

    def has_any(self) -> bool:
        """Whether anything is left to draw from."""
        return bool(np.count_nonzero(self.is_free))

    def pin_at(self, position: int) -> int | None:
        """The pin that this position gets: its own, or the next when nothing is free; None: it is drawn."""
        if not self._pins or (position not in self._pins and self.has_any()):
            return None
        return self._pins[position if position in self._pins else min(self._pins)]

    def take(self, index: int) -> None:
        """Notes that this candidate has its position."""
        if self._pins and index in self._pins.values():
            self._pins = {position: pinned for position, pinned in self._pins.items() if pinned != index}
        else:
            self._use(index)

    def _use(self, index: int) -> None:
        self.is_free[index] = False
        if self._group_of is None:
            return
        groups, is_grouped = self._group_of
        if is_grouped is not None and not is_grouped[index]:
            return
        group = groups[index].item()
        self._room[group] = self._room.get(group, self._at_most) - 1
        if self._room[group] <= 0:
            same = groups == group
            self.is_free[same if is_grouped is None else same & is_grouped] = False


def _is_free(batch: Batch, taken: Collection[str]) -> NDArray[np.bool_]:
    """Which candidates no earlier slot shows."""
    if not taken:
        return np.ones(len(batch.rows), dtype=np.bool_)
    row_of = batch.table.row_of
    return np.isin(batch.rows, [row_of[name] for name in taken if name in row_of], invert=True)


def _pins(slot: LoadedSlot, ranked: Ranked) -> list[tuple[int, int]]:
    """Position and index of each pin that is among the survivors, by position."""
    index_of = {row: index for index, row in enumerate(ranked.batch.rows.tolist())}
    rows = [(pin.position, ranked.batch.table.row_of[pin.item]) for pin in slot.spec.pins]
    positions = slot.kind.positions(slot.spec.size)
    return sorted((position, index_of[row]) for position, row in rows if row in index_of and position < positions)


def _groups(slot: LoadedSlot, ranked: Ranked) -> tuple[Array, NDArray[np.bool_] | None] | None:
    """What the diversity limit groups by, and whether it can be read (None: all of it). None: there is no limit."""
    if slot.spec.diversity is None:
        return None
    batch = ranked.batch
    column = batch.table.columns[slot.spec.diversity.column]
    errors = unreadable(column, batch.rows, batch.scope.now)
    groups: Array = column.values.take(batch.rows)
    if groups.dtype == np.float64:  # NaN is unlike itself, and yet one group
        _, groups = np.unique(groups, return_inverse=True)
    return groups, None if errors is None else np.logical_not(errors)
