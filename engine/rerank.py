"""Rerank: from scores to the values that answers are drawn by: the objective, then merchandising boosts.

From here on only elementwise float64 arithmetic, in declared order, so that a replay gives the same bits anywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.decision import Tier
from contracts.errors import ExpiredError, RuleError
from engine.loaded import ColumnRule, LoadedSlot
from engine.programs.values import Batch
from engine.score import first_error


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scored candidates with their final values. `boost_errors` counts the boosts that failed, per candidate."""

    batch: Batch
    values: NDArray[np.float64]
    boost_errors: int = 0


def rerank(slot: LoadedSlot, tier: Tier, batch: Batch) -> Ranked:
    """Applies objective and boosts. Raises `RuleError` when the objective fails; an erroring boost is 0."""
    values = _objective(slot, batch)
    failed = 0
    for boost in slot.boosts:
        added, is_bad = _boost(boost, tier, batch)
        failed += int(np.count_nonzero(is_bad))
        with np.errstate(over="ignore"):  # infinity is refused below
            values = values + np.where(is_bad, 0.0, added)
    if not np.isfinite(values).all():
        raise RuleError("objective and boosts gave a value that is not a finite number", f"slots/{slot.spec.name}")
    return Ranked(batch, values, failed)


def _objective(slot: LoadedSlot, batch: Batch) -> NDArray[np.float64]:
    if slot.objective is None:
        return np.zeros(len(batch.rows)) if batch.score is None else batch.score
    computed = slot.objective.run(batch)
    if computed.errors is not None and computed.errors.any():
        raise first_error(computed, slot.objective.name)
    return computed.values.astype(np.float64)


def _boost(boost: ColumnRule, tier: Tier, batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    try:
        computed = boost.run(batch)
    except ExpiredError as error:
        if error.is_blocking or tier is Tier.MODEL:
            raise
        return np.zeros(len(batch.rows)), np.ones(len(batch.rows), dtype=np.bool_)
    added = computed.values.astype(np.float64)
    is_bad = ~np.isfinite(added)
    return added, is_bad if computed.errors is None else is_bad | computed.errors
