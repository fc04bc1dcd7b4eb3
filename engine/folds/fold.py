"""What a fold is: a state, how an event moves it, how it is read. States are plain values: a cookie holds them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from contracts.features import FoldSpec, Value, ValueType


@dataclass(frozen=True, slots=True)
class FoldEvent:
    """An event as folds see it; `now_us` is when it is folded. `columns` is the row of its item, empty if unknown.

    `seen` are the items that an exposure counts for, None where nobody knows them.
    """

    type: str
    now_us: int
    item: str | None = None
    slot: str | None = None
    data: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)
    columns: Mapping[str, Value] = field(default_factory=dict)
    seen: tuple[str, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Fold:
    """One entry of `FOLDS`. `types` are the feature types it can be read as; `has_key` tells that it needs a key.

    `read` gets the state and now in microseconds; `undo` takes an event back, None: nothing can. `is_declared` False:
    bundles do not declare it, the compiler adds it.
    """

    name: str
    types: frozenset[ValueType]
    has_key: bool
    initial: Value
    step: Callable[[Value, FoldEvent, FoldSpec], Value]
    read: Callable[[Value, int], Value]
    undo: Callable[[Value, FoldEvent, FoldSpec], Value] | None = None
    is_declared: bool = True


def key_of(event: FoldEvent, spec: FoldSpec) -> str | None:
    """The text that the fold's `key` names in the event, None when the event has none."""
    found = None if spec.key is None else _named(event, spec.key)
    return None if found is None or isinstance(found, (tuple, dict)) else str(found)


def number_of(event: FoldEvent, spec: FoldSpec) -> float | None:
    """The number that the fold's `value` names in the event: 1.0 for a fold without one, None when it is no number."""
    found = 1.0 if spec.value is None else _named(event, spec.value)
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def _named(event: FoldEvent, selector: str) -> Value | None:
    root, _, name = selector.partition(".")
    if root == "item":
        return event.columns.get(name) if name else event.item
    return event.slot if root == "slot" else event.data.get(name)
