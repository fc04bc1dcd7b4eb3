"""What a visitor's state becomes: a visit ends, a choice is made, events are folded, exposures are counted.

Pure: time and new ids are arguments. `now` is `request.now` where decisions are concerned (folds, caps), the node's
clock where the visit is (idling); both in microseconds. How state travels is `edge.cookie`'s.
"""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from contracts.features import FeatureSpec, Value
from contracts.slots import AnyCap
from contracts.visitor_state import Consent, VisitorState
from engine import caps, folds
from engine.folds import FoldEvent
from engine.hashing import content_digest, event_hash
from engine.loaded import LoadedBundle, LoadedSlot

IDLE_US = 30 * 60 * 1_000_000
MAX_RECENT = 40
_ID_CHARS = 22


def begun(visitor: str, visit: str, consent: Consent, now: int) -> VisitorState:
    """A visitor's first state. Ids are random, but for the households of development."""
    return VisitorState(consent=consent, visitor=visitor, visit=visit, created_at=now, seen_at=now)


def resumed(state: VisitorState, now: int, loaded: LoadedBundle) -> VisitorState:
    """The state with which a request goes on at the node's `now`: after 30 idle minutes a new visit has begun.

    The new visit's id follows from the old state, so requests that write no cookie agree on it.
    """
    if not state.visitor or now - state.seen_at <= IDLE_US:
        return state
    visit_caps = {cap.name for cap in _caps(loaded) if caps.ends_with_visit(cap)}
    return replace(
        state,
        visit=content_digest(f"{state.visit}/{state.seen_at}".encode())[:_ID_CHARS],
        folds=folds.begin_visit(loaded.state_features, state.folds),
        caps={name: counts for name, counts in state.caps.items() if name not in visit_caps},
    )


def chosen(state: VisitorState, consent: Consent, loaded: LoadedBundle) -> VisitorState:
    """The state after a choice: without a grant the choice alone is left; what withdrawn purposes had counted goes."""
    if consent.is_opted_out or not consent.granted:
        return VisitorState(consent=consent)
    names = {cap.name for slot in loaded.slots.values() for cap in caps_of(slot, consent.granted)}
    return replace(
        state,
        consent=consent,
        folds=_granted_folds(state.folds, permitted(loaded, consent.granted)),
        caps={name: counts for name, counts in state.caps.items() if name in names},
    )


def permitted(loaded: LoadedBundle, granted: Collection[str]) -> tuple[FeatureSpec, ...]:
    """The folds of visitor state whose purpose was granted."""
    return tuple(spec for spec in loaded.state_features if spec.purpose is None or spec.purpose in granted)


def caps_of(slot: LoadedSlot, granted: Collection[str]) -> tuple[AnyCap, ...]:
    """The caps of a slot that are read and counted: those of a slot whose purposes were all granted."""
    return slot.spec.caps if all(purpose in granted for purpose in slot.spec.purposes) else ()


def has_seen(state: VisitorState, event_id: str) -> bool:
    """Whether this event was folded before: a retry."""
    return event_hash(event_id) in state.recent_events


def folded(state: VisitorState, event_id: str, event: FoldEvent, specs: tuple[FeatureSpec, ...]) -> VisitorState:
    """The state after an event, which it remembers."""
    recent = (*state.recent_events, event_hash(event_id))[-MAX_RECENT:]
    return replace(state, folds=folds.advance(specs, state.folds, event), recent_events=recent)


def exposed(state: VisitorState, limits: Iterable[AnyCap], items: tuple[str, ...] | None, now: int) -> VisitorState:
    """The state after a visitor met these items, None: nobody knows which, in a slot with these caps."""
    counted = {**state.caps, **{cap.name: caps.met(cap, state.caps.get(cap.name, {}), items, now) for cap in limits}}
    return replace(state, caps={name: counts for name, counts in counted.items() if counts})


def exposures(state: VisitorState, limits: Iterable[AnyCap], now: int) -> dict[str, dict[str, int]]:
    """What counts now for each cap, by item or under `*` for the slot."""
    known = {cap.name: caps.counting(cap, state.caps.get(cap.name, {}), now) for cap in limits}
    return {name: counts for name, counts in known.items() if counts}


def _caps(loaded: LoadedBundle) -> Iterable[AnyCap]:
    return (cap for slot in loaded.slots.values() for cap in slot.spec.caps)


def _granted_folds(states: dict[str, Value], specs: tuple[FeatureSpec, ...]) -> dict[str, Value]:
    digests = {folds.fold_digest(spec.fold) for spec in specs if spec.fold is not None}
    return {digest: value for digest, value in states.items() if digest in digests}
