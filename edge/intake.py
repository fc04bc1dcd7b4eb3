"""Events of a page: each checked on its own, folded into the visitor's state, counted, and on disk before the answer.

A malformed event is refused and named, and the others are taken. An unknown item is kept and counted. A repeated
event changes nothing.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from contracts.codec import Contract, convert
from contracts.decision import DecisionRequest
from contracts.errors import ContractError
from contracts.events import EXPOSURE, Event, StoredEvent
from contracts.features import INT64_MAX, INT64_MIN, FeatureSpec, Status, Value
from contracts.slots import AnyCap
from contracts.visitor_state import VisitorState
from edge import telemetry
from edge.activation import Live
from edge.caller import Caller
from edge.node import Node
from edge.pages import PageAsk
from edge.visits import caps_of, exposed, folded, has_seen, permitted
from engine.assign import assign
from engine.folds import FoldEvent
from engine.snapshot import Table

MAX_EVENTS = 100


class EventsAsk(Contract, frozen=True):
    """What a page reports, and which page or slots it wants decided again after it."""

    events: Annotated[tuple[object, ...], Meta(min_length=1, max_length=MAX_EVENTS)]
    decide: PageAsk | None = None


class Refusal(Contract, frozen=True):
    """An event that was not taken: where it stood, and what is wrong with it."""

    path: str
    detail: str


class Taken(Contract, frozen=True):
    """What became of a batch: how many are on disk, which were refused, the visitor's state after them."""

    stored: int
    state: VisitorState
    refused: tuple[Refusal, ...]


async def take(node: Node, live: Live, caller: Caller, events: tuple[object, ...]) -> Taken:
    """Takes a batch in. Raises `ContractError` when all of it is malformed, `SpoolFullError` when it cannot be kept."""
    valid, refused = _checked(events)
    if not valid:
        raise ContractError(refused[0].detail, refused[0].path)
    state = caller.state
    specs = permitted(live.loaded, caller.granted)
    stored: list[StoredEvent] = []
    for event in (_named(live, event) for event in valid):
        if caller.units and has_seen(state, event.id):
            continue
        tables = list(_tables_with(live, event))
        entry = _stored(node, live, caller, event)
        stored.append(entry)
        if caller.units:
            state = folded(state, event.id, _fold_event(entry, tables, specs), specs)
            state = exposed(state, _counted(live, caller, event), entry.seen, caller.now)
    if stored:
        await node.spool.store(stored)
    _count(node, stored, len(valid) - len(stored), len(refused))
    return Taken(stored=len(valid), state=state, refused=tuple(refused))


def _checked(events: tuple[object, ...]) -> tuple[list[Event], list[Refusal]]:
    valid: list[Event] = []
    refused: list[Refusal] = []
    for index, plain in enumerate(events):
        try:
            event = convert(plain, Event)
            _check_numbers(event)
            valid.append(event)
        except ContractError as error:
            refused.append(Refusal(path=f"$.events[{index}]{error.path[1:]}", detail=error.message))
    return valid, refused


def _named(live: Live, event: Event) -> Event:
    """The event with its slot, where it names its decision alone."""
    slot = (event.decision_id or "").rpartition(".")[2]
    return replace(event, slot=slot) if event.slot is None and slot in live.loaded.slots else event


def _check_numbers(event: Event) -> None:
    """Only numbers that every program downstream can hold."""
    for name, value in event.data.items():
        is_huge = isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX
        if is_huge or (isinstance(value, float) and not math.isfinite(value)):
            raise ContractError("neither a finite number nor one of 64 bits", f"$.data.{name[:80]}")


def _stored(node: Node, live: Live, caller: Caller, event: Event) -> StoredEvent:
    return StoredEvent(
        event=event,
        visitor=caller.units.get("visitor"),
        folded_at=caller.now,
        node=node.config.node,
        revision=live.loaded.revision,
        is_known_item=_names_known(live, event),
        seen=_seen(node, live, caller, event),
        is_qa=caller.qa is not None,
    )


def _names_known(live: Live, event: Event) -> bool:
    named = (*(() if event.item is None else (event.item,)), *(event.items or ()))
    return all(any(item in table.row_of for table in live.snapshot.tables.values()) for item in named)


def _tables_with(live: Live, event: Event) -> Iterable[Table]:
    """The tables that have the event's item, that of its slot first."""
    slot = live.loaded.slots.get(event.slot or "")
    first = () if slot is None else (slot.spec.table,)
    names = dict.fromkeys((*first, *live.snapshot.tables))
    return (live.snapshot.tables[name] for name in names if event.item in live.snapshot.tables[name].row_of)


def _fold_event(stored: StoredEvent, tables: list[Table], specs: Iterable[FeatureSpec]) -> FoldEvent:
    event, now = stored.event, stored.folded_at
    columns = _columns(tables[0], event.item, now, specs) if tables and event.item else {}
    return FoldEvent(event.type, now, event.item, event.slot, event.data, columns, stored.seen)


def _columns(table: Table, item: str, now: int, specs: Iterable[FeatureSpec]) -> Mapping[str, Value]:
    """The columns of the item that folds read, as far as it has them."""
    row = table.row_of[item]
    reads = (read for spec in specs if spec.fold for read in (spec.fold.key, spec.fold.value) if read)
    names = {read.removeprefix("item.") for read in reads if read.startswith("item.")}
    readable = (Status.PRESENT, Status.DEFAULT)
    columns = {name: table.columns[name] for name in names if name in table.columns}
    return {name: column.value_at(row) for name, column in columns.items() if column.status_at(row, now) in readable}


def _seen(node: Node, live: Live, caller: Caller, event: Event) -> tuple[str, ...] | None:
    """What an exposure counts for: what the page says it showed, which is the same on every node.

    A page that says nothing leaves it to the node that decided, while that remembers; None: nobody knows. Held-out
    visitors saw nothing, whatever the page says. Who lies about it moves their own counters and no one else's.
    """
    slot = live.loaded.slots.get(event.slot or "")
    if slot is None or not caller.units or not _counted(live, caller, event):
        return ()
    stub = DecisionRequest(request_id="", now=caller.now, slots=(slot.spec.name,), units=caller.units, qa=caller.qa)
    if assign(live.loaded, stub).held_out:
        return ()
    if event.items is not None:
        return event.items
    if event.item is not None:
        return (event.item,)
    found = node.recent.find(event.decision_id or "")
    return None if found is None else found[1].answer


def _counted(live: Live, caller: Caller, event: Event) -> tuple[AnyCap, ...]:
    """The caps that an event counts for."""
    slot = live.loaded.slots.get(event.slot or "")
    return () if slot is None or event.type != EXPOSURE else caps_of(slot, caller.granted)


def _count(node: Node, stored: list[StoredEvent], repeated: int, refused: int) -> None:
    node.telemetry.count(telemetry.EVENTS, by=len(stored))
    node.telemetry.count(telemetry.REPEATED_EVENTS, by=repeated)
    node.telemetry.count(telemetry.REFUSED_EVENTS, by=refused)
    node.telemetry.count(telemetry.UNKNOWN_ITEMS, by=sum(not event.is_known_item for event in stored))
    node.telemetry.count(telemetry.UNKNOWN_EXPOSURES, by=sum(event.seen is None for event in stored))
