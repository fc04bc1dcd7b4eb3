"""Score: inputs -> one float32 matrix -> one score per candidate; or the static score of tier `rules`.

float32 exists here alone. Training assembles its rows with `matrix` too: there is no second formula.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contracts.decision import Tier
from contracts.errors import RuleError, ScoringError
from engine.loaded import LoadedModel, LoadedSlot
from engine.programs.values import Batch, Computed


class NoModelError(ScoringError):
    """The slot names a model that is not loaded."""


class NoScoreError(ScoringError):
    """The slot declares no static score, so tier `rules` has no answer."""


def score(slot: LoadedSlot, tier: Tier, batch: Batch) -> Batch:
    """The candidates with their scores. Raises `ScoringError`, or `RuleError` for an input that refuses."""
    if tier is Tier.MODEL:
        return replace(batch, score=_by_model(slot, batch))
    return replace(batch, score=_static(slot, batch))


def matrix(model: LoadedModel, batch: Batch) -> NDArray[np.float32]:
    """The model's inputs, one row per candidate. Raises `RuleError` for an erroring input that refuses."""
    filled = np.empty((len(batch.rows), len(model.inputs)), dtype=np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite to the model, as in training
        for index, each in enumerate(model.inputs):
            computed = each.run(batch)
            filled[:, index] = computed.values
            if computed.errors is not None and computed.errors.any():
                filled[computed.errors, index] = _missing(each.missing, computed, each.name)
    return filled


def first_error(computed: Computed, rule: str) -> RuleError:
    """The first error of a column program."""
    return computed.problem or RuleError("gave no value", rule)


def _by_model(slot: LoadedSlot, batch: Batch) -> NDArray[np.float64]:
    model = slot.model
    if model is None or model.scorer is None:
        raise NoModelError(f"model {slot.spec.model} is not loaded")
    return model.scorer.score(matrix(model, batch))


def _static(slot: LoadedSlot, batch: Batch) -> NDArray[np.float64]:
    if slot.score is None:
        if slot.model is not None:
            raise NoScoreError("the slot declares no static score")
        return np.zeros(len(batch.rows))
    computed = slot.score.run(batch)
    if computed.errors is not None and computed.errors.any():
        raise first_error(computed, slot.score.name)
    scores = computed.values.astype(np.float64)
    if not np.isfinite(scores).all():
        raise ScoringError(f"{slot.score.name}: gave a score that is not a finite number")
    return scores


def _missing(missing: float | None, computed: Computed, name: str) -> float:
    if missing is None:
        raise first_error(computed, f"input {name}")
    return missing
