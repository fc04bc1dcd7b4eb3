"""How many events of a type there were."""

from contracts.features import FoldSpec, Value, ValueType
from engine.folds.fold import Fold, FoldEvent


def _step(state: Value, _event: FoldEvent, _spec: FoldSpec) -> Value:
    return state + 1 if isinstance(state, int) else 1


def _undo(state: Value, _event: FoldEvent, _spec: FoldSpec) -> Value:
    return max(0, state - 1) if isinstance(state, int) else 0


COUNT = Fold("count", frozenset({ValueType.INT}), False, 0, _step, lambda state, _now: state, _undo)
