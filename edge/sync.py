"""Feature deltas on this node's disk, and how they become snapshots.

The file holds, for every entity and set of columns, the newest delta of the feed, and the cursor, in one transaction
per page. Deltas carry absolute values, so applying what is kept in order gives the state of the feed; a restart or a
new bundle takes up from there. Values that do not fit the bundle are passed over: the feed may serve another one too.
All calls block and belong in a thread, one at a time.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from contracts.codec import decode, encode
from contracts.errors import ContractError
from contracts.features import Cursor, FeatureDelta, FeedPage, Root, Value, ValueType, conform
from engine.loaded import LoadedBundle
from engine.snapshot import VISITOR, Snapshot

_CHUNK = 4000
_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS delta (name TEXT, entity TEXT, columns TEXT, seq INTEGER, body BLOB,
    PRIMARY KEY (name, entity, columns)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed (one INTEGER PRIMARY KEY CHECK (one = 1), cursor BLOB, answered_at INTEGER);
"""


class FeedFile:
    """The feed as far as this node has read it. `cursor` and `answered_at` (node's clock, microseconds) are on disk."""

    cursor: Cursor
    answered_at: int | None

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(path)
        except (sqlite3.DatabaseError, ContractError):  # the origin has it all: begin again
            path.unlink()
            self._open(path)

    def keep(self, page: FeedPage, now: int) -> None:
        """Puts a page on disk, with the cursor after it. A page of another epoch replaces all that came before."""
        with self._database:
            if page.is_reset:
                self._database.execute("DELETE FROM delta")
            self._database.executemany("INSERT OR REPLACE INTO delta VALUES (?, ?, ?, ?, ?)", map(_row, page.deltas))
            feed = (encode(page.cursor), now)
            self._database.execute("INSERT OR REPLACE INTO feed VALUES (1, ?, ?)", feed)
        self.cursor, self.answered_at = page.cursor, now

    def rebased(self, loaded: LoadedBundle) -> Snapshot:
        """A bundle's own snapshot with everything applied that is kept."""
        snapshot = loaded.snapshot.with_deltas((), self.cursor)
        for deltas in self._chunks():
            snapshot = snapshot.with_deltas(_fitting(loaded, deltas), self.cursor)
        return snapshot

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def _open(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.executescript(_TABLES)
        row = self._database.execute("SELECT cursor, answered_at FROM feed").fetchone()
        self.cursor = Cursor() if row is None else decode(row[0], Cursor)
        self.answered_at = None if row is None else row[1]

    def _chunks(self) -> Iterator[list[FeatureDelta]]:
        rows = self._database.execute("SELECT body FROM delta ORDER BY name, seq")
        while chunk := rows.fetchmany(_CHUNK):
            yield [decode(body, FeatureDelta) for (body,) in chunk]


def after_page(loaded: LoadedBundle, snapshot: Snapshot, page: FeedPage) -> Snapshot:
    """The snapshot after a page of the feed."""
    before = loaded.snapshot if page.is_reset else snapshot
    return before.with_deltas(_fitting(loaded, page.deltas), page.cursor)


def _fitting(loaded: LoadedBundle, deltas: Iterable[FeatureDelta]) -> Iterator[FeatureDelta]:
    """The deltas with the values that this bundle declares, as the types that it declares."""
    declared = {table.name: {c.name: c.type for c in table.columns} for table in loaded.catalog.tables}
    declared[VISITOR] = {spec.name: spec.type for spec in loaded.schema.of(Root.VISITOR)}
    for delta in deltas:
        if delta.table in declared:
            yield replace(delta, values=dict(_values(delta.values, declared[delta.table])))


def _values(
    values: Mapping[str, Value | None], declared: Mapping[str, ValueType]
) -> Iterator[tuple[str, Value | None]]:
    for name, value in values.items():
        if name in declared:
            try:
                yield name, None if value is None else conform(value, declared[name], name)
            except ContractError:
                continue


def _row(delta: FeatureDelta) -> tuple[str, str, str, int, bytes]:
    return delta.table, delta.entity, "\x1f".join(sorted(delta.values)), delta.seq, encode(delta)
