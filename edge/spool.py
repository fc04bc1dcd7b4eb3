"""What must outlive this process until the origin has it: events and decision records, in one SQLite file.

An event is acknowledged after its commit (WAL, synchronous=FULL). One thread does all writing: it gathers whatever
waits into one transaction. The file is capped. When it is full, events are refused with an error; records are dropped
and counted, and the next record that is kept says how many were. Records take at most half of the room, so that
events have the rest.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeAlias

from msgspec.structs import replace

from contracts.codec import encode, pack
from contracts.errors import ContractError, EdgewiseError
from contracts.events import StoredEvent
from contracts.record import DecisionRecord
from engine.records import sealed

MAX_WAITING_RECORDS = 2000
_MAX_EVENT_GROUP = 256
_MAX_RECORD_GROUP = 16  # records take long to encode, and events wait meanwhile
_IDLE_S = 0.05
_MAX_BATCH_BYTES = 4 * 1024 * 1024
_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS record (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
"""


class SpoolFullError(EdgewiseError):
    """The spool takes no more events until the origin has taken some."""


class SpoolDamagedError(EdgewiseError):
    """The file is no spool. Nobody but an operator may decide what becomes of the events in it."""


class Kind(StrEnum):
    """What the spool holds; also the names of its tables."""

    EVENT = "event"
    RECORD = "record"


@dataclass(frozen=True)
class Batch:
    """Spooled bodies, oldest first, and the sequence number of the last."""

    kind: Kind
    bodies: tuple[bytes, ...]
    last_seq: int


@dataclass(frozen=True)
class _Events:
    """Events of one request, and the future that waits for their commit."""

    bodies: tuple[bytes, ...]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[None]"

    def answer(self, error: EdgewiseError | None) -> None:
        self.loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: EdgewiseError | None) -> None:
        if self.done.cancelled():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


@dataclass(frozen=True)
class _Stop:
    """Nothing comes after this."""


_Item: TypeAlias = _Events | Batch | _Stop


class Spool:
    """The spool of one node. `dropped` counts records that were not kept since the node started."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._items: SimpleQueue[_Item] = SimpleQueue()
        self._records: deque[DecisionRecord] = deque()
        self._unmarked = 0
        self._undeleted: list[Batch] = []
        self.dropped = 0
        self._database = _opened(path)
        self._max_pages = max_bytes // self._pragma("page_size")
        self._database.execute(f"PRAGMA max_page_count = {self._max_pages}")
        self._lock = threading.Lock()
        self._counts = {kind: self._count(kind) for kind in Kind}
        self._writer = threading.Thread(target=self._write_all, name="spool", daemon=True)
        self._writer.start()

    @property
    def counts(self) -> dict[Kind, int]:
        """How many of each kind wait for the origin."""
        return dict(self._counts)

    async def store(self, events: Sequence[StoredEvent]) -> None:
        """Returns when the events are on disk. Raises `SpoolFullError` when they are not, and `ContractError`."""
        loop = asyncio.get_running_loop()
        ask = _Events(tuple(encode(event) for event in events), loop, loop.create_future())
        self._items.put(ask)
        await ask.done

    def offer(self, record: DecisionRecord) -> None:
        """Takes a record along without waiting, or drops and counts it. Its digests are computed by the writer."""
        if len(self._records) < MAX_WAITING_RECORDS:
            self._records.append(record)
        else:
            self._drop(1)

    def oldest(self, kind: Kind, limit: int, after: int = 0) -> Batch:
        """What the origin should have next, after a sequence number; bounded in bytes too. Blocks."""
        query = f"SELECT seq, body FROM {kind} WHERE seq > ? ORDER BY seq LIMIT ?"
        bodies: list[bytes] = []
        last_seq, size = 0, 0
        with closing(sqlite3.connect(self._path)) as database:
            for seq, body in database.execute(query, (after, limit)):
                size += len(body)
                if bodies and size > _MAX_BATCH_BYTES:
                    break
                bodies.append(body)
                last_seq = seq
        return Batch(kind, tuple(bodies), last_seq)

    def forget(self, batch: Batch) -> None:
        """The origin has these now."""
        self._items.put(batch)

    def close(self) -> None:
        """Writes all that waits, then ends. Blocks."""
        self._items.put(_Stop())
        self._writer.join()
        self._database.close()

    def _write_all(self) -> None:
        is_open = True
        while is_open or self._records:
            group = list(self._gather())
            is_open = is_open and not any(isinstance(item, _Stop) for item in group)
            self._write_events(group)
            self._write_records([self._records.popleft() for _ in range(min(_MAX_RECORD_GROUP, len(self._records)))])

    def _gather(self) -> Iterator[_Item]:
        try:
            yield self._items.get(timeout=0.0 if self._records else _IDLE_S)
            for _ in range(_MAX_EVENT_GROUP):
                yield self._items.get_nowait()
        except Empty:
            return

    def _write_events(self, group: list[_Item]) -> None:
        self._undeleted += [item for item in group if isinstance(item, Batch)]
        self._undeleted = [batch for batch in self._undeleted if not self._is_deleted(batch)]
        asks = [item for item in group if isinstance(item, _Events)]
        error = self._insert_events(asks) if asks else None
        for ask in asks:
            ask.answer(error)

    def _is_deleted(self, batch: Batch) -> bool:
        """Deletes in a transaction of its own, so that a full spool gets room; what fails is tried again."""
        try:
            with self._database:
                self._database.execute(f"DELETE FROM {batch.kind} WHERE seq <= ?", (batch.last_seq,))
        except sqlite3.Error:
            return False
        self._counts[batch.kind] -= len(batch.bodies)
        return True

    def _insert_events(self, asks: list[_Events]) -> EdgewiseError | None:
        bodies = [(body,) for ask in asks for body in ask.bodies]
        try:
            with self._database:
                self._database.executemany("INSERT INTO event (body) VALUES (?)", bodies)
        except sqlite3.Error as error:
            return SpoolFullError(f"the spool takes no events now ({error}); it will when the origin has taken some")
        self._counts[Kind.EVENT] += len(bodies)
        return None

    def _write_records(self, records: list[DecisionRecord]) -> None:
        if not records:
            return
        marked = self._unmarked
        bodies = list(_finished(records, marked)) if self._has_room_for_records() else []
        try:
            with self._database:
                self._database.executemany("INSERT INTO record (body) VALUES (?)", [(body,) for body in bodies])
        except sqlite3.Error:
            bodies = []
        self._counts[Kind.RECORD] += len(bodies)
        self._drop(len(records) - len(bodies), marked if bodies else 0)

    def _drop(self, records: int, marked: int = 0) -> None:
        """Counts drops; `marked` of those before are told by a record that was kept."""
        with self._lock:
            self.dropped += records
            self._unmarked += records - marked

    def _has_room_for_records(self) -> bool:
        return (self._pragma("page_count") - self._pragma("freelist_count")) * 2 < self._max_pages

    def _pragma(self, name: str) -> int:
        (value,) = self._database.execute(f"PRAGMA {name}").fetchone()
        return int(value)

    def _count(self, kind: Kind) -> int:
        (count,) = self._database.execute(f"SELECT count(*) FROM {kind}").fetchone()
        return int(count)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(path, check_same_thread=False)
        database.executescript(_TABLES)
    except sqlite3.DatabaseError as error:
        raise SpoolDamagedError(f"the spool {path} cannot be read ({error}): move it away, then start again") from None
    return database


def _finished(records: list[DecisionRecord], dropped_before: int) -> Iterator[bytes]:
    """Records with their digests, packed. The first says how many were dropped before it."""
    for record in records:
        try:
            finished = sealed(record)
        except ContractError:  # a number without a canonical form: no replay could compare it
            continue
        yield pack(replace(finished, dropped_before=dropped_before))
        dropped_before = 0
