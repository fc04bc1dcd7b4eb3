"""The collector: what edges send is logged once and folded once, in one transaction.

Bodies were checked against `contracts` before they come here. An unknown item is no error: its event is kept and
counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.events import StoredEvent
from origin import log
from origin.database import Connection
from origin.folding import Folding, fold


@dataclass(frozen=True)
class Collected:
    """What became of a batch: events logged, events that came again, events of unknown items, deltas published."""

    stored: int
    duplicates: int
    unknown_items: int
    deltas: int


def collect(connection: Connection, folding: Folding, events: Sequence[StoredEvent]) -> Collected:
    """Logs what is new of a batch and folds it."""
    new = log.append_events(connection, events)
    return Collected(
        stored=len(new),
        duplicates=len(events) - len(new),
        unknown_items=sum(not event.is_known_item for event in new),
        deltas=fold(connection, folding, new),
    )
