"""How often each item of a slot was met, or the slot itself, and since when that counts: what synced caps go by.

The state is a list of key, number, since (microseconds), least recently met first. An exposure counts what the edge
says was seen (`FoldEvent.seen`), whatever the page names. No bundle declares this fold: the compiler adds it for caps.
"""

from collections.abc import Iterable, Mapping

from contracts.features import FoldSpec, Value, ValueType
from contracts.slots import CapPer
from contracts.visitor_state import CapCount
from engine.folds.fold import Fold, FoldEvent

SLOT_KEY = "*"
_US_PER_S = 1_000_000
_FIELDS = 3


def keys_of(per: CapPer, items: Iterable[str] | None) -> tuple[str, ...]:
    """What an exposure of these items counts for: each item, or the slot once; nothing when nothing was seen.

    None: nobody knows the items; the slot was met all the same.
    """
    distinct = tuple(dict.fromkeys(() if items is None else items))
    is_met = items is None or bool(distinct)
    return distinct if per is CapPer.ITEM else (SLOT_KEY,) if is_met else ()


def counted(before: CapCount | None, now: int, within_us: int | None, *, restarts: bool) -> CapCount:
    """A counter after one exposure more: a new one where the window is over, or with every exposure (`restarts`)."""
    is_over = before is not None and within_us is not None and now - before.since >= within_us
    if before is None or is_over or restarts:
        return CapCount(count=1, since=now)
    return CapCount(count=before.count + 1, since=before.since)


def counts_of(state: Value) -> dict[str, CapCount]:
    """The counters that a state of this fold holds, by key. Raises `ValueError` for what is no such state."""
    texts = state if isinstance(state, tuple) else ()
    entries = zip(*(iter(texts),) * _FIELDS, strict=True)
    return {key: CapCount(count=int(count), since=int(since)) for key, count, since in entries}


def _step(state: Value, event: FoldEvent, spec: FoldSpec) -> Value:
    if spec.slot is not None and event.slot != spec.slot:
        return state
    counts = counts_of(state)
    within_us = None if spec.within_s is None else spec.within_s * _US_PER_S
    for key in keys_of(CapPer(spec.key or CapPer.ITEM), event.seen):
        counts[key] = counted(counts.pop(key, None), event.now_us, within_us, restarts=spec.restarts)
    return _texts(dict(list(counts.items())[-spec.limit :]))


def _texts(counts: Mapping[str, CapCount]) -> tuple[str, ...]:
    return tuple(text for key, each in counts.items() for text in (key, str(each.count), str(each.since)))


EXPOSURES = Fold(
    "exposures", frozenset({ValueType.STRINGS}), True, (), _step, lambda state, _now: state, is_declared=False
)
