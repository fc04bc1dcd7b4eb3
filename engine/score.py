"""Score: inputs -> one float32 matrix -> one score per candidate and model; or the static score of tier `rules`.

float32 exists here and in scorers alone. Training assembles its rows with `matrix` too: there is no second formula. A
prebound forest takes the same inputs in three parts: of the item, of the request, of both. All models of a slot score,
or none: a tier `model` with half of its scores would be a third tier.
"""

from collections.abc import Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from contracts.decision import Tier
from contracts.errors import ExpiredError, RuleError, ScoringError
from engine.loaded import LoadedInput, LoadedModel, LoadedSlot, Rows
from engine.programs.arrays import quiet
from engine.programs.values import Batch, Computed, RequestProgram, Scope
from engine.scorers.leaf_sums import Masks
from engine.scorers.prebound import Prebound
from engine.snapshot import Table

_Scores: TypeAlias = NDArray[np.float64]
_Inputs: TypeAlias = NDArray[np.float32]


class Scored(Struct, frozen=True, eq=False):
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
        return Scored(batch.scored(_static(slot, batch)))
    if slot.model is None:
        raise NoModelError("the slot names no model")
    return Scored(
        batch.scored(by_model(slot.model, batch)),
        {model.spec.name: by_model(model, batch) for model in slot.other_models},
    )


def by_model(model: LoadedModel, batch: Batch) -> _Scores:
    """What a model says of each candidate, calibrated. Raises `ScoringError`, or `RuleError` for a refusing input."""
    if model.scorer is None:
        raise NoModelError(f"model {model.spec.name} is not loaded")
    if model.prebound is None:
        scores = model.scorer.score(matrix(model, batch))
    else:
        scores = _by_forest(model, model.prebound, batch)
    line = model.calibration
    return scores if line is None else np.interp(scores, line.outputs, line.probabilities)


@quiet  # what float32 cannot hold is infinite to the model
def matrix(model: LoadedModel, batch: Batch) -> _Inputs:
    """The model's inputs, one row per candidate. Raises `RuleError` for an erroring input that refuses."""
    places, filled = model.places, np.empty((len(batch.rows), len(model.inputs)), dtype=np.float32)
    filled[:, places.of_items] = item_inputs(model, batch.scope, batch.table, batch.rows)
    filled[:, places.of_request], pairs = _other_inputs(model, batch)
    filled[:, places.of_pairs] = pairs.T
    return filled


def item_inputs(model: LoadedModel, scope: Scope, table: Table, rows: Rows) -> _Inputs:
    """The inputs that only items decide, one row per row of the table: kept while the items stay what they are."""
    make = partial(_of_items, model, scope, table)
    return table.by_row(f"inputs of {model.spec.name}", model.places.item_reads, scope.now, rows, make)


def _by_forest(model: LoadedModel, forest: Prebound, batch: Batch) -> _Scores:
    """The same scores as the scorer's: what items decide is bound once for each, what the request decides once."""
    places, table, scope = model.places, batch.table, batch.scope

    def make(rows: Rows) -> Masks:
        return forest.bound(places.of_items, _of_items(model, scope, table, rows).T, len(rows))

    bound = table.by_row(f"forest of {model.spec.name}", places.item_reads, scope.now, batch.rows, make)
    once, pairs = _other_inputs(model, batch)
    return forest.score(bound, places.of_request, once, places.of_pairs, pairs)


def _other_inputs(model: LoadedModel, batch: Batch) -> tuple[_Inputs, _Inputs]:
    """The inputs that are the same for all candidates, and those that are not, an array of all candidates for each."""
    once = np.zeros(len(model.places.of_request), dtype=np.float32)
    pairs = np.empty((len(model.places.of_pairs), len(batch.rows)), dtype=np.float32)
    for place, at in model.places.others if len(batch.rows) else ():
        each = model.inputs[place]
        if each.once is None:
            _fill(pairs[at], each, batch)
        else:
            once[at] = _once(each, each.once, batch.scope)
    return once, pairs


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


def _of_items(model: LoadedModel, scope: Scope, table: Table, rows: Rows) -> _Inputs:
    batch = Batch(scope, table, rows)
    filled = np.empty((len(rows), len(model.places.of_items)), dtype=np.float32)
    for at, place in enumerate(model.places.of_items.tolist()):
        _fill(filled[:, at], model.inputs[place], batch)
    return filled


def _fill(column: _Inputs, each: LoadedInput, batch: Batch) -> None:
    """Puts one input of every candidate into its column."""
    computed = each.run(batch)
    column[:] = computed.values
    if computed.errors is not None and np.count_nonzero(computed.errors):
        if each.missing is None:
            raise first_error(computed, f"input {each.name}")
        column[computed.errors] = each.missing


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
    return np.int64(value) if isinstance(value, int) else value  # type: ignore[return-value]  # `engine.load` saw to it
