"""Score: inputs -> one float32 matrix -> one score per candidate and model; or the static score of tier `rules`.

float32 exists here alone. Training assembles its rows with `matrix` too: there is no second formula. All models of a
slot score, or none: a tier `model` with half of its scores would be a third tier.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from contracts.decision import Tier
from contracts.errors import ExpiredError, RuleError, ScoringError
from engine.loaded import LoadedInput, LoadedModel, LoadedSlot, Rows
from engine.programs.values import Batch, Computed, RequestProgram, Scope
from engine.snapshot import Table

_Scores: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """The candidates with their score, and what the slot's other models say of them, by name; in tier `rules` none."""

    batch: Batch
    others: Mapping[str, _Scores] = field(default_factory=dict)


class NoModelError(ScoringError):
    """The slot names a model that is not loaded."""


class NoScoreError(ScoringError):
    """The slot declares no static score, so tier `rules` has no answer."""


def score(slot: LoadedSlot, tier: Tier, batch: Batch) -> Scored:
    """The candidates with their scores. Raises `ScoringError`, or `RuleError` for an input that refuses."""
    if tier is not Tier.MODEL:
        return Scored(with_score(batch, _static(slot, batch)))
    if slot.model is None:
        raise NoModelError("the slot names no model")
    first = with_score(batch, by_model(slot.model, batch))
    return Scored(first, {model.spec.name: by_model(model, batch) for model in slot.other_models})


def with_score(batch: Batch, score: _Scores, by_name: Mapping[str, _Scores] | None = None) -> Batch:
    """The same candidates, `score` being known, and what each model says; what was read of them is kept."""
    scored = replace(batch, score=score, scores=by_name)
    scored.gathered.update(batch.gathered)
    return scored


def by_model(model: LoadedModel, batch: Batch) -> _Scores:
    """What a model says of each candidate, calibrated. Raises `ScoringError`, or `RuleError` for a refusing input."""
    if model.scorer is None:
        raise NoModelError(f"model {model.spec.name} is not loaded")
    scores = model.scorer.score(matrix(model, batch))
    line = model.calibration
    return scores if line is None else np.interp(scores, line.outputs, line.probabilities)


def matrix(model: LoadedModel, batch: Batch) -> NDArray[np.float32]:
    """The model's inputs, one row per candidate. Raises `RuleError` for an erroring input that refuses.

    What reads no item is computed once, and what reads nothing else is kept for the whole table.
    """
    filled = np.empty((len(batch.rows), len(model.inputs)), dtype=np.float32)
    kept = item_inputs(model, batch.scope, batch.table)
    if kept is not None:
        filled[:, model.of_items] = kept.take(batch.rows, axis=0)
    places = range(len(model.inputs)) if kept is None else model.of_others
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite to the model, as in training
        for place in places if len(batch.rows) else ():
            each = model.inputs[place]
            if each.once is None:
                _fill(filled, place, each, batch)
            else:
                filled[:, place] = _once(each, each.once, batch.scope)
    return filled


def item_inputs(model: LoadedModel, scope: Scope, table: Table) -> NDArray[np.float32] | None:
    """The inputs that only items decide, for all rows of a table; None where nothing may be kept."""
    if not len(model.of_items):
        return None
    make = partial(_of_items, model, scope, table)
    return table.by_row(f"inputs of {model.spec.name}", model.item_reads, scope.now, make)


def first_error(computed: Computed, rule: str) -> RuleError:
    """The first error of a column program."""
    return computed.problem or RuleError("gave no value", rule)


def _static(slot: LoadedSlot, batch: Batch) -> _Scores:
    if slot.score is None:
        if slot.model is not None:
            raise NoScoreError("the slot declares no static score")
        return np.zeros(len(batch.rows))
    computed = slot.score.run(batch)
    if computed.errors is not None and np.count_nonzero(computed.errors):
        raise first_error(computed, slot.score.name)
    scores = computed.values.astype(np.float64)
    if not np.isfinite(scores).all():
        raise ScoringError(f"{slot.score.name}: gave a score that is not a finite number")
    return scores


def _of_items(model: LoadedModel, scope: Scope, table: Table, rows: Rows) -> NDArray[np.float32]:
    batch = Batch(scope, table, rows)
    filled = np.empty((len(rows), len(model.of_items)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for place, at in enumerate(model.of_items.tolist()):
            _fill(filled, place, model.inputs[at], batch)
    return filled


def _fill(filled: NDArray[np.float32], place: int, each: LoadedInput, batch: Batch) -> None:
    """Puts one input of every candidate into its column."""
    computed = each.run(batch)
    filled[:, place] = computed.values
    if computed.errors is not None and np.count_nonzero(computed.errors):
        if each.missing is None:
            raise first_error(computed, f"input {each.name}")
        filled[computed.errors, place] = each.missing


def _once(each: LoadedInput, program: RequestProgram, scope: Scope) -> float | np.int64:
    """One input that is the same for every candidate. Integers stay what columns hold until they become float32."""
    try:
        value = program(scope)
    except ExpiredError:
        raise
    except RuleError:
        if each.missing is None:
            raise
        return each.missing
    return np.int64(value) if isinstance(value, int) else cast(float, value)  # `engine.load` saw to the type
