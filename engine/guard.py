"""Guard: which ITEMS must not be shown. Hard constraints over candidates, in every tier, on precomputed answers too.

A guardrail that cannot be evaluated blocks. Each dropped candidate records its first blocker: the guardrails in
their declared order, then the caps (`cap:<name>`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.loaded import LoadedSlot
from engine.programs.values import Batch, Computed

Exposures = Mapping[str, Mapping[str, int]]
_NO_EXPOSURES: Exposures = {}


@dataclass(frozen=True, slots=True)
class Guarded:
    """The rows that may be shown, and by what each of the others was blocked first."""

    rows: NDArray[np.int64]
    blockers: dict[str, str]


def guard(slot: LoadedSlot, batch: Batch, exposures: Exposures = _NO_EXPOSURES) -> Guarded:
    """Applies guardrails and caps. Raises `ExpiredError` when a feature expired that must end the tier."""
    blockers: dict[str, str] = {}
    for rule in slot.guards:
        if not len(batch.rows):
            break
        held = held_by(rule.run(batch))
        if not held.all():
            blockers.update((batch.table.ids[row], rule.name) for row in batch.rows[~held].tolist())
            batch = Batch(batch.scope, batch.table, batch.rows[held])
    return _capped(slot, batch, blockers, exposures)


def held_by(computed: Computed) -> NDArray[np.bool_]:
    """Where a condition holds; where it is in error, it does not."""
    held: NDArray[np.bool_] = computed.values.astype(np.bool_, copy=False)
    return held if computed.errors is None else held & ~computed.errors


def _capped(slot: LoadedSlot, batch: Batch, blockers: dict[str, str], exposures: Exposures) -> Guarded:
    rows, row_of = batch.rows, batch.table.row_of
    for cap in slot.spec.caps:
        seen = exposures.get(cap.name, {})
        over = [row_of[item] for item in seen if seen[item] >= cap.limit and item in row_of]
        is_over = np.isin(rows, over)
        blockers.update((batch.table.ids[row], f"cap:{cap.name}") for row in rows[is_over].tolist())
        rows = rows[~is_over]
    return Guarded(rows, blockers)
