"""The log: every event and every decision record, once, in the order of arrival. Append-only.

Whatever else the origin knows of events follows from here. An event is known by its id, a record by its request id; one
that comes again changes nothing.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from contracts.codec import Contract, decode, encode, pack
from contracts.events import StoredEvent
from contracts.record import DecisionRecord
from origin.database import Connection

TABLES = (
    "CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, folded_at INTEGER NOT NULL,"
    " body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS record (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)",
)
MAX_RECORDS = 1000
MAX_BYTES = 8 * 1024 * 1024


class RecordsPage(Contract, frozen=True):
    """Records still as bytes, in the order of their arrival; `next` is where to go on."""

    records: tuple[msgspec.Raw, ...]
    next: int


def append_events(connection: Connection, events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Appends events. Returns those that are new."""
    insert = "INSERT OR IGNORE INTO event (id, folded_at, body) VALUES (?, ?, ?)"
    return [
        event
        for event in events
        if connection.execute(insert, (event.event.id, event.folded_at, encode(event))).rowcount == 1
    ]


def append_records(connection: Connection, records: Iterable[DecisionRecord]) -> int:
    """Appends decision records. Returns how many are new."""
    insert = "INSERT OR IGNORE INTO record (id, body) VALUES (?, ?)"
    return sum(connection.execute(insert, (record.request.request_id, pack(record))).rowcount for record in records)


def events_until(connection: Connection, instant: int) -> Iterator[StoredEvent]:
    """The events folded at or before an instant (microseconds), in the order of arrival."""
    for (body,) in connection.execute("SELECT body FROM event WHERE folded_at <= ? ORDER BY number", (instant,)):
        yield decode(body, StoredEvent)


def records_after(connection: Connection, after: int, limit: int) -> RecordsPage:
    """The records that arrived after the one of this number, as many as fit into one answer."""
    rows = connection.execute("SELECT number, body FROM record WHERE number > ? ORDER BY number", (after,))
    bodies: list[msgspec.Raw] = []
    size = 0
    for number, body in islice(rows, min(limit, MAX_RECORDS)):
        after, size = number, size + len(body)
        bodies.append(msgspec.Raw(body))
        if size >= MAX_BYTES:
            break
    return RecordsPage(records=tuple(bodies), next=after)
