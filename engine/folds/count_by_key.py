"""How many events each key had, or the sum of a number per key. Beyond the limit the longest untouched key goes.

The state is a list of key, number, key, number, least recently touched first: maps have no order once encoded.
"""

import math

from contracts.features import FoldSpec, Value, ValueType
from engine.folds.fold import Fold, FoldEvent, key_of, number_of


def _step(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    key, number = key_of(event, spec), number_of(event, spec)
    if key is None or number is None:
        return state
    counts = _read(state, 0)
    total = counts.pop(key, 0.0) + number
    if math.isfinite(total):
        counts[key] = total
    return _state(counts, spec)


def _undo(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    """What is left at zero or below is gone: it was never there, or is no longer."""
    key, number, counts = key_of(event, spec), number_of(event, spec), _read(state, 0)
    if key not in counts or number is None:
        return state
    counts[key] -= number
    return _state({known: count for known, count in counts.items() if known != key or count > 0.0}, spec)


def _state(counts: dict[str, float], spec: FoldSpec) -> Value:
    kept = list(counts.items())[-spec.limit :]
    return tuple([text for known, count in kept for text in (known, repr(count))])


def _read(state: Value, _now: int) -> dict[str, float]:
    entries = state if isinstance(state, tuple) else ()
    return {key: float(number) for key, number in zip(entries[::2], entries[1::2], strict=True)}


COUNT_BY_KEY = Fold("count_by_key", frozenset({ValueType.NUMBERS}), True, (), _step, _read, _undo)
