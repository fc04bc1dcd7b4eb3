"""Events -> the visitor features that the bundle declares with a fold, published to the feed under the pseudonym.

The states lie beside the log and move in the transaction that logs the event, so a retry folds nothing twice. Folds run
at the event's `folded_at`, as on the edge. Events without a visitor are logged and not folded.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.bundle import Bundle
from contracts.catalog import ID, CatalogSchema, ColumnData, TableSpec
from contracts.codec import Contract, decode, pack
from contracts.events import StoredEvent
from contracts.features import FeatureSchema, FeatureSpec, Root, Status, Value
from engine import folds
from engine.column import read_column
from engine.folds import FoldEvent
from engine.snapshot import VISITOR, Table
from origin import feed
from origin.database import Connection

TABLES = ("CREATE TABLE IF NOT EXISTS profile (visitor TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID",)
_ITEM = "item."


class Profile(Contract, frozen=True):
    """The fold states of a visitor by fold digest, and the latest instant (microseconds) at which one was folded."""

    states: dict[str, Value] = {}
    as_of: int = 0


@dataclass(frozen=True)
class Folding:
    """The folded visitor features of a bundle, and the catalog columns that their folds read of an item."""

    specs: tuple[FeatureSpec, ...]
    tables: tuple[Table, ...]


def folding_of(bundle: Bundle) -> Folding:
    """Reads what folds need of a bundle. Raises `ContractError` or `NotRunnableError`."""
    specs = tuple(spec for spec in bundle.read("schema", FeatureSchema).of(Root.VISITOR) if spec.fold is not None)
    named = {name for spec in specs if spec.fold for name in (spec.fold.key, spec.fold.value) if name}
    columns = {name.removeprefix(_ITEM) for name in named if name.startswith(_ITEM)}
    catalog = bundle.read("catalog", CatalogSchema)
    tables = tuple(_table(bundle, spec, columns) for spec in catalog.tables) if columns else ()
    return Folding(specs, tables)


def fold(connection: Connection, folding: Folding, events: Iterable[StoredEvent]) -> int:
    """Moves the states of the events' visitors and publishes what changed. Returns the number of deltas."""
    by_visitor: dict[str, list[StoredEvent]] = defaultdict(list)
    types = {each for spec in folding.specs if spec.fold for each in folds.events_of(spec.fold)}
    for event in events:
        if event.visitor is not None and event.event.type in types:
            by_visitor[event.visitor].append(event)
    return sum(_fold_visitor(connection, folding, *entry) for entry in by_visitor.items())


def forget(connection: Connection) -> None:
    """Drops all states, so that they can be folded anew from the log."""
    connection.execute("DELETE FROM profile")


def _fold_visitor(connection: Connection, folding: Folding, visitor: str, events: list[StoredEvent]) -> int:
    row = connection.execute("SELECT state FROM profile WHERE visitor = ?", (visitor,)).fetchone()
    profile = Profile() if row is None else decode(row[0], Profile)
    states: Mapping[str, Value] = profile.states
    for event in events:
        states = folds.advance(folding.specs, states, _fold_event(connection, folding, event))
    as_of = max(profile.as_of, *(event.folded_at for event in events))
    state = pack(Profile(states=dict(states), as_of=as_of))
    connection.execute("INSERT OR REPLACE INTO profile VALUES (?, ?)", (visitor, state))
    before = feed.written_of(connection, VISITOR, feed.Source.FOLD, visitor)
    change = feed.change_of(visitor, before, folds.read(folding.specs, states, as_of))
    return feed.append(connection, VISITOR, feed.Source.FOLD, as_of, [change])


def _fold_event(connection: Connection, folding: Folding, stored: StoredEvent) -> FoldEvent:
    event = stored.event
    columns = {} if event.item is None else _columns(connection, folding, event.item, stored.folded_at)
    return FoldEvent(event.type, stored.folded_at, event.item, event.slot, event.data, columns, stored.seen)


def _columns(connection: Connection, folding: Folding, item: str, now: int) -> dict[str, Value]:
    """The columns of an item as they read at `now`; those that are MISSING are left out."""
    table = next((table for table in folding.tables if item in table.row_of), None)
    if table is None:
        return {}
    read = {name: _read(connection, table, name, item, now) for name in table.columns}
    return {name: value for name, value in read.items() if value is not None}


def _read(connection: Connection, table: Table, name: str, item: str, now: int) -> Value | None:
    """What the feed last said of a live column, else the bundle's own value."""
    column, row = table.columns[name], table.row_of[item]
    said = feed.last_said(connection, table.name, item, name) if column.is_live else None
    if said is not None:
        return said.values[name] if said.as_of <= now else None
    return None if column.status_at(row, now) is Status.MISSING else column.value_at(row)


def _table(bundle: Bundle, spec: TableSpec, columns: set[str]) -> Table:
    wanted = [column for column in spec.columns if column.name == ID or column.name in columns]
    read = {
        column.name: read_column(
            bundle.read(f"column/{spec.name}/{column.name}", ColumnData), spec.rows, is_live=column.is_live
        )
        for column in wanted
    }
    return Table(spec.name, read)
