"""Folds: (state, event) -> state. Edge and origin run these same ones, so a visit means the same on both.

A fold's state is keyed by the digest of its spec: a changed fold starts afresh, an unknown state is dropped. A
fold over no events is PRESENT with its initial value.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from contracts.codec import encode
from contracts.features import FeatureSpec, FoldSpec, FoldWindow, Value, ValueType
from engine.folds.count import COUNT
from engine.folds.count_by_key import COUNT_BY_KEY
from engine.folds.exposures import EXPOSURES
from engine.folds.fold import Fold, FoldEvent
from engine.folds.last_n import LAST_N
from engine.folds.latest_by_key import LATEST_BY_KEY
from engine.folds.recency import RECENCY
from engine.folds.sum import SUM
from engine.hashing import content_digest

__all__ = ["FOLDS", "Fold", "FoldEvent", "advance", "begin_visit", "events_of", "fold_digest", "read"]

FOLDS: dict[str, Fold] = {
    fold.name: fold for fold in (COUNT, SUM, LAST_N, COUNT_BY_KEY, LATEST_BY_KEY, RECENCY, EXPOSURES)
}
_DIGEST_DIGITS = 16


@lru_cache(maxsize=4096)
def fold_digest(spec: FoldSpec) -> str:
    """The key of a fold's state: 64 bits of SHA-256 over the canonical bytes of its spec."""
    return content_digest(encode(spec))[:_DIGEST_DIGITS]


def advance(specs: Sequence[FeatureSpec], states: Mapping[str, Value], event: FoldEvent) -> dict[str, Value]:
    """The states after an event. Pass only the specs whose purposes are granted; features may share a state."""
    after = dict(states)
    for digest, fold in _folds_of(specs).items():
        if event.type in events_of(fold):
            after[digest] = _moved(fold, _state(fold, states), event)
    return after


def events_of(fold: FoldSpec) -> tuple[str, ...]:
    """The types of events that move a fold."""
    return tuple([each for each in (fold.event, fold.undone_by, fold.emptied_by) if each is not None])


def read(specs: Sequence[FeatureSpec], states: Mapping[str, Value], now: int) -> dict[str, Value]:
    """The value of each folded feature at `now` (microseconds), by feature name."""
    return {
        spec.name: _typed(spec, FOLDS[spec.fold.fold].read(_state(spec.fold, states), now))
        for spec in specs
        if spec.fold is not None
    }


def begin_visit(specs: Sequence[FeatureSpec], states: Mapping[str, Value]) -> dict[str, Value]:
    """The states with which a new visit starts: folds of the last visit, and folds nobody declares, are gone."""
    known = _folds_of(specs)
    return {key: states[key] for key in states if key in known and known[key].window is not FoldWindow.VISIT}


def _moved(spec: FoldSpec, state: Value, event: FoldEvent) -> Value:
    fold = FOLDS[spec.fold]
    if event.type == spec.event:
        return fold.step(state, event, spec)
    if event.type == spec.undone_by and fold.undo is not None:
        return fold.undo(state, event, spec)
    return fold.initial


def _folds_of(specs: Sequence[FeatureSpec]) -> dict[str, FoldSpec]:
    return {fold_digest(spec.fold): spec.fold for spec in specs if spec.fold is not None}


def _state(fold: FoldSpec, states: Mapping[str, Value]) -> Value:
    initial = FOLDS[fold.fold].initial
    state = states.get(fold_digest(fold), initial)
    return state if type(state) is type(initial) else initial


def _typed(spec: FeatureSpec, value: Value) -> Value:
    return int(value) if spec.type is ValueType.INT and isinstance(value, float) else value
