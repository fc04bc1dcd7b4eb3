"""The feed: changes of features and live columns, one gap-free sequence per epoch and table, read by cursor.

A delta holds absolute values, so a reader who applies what it is given, in order, has the state at its cursor. Catalog
deltas are all kept: a replay reads the catalog as of any cursor (`until`). Of visitors, deltas that later ones have
replaced altogether are dropped, because records hold visitor values inline. Deltas lie here as the bytes that are sent.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import msgspec

from contracts.codec import Contract, decode, pack
from contracts.errors import ContractError
from contracts.features import Cursor, FeatureDelta, Value
from engine.hashing import content_digest
from engine.snapshot import VISITOR
from origin.database import Connection

TABLES = (
    "CREATE TABLE IF NOT EXISTS epoch (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS delta (epoch INTEGER, name TEXT, seq INTEGER, body BLOB NOT NULL,"
    " UNIQUE (epoch, name, seq))",
    "CREATE TABLE IF NOT EXISTS head (epoch INTEGER, name TEXT, seq INTEGER NOT NULL, PRIMARY KEY (epoch, name))",
    "CREATE TABLE IF NOT EXISTS current (name TEXT, source TEXT, entity TEXT, columns BLOB NOT NULL,"
    " PRIMARY KEY (name, source, entity)) WITHOUT ROWID",
)
MAX_ROWS = 10_000
MAX_BYTES = 4 * 1024 * 1024
_DIGEST_DIGITS = 16
_ABSENT = msgspec.Raw(pack(None))


class Source(StrEnum):
    """Who computes a column: each writes its own columns and compares with what it wrote before."""

    BATCH = "batch"
    FOLD = "fold"


class Written(Contract, frozen=True):
    """What the feed last said of a column: in which delta, and the digest of the value."""

    seq: int
    digest: str


Columns = dict[str, Written]
_COLUMNS = msgspec.msgpack.Decoder(Columns)
Packed = tuple[msgspec.Raw, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be said of an entity: new values as bytes with their digests, and what the feed said before."""

    entity: str
    before: bytes | None
    values: Mapping[str, Packed]


@dataclass(frozen=True)
class Query:
    """What a reader asks: after `cursor`, at most `limit` deltas; with `until`, of those tables and no farther."""

    cursor: Cursor
    limit: int = MAX_ROWS
    until: Mapping[str, int] | None = None


class Page(Contract, frozen=True):
    """`contracts.features.FeedPage` with the deltas still as bytes."""

    cursor: Cursor
    deltas: tuple[msgspec.Raw, ...]
    is_reset: bool = False
    is_last: bool = True


class Delta(Contract, frozen=True):
    """`contracts.features.FeatureDelta` with the values still as bytes."""

    table: str
    seq: int
    entity: str
    as_of: int
    values: dict[str, msgspec.Raw]


def begin_epoch(connection: Connection) -> str:
    """Starts a new epoch: every reader begins again, and nothing counts as published. Returns its name."""
    name = secrets.token_hex(8)
    connection.execute("DELETE FROM current")
    connection.execute("INSERT INTO epoch (name) VALUES (?)", (name,))
    return name


def begin_first_epoch(connection: Connection) -> None:
    """Starts an epoch if there is none."""
    if not current_epoch(connection):
        begin_epoch(connection)


def current_epoch(connection: Connection) -> str:
    """The epoch that deltas are appended to, empty before the first."""
    row = connection.execute("SELECT name FROM epoch ORDER BY number DESC LIMIT 1").fetchone()
    return "" if row is None else str(row[0])


def heads(connection: Connection) -> dict[str, int]:
    """The last sequence number of each table in the current epoch."""
    number = _number(connection, current_epoch(connection))
    return dict(connection.execute("SELECT name, seq FROM head WHERE epoch = ?", (number,)))


def written(connection: Connection, table: str, source: Source) -> dict[str, bytes]:
    """What the feed says of every entity of a table, by entity, as `change_of` takes it."""
    rows = connection.execute("SELECT entity, columns FROM current WHERE name = ? AND source = ?", (table, source))
    return dict(rows)


def written_of(connection: Connection, table: str, source: Source, entity: str) -> bytes | None:
    """The same for one entity."""
    select = "SELECT columns FROM current WHERE name = ? AND source = ? AND entity = ?"
    row = connection.execute(select, (table, source, entity)).fetchone()
    return None if row is None else bytes(row[0])


def change_of(
    entity: str, before: bytes | None, values: Mapping[str, Value | None], confirmed: frozenset[str] = frozenset()
) -> Change:
    """The values that differ from what the feed said before. Columns in `confirmed` are said again although equal."""
    known = _columns(before)
    packed = {name: _pack(value) for name, value in values.items()}
    news = {
        name: each for name, each in packed.items() if _is_news(known.get(name), each, is_confirmed=name in confirmed)
    }
    return Change(entity, before, news)


def append(connection: Connection, table: str, source: Source, as_of: int, changes: Iterable[Change]) -> int:
    """Appends one delta per entity that has changes; `as_of` in microseconds. Returns how many there were.

    Nothing but this may have been written from `source` since the changes were found.
    """
    said = [change for change in changes if change.values]
    if not said:
        return 0
    number = _number(connection, current_epoch(connection))
    head = heads(connection).get(table, 0)
    rows = ((number, table, seq, pack(_delta(table, seq, as_of, change))) for seq, change in enumerate(said, head + 1))
    connection.executemany("INSERT INTO delta VALUES (?, ?, ?, ?)", rows)
    replaced = _note(connection, table, source, head, said)
    if table == VISITOR:
        dead = ((number, table, seq) for seq in replaced)
        connection.executemany("DELETE FROM delta WHERE epoch = ? AND name = ? AND seq = ?", dead)
    connection.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", (number, table, head + len(said)))
    return len(said)


def page(connection: Connection, query: Query) -> Page:
    """What comes after a cursor. An unknown cursor is reset; an unknown epoch with `until` is a `ContractError`."""
    epoch, ends = query.cursor.epoch, query.until
    if ends is None:
        epoch, ends = current_epoch(connection), heads(connection)
    number = _number(connection, epoch)
    if number == 0 and query.until is not None:
        raise ContractError(f"this origin never had an epoch {epoch!r}: ask the one that the record came from", "epoch")
    asked = query.cursor.positions
    is_reset = epoch != query.cursor.epoch or any(asked.get(name, 0) > end for name, end in ends.items())
    positions = {name: 0 if is_reset else asked.get(name, 0) for name in ends}
    rows = _rows(connection, number, positions, ends)
    found = list(_bounded(rows, min(query.limit, MAX_ROWS)))
    positions.update((name, seq) for name, seq, _ in found)
    return Page(
        cursor=Cursor(epoch=epoch, positions=positions),
        deltas=tuple(msgspec.Raw(body) for _, _, body in found),
        is_reset=is_reset,
        is_last=next(rows, None) is None,
    )


def last_said(connection: Connection, table: str, entity: str, column: str) -> FeatureDelta | None:
    """The delta with the newest batch value of a column, None when the feed never gave one."""
    known = _columns(written_of(connection, table, Source.BATCH, entity)).get(column)
    if known is None:
        return None
    number = _number(connection, current_epoch(connection))
    select = "SELECT body FROM delta WHERE epoch = ? AND name = ? AND seq = ?"
    return decode(connection.execute(select, (number, table, known.seq)).fetchone()[0], FeatureDelta)


def _number(connection: Connection, epoch: str) -> int:
    row = connection.execute("SELECT number FROM epoch WHERE name = ?", (epoch,)).fetchone()
    return 0 if row is None else int(row[0])


def _columns(blob: bytes | None) -> Columns:
    return {} if blob is None else _COLUMNS.decode(blob)


def _pack(value: Value | None) -> Packed:
    packed = pack(dict(sorted(value.items())) if isinstance(value, dict) else value)
    return msgspec.Raw(packed), content_digest(packed)[:_DIGEST_DIGITS]


def _is_news(known: Written | None, packed: Packed, *, is_confirmed: bool) -> bool:
    raw, digest = packed
    if known is None:
        return raw != _ABSENT
    return (is_confirmed and raw != _ABSENT) or known.digest != digest


def _delta(table: str, seq: int, as_of: int, change: Change) -> Delta:
    values = {name: raw for name, (raw, _) in change.values.items()}
    return Delta(table=table, seq=seq, entity=change.entity, as_of=as_of, values=values)


def _note(connection: Connection, table: str, source: Source, head: int, said: Iterable[Change]) -> list[int]:
    """Notes what the deltas after `head` say of their columns. Returns those that say nothing any more."""
    replaced: list[int] = []
    rows = []
    for seq, change in enumerate(said, head + 1):
        before = _columns(change.before)
        after = before | {name: Written(seq=seq, digest=digest) for name, (_, digest) in change.values.items()}
        rows.append((table, source, change.entity, pack(after)))
        replaced += {each.seq for each in before.values()} - {each.seq for each in after.values()}
    connection.executemany("INSERT OR REPLACE INTO current VALUES (?, ?, ?, ?)", rows)
    return replaced


def _rows(
    connection: Connection, epoch: int, positions: Mapping[str, int], ends: Mapping[str, int]
) -> Iterator[tuple[str, int, bytes]]:
    select = "SELECT name, seq, body FROM delta WHERE epoch = ? AND name = ? AND seq > ? AND seq <= ? ORDER BY seq"
    for name, end in sorted(ends.items()):
        yield from connection.execute(select, (epoch, name, positions[name], end))


def _bounded(rows: Iterator[tuple[str, int, bytes]], limit: int) -> Iterator[tuple[str, int, bytes]]:
    """At most `limit` rows, and no more once they exceed `MAX_BYTES`; always one, so that readers get on."""
    size = 0
    for row in islice(rows, limit):
        yield row
        size += len(row[2])
        if size >= MAX_BYTES:
            return
