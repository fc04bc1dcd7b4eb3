"""Guard: which ITEMS must not be shown. Hard constraints over candidates, in every tier, on precomputed answers too.

A guardrail that cannot be evaluated blocks, each candidate for itself: where it reads a feature that expired and then
ends tier `model`, what it needs not for is let through, and no model decides. Each dropped candidate records its first
blocker: the guardrails in their declared order, then the caps (`cap:<name>`).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ExpiredError, RuleError
from engine.caps import Exposures, over
from engine.loaded import LoadedGuard, LoadedSlot, Rows
from engine.programs.values import Batch, Computed, Scope
from engine.snapshot import Table

_NO_EXPOSURES: Exposures = {}


@dataclass(frozen=True, slots=True)
class Guarded:
    """The rows that may be shown, and by what each of the others was blocked first.

    `expired` is set when a guardrail met an expired feature that ends tier `model`.
    """

    rows: NDArray[np.int64]
    blockers: dict[str, str]
    expired: ExpiredError | None = None


def guard(slot: LoadedSlot, batch: Batch, exposures: Exposures = _NO_EXPOSURES) -> Guarded:
    """Applies guardrails and caps. Raises `ExpiredError` when a feature expired that makes the slot plain."""
    blockers: dict[str, str] = {}
    expired: ExpiredError | None = None
    for rule in slot.guards:
        if not len(batch.rows):
            break
        try:
            held = _held(rule, batch)
        except ExpiredError as error:
            held, expired = _held_each(rule, batch), expired or error
        if not held.all():
            blockers.update((batch.table.ids[row], rule.name) for row in batch.rows[~held].tolist())
            batch = Batch(batch.scope, batch.table, batch.rows[held])
    return Guarded(_capped(slot, batch, blockers, exposures), blockers, expired)


def item_guard(rule: LoadedGuard, scope: Scope, table: Table) -> NDArray[np.bool_] | None:
    """Where a guardrail that reads the item alone holds, for all rows of a table; None where nothing may be kept."""
    if rule.item_reads is None:
        return None
    make = partial(_held_in, rule, scope, table)
    return table.by_row(f"guard {rule.name}", rule.item_reads, scope.now, make)


def held_by(computed: Computed) -> NDArray[np.bool_]:
    """Where a condition holds; where it is in error, it does not."""
    held: NDArray[np.bool_] = computed.values.astype(np.bool_, copy=False)
    return held if computed.errors is None else held & ~computed.errors


def _held(rule: LoadedGuard, batch: Batch) -> NDArray[np.bool_]:
    """Where a guardrail holds."""
    kept = item_guard(rule, batch.scope, batch.table)
    return held_by(rule.run(batch)) if kept is None else kept.take(batch.rows)


def _held_in(rule: LoadedGuard, scope: Scope, table: Table, rows: Rows) -> NDArray[np.bool_]:
    return held_by(rule.run(Batch(scope, table, rows)))


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


def _capped(slot: LoadedSlot, batch: Batch, blockers: dict[str, str], exposures: Exposures) -> NDArray[np.int64]:
    rows, row_of = batch.rows, batch.table.row_of
    for cap in slot.caps:
        full = over(cap, batch.scope, exposures)
        if full is None:
            is_over = np.ones(len(rows), dtype=np.bool_)
        else:
            is_over = np.isin(rows, [row_of[item] for item in full if item in row_of])
        blockers.update((batch.table.ids[row], f"cap:{cap.spec.name}") for row in rows[is_over].tolist())
        rows = rows[~is_over]
    return rows
