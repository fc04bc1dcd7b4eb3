"""Controls on disk: each change is a row, the last one holds. Sequence numbers grow, over restarts too."""

from typing import Annotated

from msgspec import Meta

from contracts.codec import Contract, decode, pack
from contracts.controls import Controls
from contracts.events import Id
from origin.database import Connection

TABLES = ("CREATE TABLE IF NOT EXISTS controls (sequence INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)",)
Names = Annotated[tuple[Id, ...], Meta(max_length=1000)]


class Change(Contract, frozen=True):
    """What an operator posts: everything that is to be killed and held from now on, not a difference."""

    killed: Names
    holds: Names = ()


def current(connection: Connection) -> Controls:
    """The controls that hold now; sequence 0 before the first change."""
    row = connection.execute("SELECT sequence, body FROM controls ORDER BY sequence DESC LIMIT 1").fetchone()
    return Controls() if row is None else _controls(row[0], decode(row[1], Change))


def change(connection: Connection, to: Change) -> Controls:
    """Replaces the controls. Returns them with their new sequence number."""
    sequence = connection.execute("INSERT INTO controls (body) VALUES (?)", (pack(to),)).lastrowid
    return _controls(sequence or 0, to)


def _controls(sequence: int, change: Change) -> Controls:
    return Controls(sequence=sequence, killed=change.killed, holds=change.holds)
