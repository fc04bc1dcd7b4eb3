"""A table with rows changed or made up for one case of a test. Pure: the table that is given stays as it is.

Values come in as feed deltas do, by `Snapshot.with_deltas`; here rows are only made room for. A value that a made-up
row lacks is MISSING.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contracts.catalog import ID
from contracts.features import Cursor, FeatureDelta, Status, Value, ValueType
from engine.column import Column
from engine.snapshot import Snapshot, Table


def with_rows(table: Table, rows: Mapping[str, Mapping[str, Value]]) -> Table:
    """The table in which these rows hold, by id; those that it lacks are added in the order of ids."""
    if not rows:
        return table
    wider = _with_blanks(table, sorted(rows.keys() - table.row_of.keys()))
    live = {name: replace(column, is_live=True) for name, column in wider.columns.items()}
    deltas = [
        FeatureDelta(table=table.name, seq=0, entity=identity, as_of=0, values=dict(values))
        for identity, values in rows.items()
    ]
    snapshot = Snapshot({table.name: Table(table.name, live)})
    return snapshot.with_deltas(deltas, Cursor()).tables[table.name]


def _with_blanks(table: Table, ids: Sequence[str]) -> Table:
    places = np.array([bisect_left(table.ids, identity) for identity in ids], dtype=np.int64)
    columns = {name: _widened(column, places) for name, column in table.columns.items() if name != ID}
    names = tuple(sorted([*table.ids, *ids]))
    key = Column(ValueType.STRING, np.arange(len(names), dtype=np.int32), dictionary=names)
    return Table(table.name, {ID: key, **columns})


def _widened(column: Column, places: NDArray[np.int64]) -> Column:
    """The column with a row that has no value at each of these places."""
    status = np.zeros(column.rows, dtype=np.uint8) if column.status is None else column.status
    return replace(
        column,
        values=column.values if column.offsets is not None else np.insert(column.values, places, 0),
        status=np.insert(status, places, Status.MISSING),
        dictionary=column.dictionary or ("",),
        offsets=None if column.offsets is None else np.insert(column.offsets, places, column.offsets[places]),
        as_of=None if column.as_of is None else np.insert(column.as_of, places, 0),
    )
