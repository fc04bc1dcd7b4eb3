"""From one bundle's tables to the next one's, at activation, without losing what came by feed."""

from collections.abc import Iterator, Mapping

import numpy as np

from contracts.features import Cursor, FeatureDelta, Status
from engine.snapshot import VISITOR, Column, Snapshot, Table


def rebased(snapshot: Snapshot, base: Mapping[str, Table]) -> Snapshot:
    """The tables of another bundle with the live values that are known here. Visitors stay.

    Where not all live values can be known here (new rows, new live columns) the cursor forgets the table's position,
    so that its reader asks for everything again; values are absolute, so nothing is lost by that.
    """
    kept = {name for name in base if _knows_all(snapshot.tables.get(name), base[name])} | {VISITOR}
    positions = {name: position for name, position in snapshot.cursor.positions.items() if name in kept}
    deltas = (delta for name in base if name in snapshot.tables for delta in _fed(snapshot.tables[name], base[name]))
    cursor = Cursor(epoch=snapshot.cursor.epoch, positions=positions)
    return Snapshot(base, snapshot.visitors).with_deltas(deltas, cursor)


def _knows_all(earlier: Table | None, table: Table) -> bool:
    live = [name for name, column in table.columns.items() if column.is_live]
    if not live:
        return True
    if earlier is None or not earlier.row_of.keys() >= table.row_of.keys():
        return False
    return all(_is_same(earlier.columns.get(name), table.columns[name]) for name in live)


def _is_same(earlier: Column | None, column: Column) -> bool:
    return earlier is not None and earlier.is_live and earlier.type is column.type


def _fed(earlier: Table, table: Table) -> Iterator[FeatureDelta]:
    """What came by feed, as the deltas that would bring it again."""
    for name, column in earlier.columns.items():
        if column.as_of is None or name not in table.columns or not _is_same(column, table.columns[name]):
            continue
        for row in np.flatnonzero(column.as_of).tolist():
            is_absent = column.status is not None and column.status[row] == Status.MISSING
            values = {name: None if is_absent else column.value_at(row)}
            yield FeatureDelta(
                table=earlier.name, seq=0, entity=earlier.ids[row], as_of=int(column.as_of[row]), values=values
            )
