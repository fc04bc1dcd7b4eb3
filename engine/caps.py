"""Caps: how often an item, or a slot, may be met. What an exposure adds, what counts at an instant, what is over.

The counters of the cookie (`edge.visits`) and those of the origin (fold `exposures`) move alike; of the two the larger
counts. Held-out visitors and counterfactuals are never met: who asks for `met` sees to that. `now` is `request.now` in
microseconds.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec.structs import replace

from contracts.errors import RuleError
from contracts.events import EXPOSURE
from contracts.features import FeatureSpec, FoldSpec, FoldWindow, Root, Value, ValueType
from contracts.slots import AnyCap, CapPer, CapWindow, RecencyCap, SlotSpec
from contracts.visitor_state import CapCount
from engine.folds.exposures import counted, counts_of, keys_of
from engine.loaded import LoadedCap
from engine.programs.values import Scope

Exposures = Mapping[str, Mapping[str, int]]
_DAY_S = 24 * 3600
_LENGTH_S: dict[CapWindow, int | None] = {CapWindow.VISIT: None, CapWindow.DAY: _DAY_S, CapWindow.WEEK: 7 * _DAY_S}
_US_PER_S = 1_000_000
_MOST_KEYS = 200


def met(cap: AnyCap, counts: Mapping[str, CapCount], items: Iterable[str] | None, now: int) -> dict[str, CapCount]:
    """The counters after one exposure of these items, None: nobody knows which. What counts no longer is gone."""
    after = {key: count for key, count in counts.items() if _counts(cap, count, now)}
    keys = keys_of(cap.per, items)
    if isinstance(cap, RecencyCap) and cap.apart is not None:
        later = {key: replace(count, count=count.count + bool(keys)) for key, count in after.items()}
        return _newest(later | {key: CapCount(count=0, since=now) for key in keys})
    within_us, restarts = _within_us(cap), isinstance(cap, RecencyCap)
    return _newest(after | {key: counted(after.get(key), now, within_us, restarts=restarts) for key in keys})


def counting(cap: AnyCap, counts: Mapping[str, CapCount], now: int) -> dict[str, int]:
    """How many exposures count at `now`, by key; under a recency cap one for what was met too recently."""
    is_recency = isinstance(cap, RecencyCap)
    return {key: 1 if is_recency else count.count for key, count in counts.items() if _counts(cap, count, now)}


def over(cap: LoadedCap, scope: Scope, exposures: Exposures) -> frozenset[str] | None:
    """The items that may not be met again yet: by cookie or origin, whichever saw more. None: no item may be.

    What the feed told may be no state of a cap's fold; then nobody knows, and the cap blocks.
    """
    limit = 1 if isinstance(cap.spec, RecencyCap) else cap.spec.limit
    synced = _synced(cap, scope)
    if synced is None:
        return None
    told = (exposures.get(cap.spec.name, {}), synced)
    full = frozenset(key for counts in told for key, count in counts.items() if count >= limit)
    return None if cap.spec.per is CapPer.SLOT and full else full


def ends_with_visit(cap: AnyCap) -> bool:
    """Whether a new visit starts this cap afresh."""
    return not isinstance(cap, RecencyCap) and cap.window is CapWindow.VISIT


def synced_feature(slot: SlotSpec, cap: AnyCap) -> FeatureSpec:
    """The visitor feature in which the origin counts for a cap. No expression can name it: its name is no identifier.

    A slot that requires purposes requires all, so the first stands for them.
    """
    fold = FoldSpec(
        fold="exposures",
        event=EXPOSURE,
        key=cap.per.value,
        window=FoldWindow.ALL,
        limit=_MOST_KEYS,
        slot=slot.name,
        within_s=_within_s(cap),
        restarts=isinstance(cap, RecencyCap),
    )
    return FeatureSpec(
        name=f"cap:{cap.name}",
        root=Root.VISITOR,
        type=ValueType.STRINGS,
        purpose=slot.purposes[0] if slot.purposes else None,
        default=(),
        fold=fold,
        description=f"exposures of slot {slot.name}, for its cap {cap.name}",
    )


def _newest(counts: dict[str, CapCount]) -> dict[str, CapCount]:
    """The newest windows, as many as the origin keeps counters: a page may name items without end."""
    if len(counts) <= _MOST_KEYS:
        return counts
    order = sorted(counts, key=lambda key: (counts[key].since, key))
    return {key: counts[key] for key in order[-_MOST_KEYS:]}


def _synced(cap: LoadedCap, scope: Scope) -> dict[str, int] | None:
    if cap.synced is None:
        return {}
    try:
        return counting(cap.spec, counts_of(cast(Value, cap.synced(scope))), scope.now)
    except (RuleError, ValueError):
        return None


def _counts(cap: AnyCap, count: CapCount, now: int) -> bool:
    if isinstance(cap, RecencyCap) and cap.apart is not None:
        return count.count < cap.apart
    within_us = _within_us(cap)
    return within_us is None or now - count.since < within_us


def _within_us(cap: AnyCap) -> int | None:
    within_s = _within_s(cap)
    return None if within_s is None else within_s * _US_PER_S


def _within_s(cap: AnyCap) -> int | None:
    return cap.apart_s if isinstance(cap, RecencyCap) else _LENGTH_S[cap.window]
