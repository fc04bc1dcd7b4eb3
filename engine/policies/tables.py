"""Tables: probabilities that the origin computed (Thompson sampling, say), read off a column of the candidates.

A column of doubles holds one probability per candidate; one of maps holds them by context: under the text of one
request feature's value, else under `*`. They are renormalised over what is feasible. A candidate whose probability is
missing, of the future, too old or outside 0..1 has none; where nobody feasible has any, the best by value is drawn.
"""

from dataclasses import dataclass

import numpy as np

from contracts.fallback import ANY
from contracts.features import ValueType
from contracts.slots import Weights
from engine.column import Column
from engine.policies.policy import FLOOR, Field, Mask, Params, Policy, Step, Values, certain, shared
from engine.programs.gathering import unreadable
from engine.programs.values import Batch

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class LoadedWeights:
    """Where a table policy finds its probabilities; `default` is the context key of requests that give none."""

    spec: Weights
    default: str = ANY


def read_weights(weights: LoadedWeights, batch: Batch, key: str) -> tuple[Values, int]:
    """A weight per candidate, 0 where none is usable, and how many that are. `key` is the text of the request's."""
    column = batch.table.columns[weights.spec.column]
    raw = column.values[batch.rows] if column.type is ValueType.DOUBLE else _under(key, column, batch)
    is_usable = _is_readable(weights.spec, column, batch) & (raw >= 0.0) & (raw <= 1.0)
    return np.where(is_usable, raw, 0.0), int(np.count_nonzero(~is_usable))


def _under(key: str, column: Column, batch: Batch) -> Values:
    maps = [column.value_at(row) for row in batch.rows.tolist()]
    found = [each.get(key, each.get(ANY)) if isinstance(each, dict) else None for each in maps]
    return np.array([np.nan if each is None else each for each in found])


def _is_readable(spec: Weights, column: Column, batch: Batch) -> Mask:
    rows, now = batch.rows, batch.scope.now
    errors = unreadable(column, rows, now)
    is_readable = np.ones(len(rows), dtype=np.bool_) if errors is None else np.logical_not(errors)
    if spec.max_age_s is not None and column.as_of is not None:
        as_of = column.as_of[rows]
        is_readable &= (as_of == 0) | (now - as_of <= spec.max_age_s * _SECOND)  # 0: came with the bundle
    return is_readable


def _over(field: Field, params: Params) -> Step:
    def step(feasible: Mask) -> Values:
        has_any = bool(field.weights[feasible].any())
        weights = field.weights if has_any else certain(field.values, feasible)
        return shared(weights, feasible, params["floor"])

    return step


TABLE = Policy("table", frozenset({"choice", "ranking"}), _over, {"floor": FLOOR}, is_by_column=True)
