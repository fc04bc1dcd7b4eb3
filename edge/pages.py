"""One page's decisions: from what a page asks to `DecisionRequest`, `decide`, the record, and what the page is told."""

import difflib
import math
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from starlette.types import Scope

from contracts.codec import Contract
from contracts.decision import Cause, Decision, DecisionRequest, Prop, RankedItem, Reason, Tier
from contracts.errors import ContractError
from contracts.features import FeatureSpec, Root, Value, ValueType, conform
from contracts.slots import AnyCap
from edge.activation import Live
from edge.caller import Caller
from edge.config import parse_instant
from edge.deadline import Arrival, Deadline, decide_in_time
from edge.node import Node
from edge.recording import record_of
from edge.visitor_features import known_visitors
from edge.visits import caps_of, exposures, permitted
from edge.wire import UnknownNameError
from engine import folds

_REQUEST_ID_BYTES = 12
MILLISECONDS = 1000.0


class PageAsk(Contract, frozen=True):
    """What a page asks for: all slots of a page or some by name, and declared request features."""

    page: str | None = None
    slots: tuple[str, ...] | None = None
    context: dict[str, Value] = {}


class SlotAnswer(Contract, frozen=True):
    """One slot as the page is told. A ranking's `props` hold `items` in answer order."""

    decision_id: str
    tier: Tier
    cause: Cause | None
    reason: Reason
    answer: tuple[str, ...]
    propensity: float | None
    offer_id: str | None
    component: str
    props: dict[str, Prop | tuple[RankedItem, ...]]
    why: str | None


class PageAnswer(Contract, frozen=True):
    """The slots of a page by name, and the revision that decided them."""

    revision: str
    page: str | None
    slots: dict[str, SlotAnswer]


@dataclass(frozen=True)
class Decided:
    """A page's answer, and how long it took the engine and in all since the request's arrival."""

    answer: PageAnswer
    engine_s: float
    total_s: float

    @property
    def server_timing(self) -> tuple[bytes, bytes]:
        """The Server-Timing header."""
        engine_ms, total_ms = self.engine_s * MILLISECONDS, self.total_s * MILLISECONDS
        return b"server-timing", f"decide;dur={engine_ms:.3f}, total;dur={total_ms:.3f}".encode()


def decide_page(node: Node, live: Live, caller: Caller, ask: PageAsk, arrival: Arrival) -> Decided:
    """Decides what a page asks for. Raises `UnknownNameError` and `ContractError` naming the path."""
    request = _request(node, live, caller, ask)
    deadline = Deadline(node.config.budget_ms / MILLISECONDS, arrival.at_s, arrival.lateness_s)
    clock = node.clock.monotonic_s
    started_s = clock()
    timely = decide_in_time(live.loaded, request, live.snapshot, node.controls.current, deadline, clock)
    ended_s = clock()
    node.telemetry.decided(timely.decisions, ended_s - arrival.at_s, timely.bugs, is_qa=request.qa is not None)
    record = record_of(node, live, timely)
    known = known_visitors(live.loaded, live.snapshot)
    node.recent.add(record, known.of(timely.request.units.get("visitor")))
    node.spool.offer(record)
    slots = {each.slot: _slot_answer(each) for each in timely.decisions.decisions}
    answer = PageAnswer(revision=live.loaded.revision, page=request.page, slots=slots)
    return Decided(answer, ended_s - started_s, ended_s - arrival.at_s)


def arrival_of(node: Node, scope: Scope) -> Arrival:
    """When a request had arrived, as its connection noted; now, where nobody did."""
    arrival = scope.get("edgewise.arrival")
    return arrival if isinstance(arrival, Arrival) else Arrival(node.clock.monotonic_s(), 0.0)


def context_of_query(live: Live, query: Mapping[str, str]) -> dict[str, Value]:
    """The context that an address carries, read as its declared types."""
    types = {spec.name: spec.type for spec in live.loaded.schema.of(Root.REQUEST)}
    return {name: _read(text, types.get(name), f"?{name[:80]}") for name, text in query.items() if name != "as"}


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence about a name nobody knows, with the nearest one."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"no {kind} is named {name[:80]!r} in this bundle" + (f"; did you mean {near[0]!r}?" if near else "")


def _read(text: str, kind: ValueType | None, path: str) -> Value:
    readers: dict[ValueType | None, Callable[[str], Value]] = {
        ValueType.BOOL: {"true": True, "false": False}.__getitem__,
        ValueType.INT: int,
        ValueType.DOUBLE: float,
        ValueType.TIMESTAMP: lambda told: parse_instant(told, path),
        ValueType.STRINGS: lambda joined: tuple(joined.split(",")),
    }
    try:
        return readers.get(kind, str)(text)
    except (KeyError, ValueError):
        raise ContractError(f"expected {kind}, got {text[:80]!r}", path) from None


def _request(node: Node, live: Live, caller: Caller, ask: PageAsk) -> DecisionRequest:
    slots = _slots(live, ask)
    specs = permitted(live.loaded, caller.granted) if caller.units else ()
    limits = _caps(live, slots, caller.granted) if caller.units else ()
    return DecisionRequest(
        request_id=secrets.token_hex(_REQUEST_ID_BYTES),
        now=caller.now,
        slots=slots,
        page=ask.page,
        units=caller.units,
        granted=caller.granted,
        is_opted_out=caller.state.consent.is_opted_out,
        is_gpc=caller.is_gpc,
        is_bot=caller.is_bot,
        qa=caller.qa,
        is_feed_stale=node.is_feed_stale(),
        visitor_state=folds.read(specs, caller.state.folds, caller.now),
        exposures=exposures(caller.state, limits, caller.now),
        context=_context(live, ask.context, caller.granted),
    )


def _slots(live: Live, ask: PageAsk) -> tuple[str, ...]:
    if (ask.page is None) == (ask.slots is None):
        raise ContractError("name either a page or slots")
    if ask.slots is None:
        slots = live.loaded.pages.get(ask.page or "")
        if slots is None:
            raise UnknownNameError(unknown("page", ask.page or "", live.loaded.pages), "$.page")
        return slots
    for index, name in enumerate(ask.slots):
        if name not in live.loaded.slots:
            raise UnknownNameError(unknown("slot", name, live.loaded.slots), f"$.slots[{index}]")
    if not ask.slots or len(set(ask.slots)) < len(ask.slots):
        raise ContractError("name at least one slot, and each once", "$.slots")
    return ask.slots


def _context(live: Live, context: Mapping[str, Value], granted: Collection[str]) -> dict[str, Value]:
    """The declared request features as their types; what was told for a purpose that is not granted is passed over."""
    declared = {spec.name: spec for spec in live.loaded.schema.of(Root.REQUEST)}
    for name in context:
        if name not in declared:
            raise ContractError(unknown("request feature", name, declared), f"$.context.{name[:80]}")
    told = {name: _conformed(declared[name], value, f"$.context.{name}") for name, value in context.items()}
    return {name: value for name, value in told.items() if declared[name].purpose in (None, *granted)}


def _conformed(spec: FeatureSpec, value: Value, path: str) -> Value:
    conformed = conform(value, spec.type, path)
    numbers = conformed.values() if isinstance(conformed, dict) else (conformed,)
    if not all(math.isfinite(number) for number in numbers if isinstance(number, float)):
        raise ContractError("not a finite number", path)
    if spec.values and conformed not in spec.values:
        raise ContractError(f"{str(value)[:80]!r} is not one of {', '.join(spec.values)}", path)
    return conformed


def _caps(live: Live, slots: Iterable[str], granted: Collection[str]) -> Iterable[AnyCap]:
    return (cap for name in slots for cap in caps_of(live.loaded.slots[name], granted))


def _slot_answer(decision: Decision) -> SlotAnswer:
    ranked: dict[str, tuple[RankedItem, ...]] = {"items": decision.items} if decision.items else {}
    return SlotAnswer(
        decision_id=decision.decision_id,
        tier=decision.tier,
        cause=decision.cause,
        reason=decision.reason,
        answer=decision.answer,
        propensity=decision.propensity,
        offer_id=decision.offer_id,
        component=decision.component,
        props={**decision.props, **ranked},
        why=decision.why,
    )
