"""The sum of a number over events. Held as a double: minor units of money stay exact up to 2^53."""

import math

from contracts.features import FoldSpec, Value, ValueType
from engine.folds.fold import Fold, FoldEvent, number_of


def _step(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    return _plus(state, number_of(event, spec))


def _undo(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    number = number_of(event, spec)
    return _plus(state, None if number is None else -number)


def _plus(state: Value, number: float | None) -> Value:
    total = state + number if isinstance(state, float) and number is not None else state
    return total if isinstance(total, float) and math.isfinite(total) else state


SUM = Fold("sum", frozenset({ValueType.INT, ValueType.DOUBLE}), False, 0.0, _step, lambda state, _now: state, _undo)
