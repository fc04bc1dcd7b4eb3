"""Guard: which ITEMS must not be shown. Hard constraints over candidates, in every tier, on precomputed answers too.

A guardrail that cannot be evaluated blocks, each candidate for itself: where it reads a feature that expired and then
ends tier `model`, what it needs not for is let through, and no model decides. Each dropped candidate records its first
blocker: the guardrails in their declared order, then the caps (`cap:<name>`).
"""

from collections.abc import Iterable
from functools import partial
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contracts.errors import ExpiredError, RuleError
from engine.caps import Exposures, over
from engine.loaded import LoadedGuard, LoadedSlot, Rows
from engine.programs.values import Batch, Computed, Scope
from engine.snapshot import Table

_Places: TypeAlias = NDArray[np.int16]
_NO_EXPOSURES: Exposures = {}


class Guarded(Struct, frozen=True, eq=False):
    """The candidates that may be shown, and by what each of the others was blocked first.

    `expired` is set when a guardrail met an expired feature that ends tier `model`.
    """

    batch: Batch
    blockers: dict[str, str]
    expired: ExpiredError | None = None


def guard(slot: LoadedSlot, batch: Batch, exposures: Exposures = _NO_EXPOSURES) -> Guarded:
    """Applies guardrails and caps. Raises `ExpiredError` when a feature expired that makes the slot plain."""
    first, expired = _first_blockers(slot, batch)
    blockers: dict[str, str] = {}
    blocked = (first < len(slot.guards)).nonzero()[0]
    if len(blocked):
        ids, pairs = batch.table.ids, zip(batch.rows.take(blocked).tolist(), first.take(blocked).tolist(), strict=True)
        blockers = {ids[row]: slot.guards[at].name for row, at in pairs}
        batch = batch.where(first == len(slot.guards))
    return Guarded(_capped(slot, batch, blockers, exposures) if slot.caps else batch, blockers, expired)


def item_guards(slot: LoadedSlot, scope: Scope, table: Table, rows: Rows) -> _Places:
    """Which guardrail reading the item alone blocks each row first, by its place in the slot.

    Where none does, the number of guardrails.
    """
    make = partial(_first_of_items, slot, scope, table)
    return table.by_row(f"guards of {slot.spec.name}", slot.guard_reads, scope.now, rows, make)


def held_by(computed: Computed) -> NDArray[np.bool_]:
    """Where a condition holds; where it is in error, it does not."""
    held: NDArray[np.bool_] = computed.values.astype(np.bool_, copy=False)
    return held if computed.errors is None else held & ~computed.errors


def _first_blockers(slot: LoadedSlot, batch: Batch) -> tuple[_Places, ExpiredError | None]:
    """The place of each candidate's first blocker. All guardrails are asked of all: a few rows more cost little."""
    first = item_guards(slot, batch.scope, batch.table, batch.rows)
    expired: ExpiredError | None = None
    for at, rule in enumerate(slot.guards):
        if rule.item_reads is None:
            try:
                held = held_by(rule.run(batch))
            except ExpiredError:
                held, met = _held_ahead(rule, batch, first > at)
                expired = expired or met
            if np.count_nonzero(held) < len(held):
                np.copyto(first, at, where=np.logical_not(held) & (first > at))
    return first, expired


def _first_of_items(slot: LoadedSlot, scope: Scope, table: Table, rows: Rows) -> _Places:
    first = np.full(len(rows), len(slot.guards), dtype=np.int16)
    batch = Batch(scope, table, rows)
    for at, rule in enumerate(slot.guards):
        if rule.item_reads is not None:
            np.copyto(first, at, where=np.logical_not(held_by(rule.run(batch))) & (first > at))
    return first


def _held_ahead(
    rule: LoadedGuard, batch: Batch, is_ahead: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], ExpiredError | None]:
    """Where a guardrail holds, asked only of candidates that nothing blocked before it: others need no value."""
    ahead, expired = Batch(batch.scope, batch.table, batch.rows[is_ahead]), None
    try:
        some = held_by(rule.run(ahead))
    except ExpiredError as error:
        some, expired = _held_each(rule, ahead), error
    held = np.zeros(len(batch.rows), dtype=np.bool_)
    held[is_ahead] = some
    return held, expired


def _held_each(rule: LoadedGuard, batch: Batch) -> NDArray[np.bool_]:
    """Where a guardrail holds that met an expired feature: asked of each candidate, for it may not need the feature."""
    scopes = (batch.scope.at(batch.table, row) for row in batch.rows.tolist())
    return np.array([_holds(rule, scope) for scope in scopes], dtype=np.bool_)


def _holds(rule: LoadedGuard, scope: Scope) -> bool:
    try:
        return bool(rule.each(scope))
    except ExpiredError as error:
        if error.is_blocking:
            raise
        return False
    except RuleError:
        return False


def _capped(slot: LoadedSlot, batch: Batch, blockers: dict[str, str], exposures: Exposures) -> Batch:
    table = batch.table
    for cap in slot.caps:
        full = over(cap, batch.scope, exposures)
        is_over = np.isin(batch.rows, batch.rows if full is None else _rows(table, full))
        if cap.spec.spares:
            is_over &= ~np.isin(batch.rows, _rows(table, cap.spec.spares))
        if np.count_nonzero(is_over):
            blockers.update((table.ids[row], f"cap:{cap.spec.name}") for row in batch.rows[is_over].tolist())
            batch = batch.where(~is_over)
    return batch


def _rows(table: Table, items: Iterable[str]) -> list[int]:
    return [table.row_of[item] for item in items if item in table.row_of]
