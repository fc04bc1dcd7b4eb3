"""Events: what pages tell. Written by pages, folded by edge and origin, kept in the origin's log."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from contracts.codec import Contract
from contracts.slots import MAX_POSITIONS

Id = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=512)]
Instant = Annotated[datetime, Meta(tz=True)]
EXPOSURE = "exposure"


class Event(Contract, frozen=True):
    """One event. `id` makes retries harmless; `at` is the page's clock, kept but never used in decisions.

    `item` names a catalog row when there is one (unknown ids are kept and counted); `data` holds small scalars.
    `items` are what an exposure showed, at most as many as a slot answers: none for plain content, None where the
    page does not tell. Any node can count by them; without them only `item` tells, or the node that decided.
    """

    id: Id
    type: Id
    at: Instant
    item: Id | None = None
    items: Annotated[tuple[Id, ...], Meta(max_length=MAX_POSITIONS)] | None = None
    slot: Id | None = None
    decision_id: Id | None = None
    data: Annotated[dict[str, bool | int | float | Text | None], Meta(max_length=32)] = {}


class StoredEvent(Contract, frozen=True):
    """An event as the edge spooled it: who (a pseudonym, None without consent), when it was folded, on which node.

    `folded_at` is `request.now` of its POST in microseconds; folds run at that instant everywhere. `seen` are the items
    that an exposure counts for: none where the visitor was held out or met plain content, None where nobody knows
    them: it counts for the slot then. What `is_qa` is left out of measurement.
    """

    event: Event
    visitor: str | None
    folded_at: int
    node: str
    revision: str
    is_known_item: bool = True
    seen: tuple[Id, ...] | None = ()
    is_qa: bool = False
