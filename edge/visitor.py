"""What happens to a visitor's state: visits begin and end, events fold, caps count. Pure; times are microseconds.

`edge.cookie` carries the state, `engine.folds` knows the folds. Without granted consent a state holds the consent choice
alone: no id, no folds, no caps.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from contracts.events import EXPOSURE
from contracts.features import FeatureSpec, Value
from contracts.slots import Cap, CapWindow
from contracts.visitor_state import CapCount, Consent, VisitorState
from engine import folds
from engine.folds import FoldEvent
from engine.hashing import event_hash

SECOND = 1_000_000
IDLE_US = 30 * 60 * SECOND
RECENT_EVENTS = 32
_WINDOW_US = {CapWindow.DAY: 86_400 * SECOND, CapWindow.WEEK: 7 * 86_400 * SECOND}


def begin(visitor: str, consent: Consent, now: int) -> VisitorState:
    """The state of a visitor seen for the first time."""
    return VisitorState(consent=consent, visitor=visitor, visit=str(now), created_at=now, seen_at=now)


def resume(state: VisitorState, specs: Sequence[FeatureSpec], now: int) -> VisitorState:
    """The state as it is at `now`: after 30 idle minutes a new visit has begun, and what the visit folded is gone.

    The new visit is named by the last sign of the old one, so that every request sees the same until a cookie is written.
    """
    if not state.visitor or now - state.seen_at <= IDLE_US:
        return state
    return replace(state, visit=str(state.seen_at), folds=folds.begin_visit(specs, state.folds), seen_at=state.seen_at)


def consented(state: VisitorState, consent: Consent, visitor: str, now: int) -> VisitorState:
    """The state after a choice. Granting begins a visitor; granting nothing or opting out forgets everything else."""
    if consent.is_opted_out or not consent.granted:
        return VisitorState(consent=consent)
    return replace(state, consent=consent) if state.visitor else begin(visitor, consent, now)


def fold_events(
    state: VisitorState, specs: Sequence[FeatureSpec], events: Iterable[tuple[str, FoldEvent]], now: int
) -> VisitorState:
    """The state after events, given with their ids; one whose id was seen lately changes nothing."""
    states: Mapping[str, Value] = state.folds
    recent = list(state.recent_events)
    for identity, event in events:
        hashed = event_hash(identity)
        if hashed not in recent:
            recent.append(hashed)
            states = folds.advance(specs, states, event)
    return replace(state, folds=dict(states), recent_events=tuple(recent[-RECENT_EVENTS:]), seen_at=now)


def is_repeated(state: VisitorState, event_id: str) -> bool:
    """Whether an event of this id was folded lately."""
    return event_hash(event_id) in state.recent_events


def count_exposure(
    state: VisitorState, caps: Sequence[Cap], event: FoldEvent, items: Sequence[str], now: int
) -> VisitorState:
    """The state after items were seen in a slot that has these caps."""
    if event.type != EXPOSURE or not state.visitor:
        return state
    counted = dict(state.caps)
    for cap in caps:
        counts = {item: count for item, count in counted.get(cap.name, {}).items() if _holds(count, cap, state, now)}
        for item in items:
            before = counts.get(item, CapCount(count=0, since=now))
            counts[item] = CapCount(count=before.count + 1, since=before.since)
        counted[cap.name] = counts
    return replace(state, caps=counted)


def exposures(state: VisitorState, caps: Iterable[Cap], now: int) -> dict[str, dict[str, int]]:
    """How often each item was seen within the window of each cap."""
    counted = {}
    for cap in caps:
        counts = state.caps.get(cap.name, {})
        held = {item: count.count for item, count in counts.items() if _holds(count, cap, state, now)}
        if held:
            counted[cap.name] = held
    return counted


def _holds(count: CapCount, cap: Cap, state: VisitorState, now: int) -> bool:
    if cap.window is CapWindow.VISIT:
        return count.since >= int(state.visit)
    return now - count.since < _WINDOW_US[cap.window]
