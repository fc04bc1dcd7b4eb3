"""Seconds since the latest event; without any, seconds since 1970, which is longer than any threshold."""

from contracts.features import FoldSpec, Value, ValueType
from engine.folds.fold import Fold, FoldEvent

_US_PER_S = 1_000_000


def _step(state: Value, event: FoldEvent, _spec: FoldSpec) -> Value:
    return max(state, event.now_us) if isinstance(state, int) else event.now_us


def _read(state: Value, now: int) -> Value:
    return max(0, now - state) / _US_PER_S if isinstance(state, int) else now / _US_PER_S


RECENCY = Fold("recency", frozenset({ValueType.DOUBLE}), False, 0, _step, _read)
