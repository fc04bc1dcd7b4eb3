"""When each key had its latest event, in days since 1970. Beyond the limit the longest untouched key goes.

The state is a list of key, microseconds, key, microseconds, least recently touched first.
"""

from contracts.features import FoldSpec, Value, ValueType
from engine.folds.fold import Fold, FoldEvent, key_of

_US_PER_DAY = 24 * 3600 * 1_000_000


def _step(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    key, instants = key_of(event, spec), _instants(state)
    if key is None:
        return state
    instants[key] = str(max(int(instants.pop(key, "0")), event.now_us))
    return _state(dict(list(instants.items())[-spec.limit :]))


def _undo(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    """Nobody knows when it was before that, so the key is gone."""
    key = key_of(event, spec)
    return _state({known: instant for known, instant in _instants(state).items() if known != key})


def _read(state: Value, _now: int) -> Value:
    return {key: int(instant) / _US_PER_DAY for key, instant in _instants(state).items()}


def _instants(state: Value) -> dict[str, str]:
    entries = state if isinstance(state, tuple) else ()
    return dict(zip(entries[::2], entries[1::2], strict=True))


def _state(instants: dict[str, str]) -> Value:
    return tuple([text for entry in instants.items() for text in entry])


LATEST_BY_KEY = Fold("latest_by_key", frozenset({ValueType.NUMBERS}), True, (), _step, _read, _undo)
