"""The keys of the latest events, each once, newest first."""

from contracts.features import FoldSpec, Value, ValueType
from engine.folds.fold import Fold, FoldEvent, key_of


def _step(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    key = key_of(event, spec)
    if key is None or not isinstance(state, tuple):
        return state
    return (key, *(known for known in state if known != key))[: spec.limit]


def _undo(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    key = key_of(event, spec)
    return tuple([known for known in state if known != key]) if isinstance(state, tuple) else state


LAST_N = Fold("last_n", frozenset({ValueType.STRINGS}), True, (), _step, lambda state, _now: state, _undo)
