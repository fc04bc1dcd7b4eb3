"""Rerank: from scores to the values that answers are drawn by: the objective, then merchandising boosts.

An objective is one rule, or a sum of terms with declared weights. From here on only elementwise float64 arithmetic, in
declared order, so that a replay gives the same bits anywhere. Pins are placed by `engine.explore`, among survivors.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from contracts.decision import Tier
from contracts.errors import ExpiredError, RuleError
from engine.loaded import ColumnRule, LoadedSlot, Rows
from engine.programs.values import Batch
from engine.score import Scored, first_error

_Values: TypeAlias = NDArray[np.float64]


class Ranked(Struct, frozen=True, eq=False):
    """Scored candidates with their final values. `boost_errors` counts the boosts that failed, per candidate.

    `terms` says what each term of the objective and each boost added to the values, by its name; `others` are the
    scores of the slot's other models.
    """

    batch: Batch
    values: _Values
    boost_errors: int = 0
    terms: Mapping[str, _Values] = field(default_factory=dict)
    others: Mapping[str, _Values] = field(default_factory=dict)


def rerank(slot: LoadedSlot, tier: Tier, scored: Scored) -> Ranked:
    """Applies objective and boosts. Raises `RuleError` when the objective fails; an erroring boost is 0."""
    batch, failed = _named(slot, tier, scored), 0
    terms = {term.name: term.weight * _computed(term.rule, batch) for term in slot.terms}
    objective = _sum(np.zeros(len(batch.rows)), terms.values()) if slot.terms else _objective(slot, batch)
    boosts = [_boost(boost, tier, batch) for boost in slot.boosts]
    values = _sum(objective, boosts)
    if not _are_finite(values):
        failed = sum([int(np.count_nonzero(~np.isfinite(added))) for added in boosts])
        boosts = [np.where(np.isfinite(added), added, 0.0) for added in boosts]
        values = _sum(objective, boosts)
        if not _are_finite(values):
            what = "objective and boosts gave a value that is not a finite number"
            raise RuleError(what, f"slots/{slot.spec.name}")
    terms.update(zip([boost.name for boost in slot.boosts], boosts, strict=True))
    return Ranked(batch, values, failed, terms, scored.others)


def _named(slot: LoadedSlot, tier: Tier, scored: Scored) -> Batch:
    """The candidates with their scores by model, where a rule reads them; in tier `rules` no model scored."""
    batch = scored.batch
    if not slot.reads_scores or tier is not Tier.MODEL or slot.model is None or batch.score is None:
        return batch
    return batch.scored(batch.score, {slot.model.spec.name: batch.score, **scored.others})


def _sum(values: _Values, terms: Iterable[_Values]) -> _Values:
    for added in terms:
        values = values + added
    return values


def _are_finite(values: _Values) -> bool:
    return bool(np.count_nonzero(np.isfinite(values)) == len(values))


def _objective(slot: LoadedSlot, batch: Batch) -> _Values:
    if slot.objective is not None:
        return _computed(slot.objective, batch)
    return np.zeros(len(batch.rows)) if batch.score is None else batch.score


def _computed(rule: ColumnRule, batch: Batch) -> _Values:
    """What a rule gives for every candidate. Raises its first error."""
    computed = rule.run(batch)
    if computed.errors is not None and np.count_nonzero(computed.errors):
        raise first_error(computed, rule.name)
    return computed.values.astype(np.float64, copy=False)


def _boost(boost: ColumnRule, tier: Tier, batch: Batch) -> _Values:
    """What a boost adds to every candidate, not finite where it fails."""
    try:
        return _added(boost, batch) if boost.item_reads is None else _kept(boost, boost.item_reads, batch)
    except ExpiredError as error:
        if error.is_blocking or tier is Tier.MODEL:
            raise
        return np.full(len(batch.rows), np.nan)


def _added(boost: ColumnRule, batch: Batch) -> _Values:
    """What a boost gives, NaN where it fails."""
    computed = boost.run(batch)
    added: _Values = computed.values.astype(np.float64, copy=False)
    return added if computed.errors is None else np.where(computed.errors, np.nan, added)


def _kept(boost: ColumnRule, reads: tuple[str, ...], batch: Batch) -> _Values:
    """The same of a boost that reads the item alone: kept while the items stay what they are."""
    table, scope = batch.table, batch.scope

    def make(rows: Rows) -> _Values:
        return _added(boost, Batch(scope, table, rows))

    return table.by_row(f"boost {boost.name}", reads, scope.now, batch.rows, make)
