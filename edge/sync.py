"""Feature deltas on this node's disk, and how they become snapshots.

The file holds, for every entity and set of columns, the newest delta of the feed, and the cursor, in one transaction
per page. Deltas carry absolute values, so applying what is kept in order gives the state of the feed; a restart or a
new bundle takes up from there. Values that do not fit the bundle are passed over: the feed may serve another one too.
All calls block and belong in a thread; they take turns, for a task that is cancelled leaves its thread at work.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace

from contracts.codec import decode, encode, pack, unpack
from contracts.errors import ContractError
from contracts.features import Cursor, FeatureDelta, FeedPage
from edge.packed_deltas import PackedDelta, column_set, packed_delta
from edge.visitor_features import fitting, known_visitors
from engine.loaded import LoadedBundle
from engine.snapshot import VISITOR, Snapshot

_FORMAT = 3
_CHUNK = 1000
_BETWEEN = "\x1f"  # the names of a delta's columns
_SETTINGS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
_TABLES = f"""
DROP TABLE IF EXISTS item;
DROP TABLE IF EXISTS visitor;
DROP TABLE IF EXISTS feed;
CREATE TABLE item (name TEXT, entity TEXT, columns TEXT, seq INTEGER, body BLOB,
    PRIMARY KEY (name, entity, columns)) WITHOUT ROWID;
CREATE TABLE visitor (entity TEXT, columns TEXT, seq INTEGER, body BLOB, PRIMARY KEY (entity, columns));
CREATE TABLE feed (one INTEGER PRIMARY KEY CHECK (one = 1), cursor BLOB, answered_at INTEGER, newest INTEGER);
PRAGMA user_version = {_FORMAT};
"""


class FeedFile:
    """The feed as far as this node has read it, on disk. Times are in microseconds.

    `answered_at` is when the origin last answered, by this node's clock; `newest` the latest instant as of which a
    value was told.
    """

    cursor: Cursor
    answered_at: int | None
    newest: int

    def __init__(self, path: Path) -> None:
        self._turn = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(path)
        except sqlite3.OperationalError:  # it is locked, or the disk is full: the file is as good as it was
            raise
        except (sqlite3.DatabaseError, ContractError):  # the origin has it all: begin again
            path.unlink()
            self._open(path)

    def take(self, page: FeedPage, loaded: LoadedBundle, snapshot: Snapshot, now: int) -> Snapshot:
        """Puts a page on disk, with the cursor after it, and returns the snapshot after it.

        A page of another epoch replaces all that came before.
        """
        before = loaded.snapshot if page.is_reset else snapshot
        visitors = [(delta, packed_delta(delta)) for delta in page.deltas if delta.table == VISITOR]
        items = [delta for delta in page.deltas if delta.table != VISITOR]
        with self._turn:
            newest = max((delta.as_of for delta in page.deltas), default=0)
            newest = newest if page.is_reset else max(newest, self.newest)
            with self._database:
                self._keep(page, visitors, items, (encode(page.cursor), now, newest))
            self.cursor, self.answered_at, self.newest = page.cursor, now, newest
        return _after(loaded, before, ((delta.entity, packed) for delta, packed in visitors), items, page.cursor)

    def rebased(self, loaded: LoadedBundle) -> Snapshot:
        """A bundle's own snapshot with everything applied that is kept."""
        with self._turn:
            snapshot = _after(loaded, loaded.snapshot, self._visitors(), (), self.cursor)
            for deltas in self._items():
                snapshot = _after(loaded, snapshot, (), deltas, self.cursor)
        return snapshot

    def close(self) -> None:
        """Closes the file."""
        with self._turn:
            self._database.close()

    def _open(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.executescript(_SETTINGS)
        if self._database.execute("PRAGMA user_version").fetchone() != (_FORMAT,):  # new, or as another program kept it
            self._database.executescript(_TABLES)
        row = self._database.execute("SELECT cursor, answered_at, newest FROM feed").fetchone()
        self.cursor = Cursor() if row is None else decode(row[0], Cursor)
        self.answered_at, self.newest = (None, 0) if row is None else row[1:]

    def _keep(
        self,
        page: FeedPage,
        visitors: list[tuple[FeatureDelta, PackedDelta]],
        items: list[FeatureDelta],
        state: tuple[bytes, int, int],
    ) -> None:
        if page.is_reset:
            self._database.execute("DELETE FROM item")
            self._database.execute("DELETE FROM visitor")
        visitor_rows = ((delta.entity, _columns(delta), delta.seq, packed.body) for delta, packed in visitors)
        self._database.executemany("INSERT OR REPLACE INTO visitor VALUES (?, ?, ?, ?)", visitor_rows)
        item_rows = ((delta.table, delta.entity, _columns(delta), delta.seq, pack(delta)) for delta in items)
        self._database.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?)", item_rows)
        self._database.execute("INSERT OR REPLACE INTO feed VALUES (1, ?, ?, ?)", state)

    def _visitors(self) -> Iterator[tuple[str, PackedDelta]]:
        for entity, columns, body in self._database.execute("SELECT entity, columns, body FROM visitor ORDER BY seq"):
            yield entity, PackedDelta(column_set(tuple(columns.split(_BETWEEN))), body)

    def _items(self) -> Iterator[list[FeatureDelta]]:
        rows = self._database.execute("SELECT body FROM item ORDER BY name, seq")
        while chunk := rows.fetchmany(_CHUNK):
            yield [unpack(body, FeatureDelta) for (body,) in chunk]


def _after(
    loaded: LoadedBundle,
    snapshot: Snapshot,
    visitors: Iterable[tuple[str, PackedDelta]],
    items: Iterable[FeatureDelta],
    cursor: Cursor,
) -> Snapshot:
    declared = {table.name: {column.name: column.type for column in table.columns} for table in loaded.catalog.tables}
    fit = (
        replace(delta, values=dict(fitting(delta.values, declared[delta.table])))
        for delta in items
        if delta.table in declared
    )
    known = known_visitors(loaded, snapshot).after(visitors)
    return Snapshot(snapshot.with_deltas(fit, cursor).tables, known, cursor)


def _columns(delta: FeatureDelta) -> str:
    return _BETWEEN.join(sorted(delta.values))
