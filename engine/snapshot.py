"""The immutable view of features and catalog that decisions read. A change makes a new snapshot that shares the rest.

Rows of a table stand in the order of their ids (UTF-8), so sorting rows is sorting ids. Live columns take absolute
values by feed; each keeps from when its values were true, because a value of the future is MISSING.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np

from contracts.catalog import ID
from contracts.features import Cursor, FeatureDelta, FeatureValue
from engine.column import Array, Changes, Column, with_changes
from engine.memo import Memo, Rows

T = TypeVar("T")
VISITOR = "visitor"


@dataclass(frozen=True, eq=False)
class Table:
    """One candidate table. `memo` keeps what was derived from its columns."""

    name: str
    columns: Mapping[str, Column]
    memo: Memo = field(default_factory=Memo)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids, sorted; row numbers index it. Where the dictionary has their order, it is the ids."""
        column = self.columns[ID]
        if np.array_equal(column.values, np.arange(len(column.dictionary))):
            return column.dictionary
        return tuple([column.dictionary[code] for code in column.values.tolist()])

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of each id."""
        column = self.columns[ID]
        if self.ids is column.dictionary:
            return column.code_of
        return {identity: row for row, identity in enumerate(self.ids)}

    def derived(self, key: str, reads: Iterable[str], now: int, make: Callable[[], T]) -> T:
        """What `make` gives from these columns, kept by this table and its successors until one of them changes.

        A value of the future changes it when its time has come; `now` is in microseconds.
        """
        return self.memo.whole(key, map(self.columns.__getitem__, reads), now, make)

    def by_row(self, key: str, reads: Iterable[str], now: int, rows: Rows, make: Callable[[Rows], Array]) -> Array:
        """What `make` gives from these columns for some rows; kept, and made again for rows that change.

        While some of their values lie in the future of `now` (microseconds), nothing is kept.
        """
        return self.memo.rows(key, map(self.columns.__getitem__, reads), len(self.ids), now, rows, make)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Tables by name, feature values by visitor pseudonym, and how far in the feed this is."""

    tables: Mapping[str, Table]
    visitors: Mapping[str, Mapping[str, FeatureValue]] = field(default_factory=dict)
    cursor: Cursor = field(default_factory=Cursor)

    def visitor(self, unit: str | None) -> Mapping[str, FeatureValue]:
        """The feature values of a visitor, none for a stranger."""
        return self.visitors.get(unit, {}) if unit else {}

    def with_deltas(self, deltas: Iterable[FeatureDelta], cursor: Cursor) -> "Snapshot":
        """A snapshot in which these deltas hold. What is unknown or not live is passed over."""
        by_table: dict[str, list[FeatureDelta]] = defaultdict(list)
        for delta in deltas:
            by_table[delta.table].append(delta)
        visitors = _visitors_with(self.visitors, by_table.pop(VISITOR, []))
        changed = {name: _table_with(self.tables[name], by_table[name]) for name in by_table if name in self.tables}
        return Snapshot({**self.tables, **changed}, visitors, cursor)


def _visitors_with(
    visitors: Mapping[str, Mapping[str, FeatureValue]], deltas: list[FeatureDelta]
) -> Mapping[str, Mapping[str, FeatureValue]]:
    if not deltas:
        return visitors
    changed = dict(visitors)
    for delta in deltas:
        values = dict(changed.get(delta.entity, {}))
        for name, value in delta.values.items():
            if value is None:
                values.pop(name, None)
            else:
                values[name] = FeatureValue(value=value, as_of=delta.as_of)
        changed[delta.entity] = values
    return changed


def _table_with(table: Table, deltas: list[FeatureDelta]) -> Table:
    changes: dict[str, Changes] = defaultdict(list)
    for delta in deltas:
        row = table.row_of.get(delta.entity)
        if row is not None:
            for name, value in delta.values.items():
                changes[name].append((row, value, delta.as_of))
    live = [name for name in changes if name in table.columns and table.columns[name].is_live]
    changed = {name: with_changes(table.columns[name], changes[name]) for name in live}
    rows = {name: np.array([row for row, _, _ in changes[name]], dtype=np.int64) for name in live}
    memo = table.memo.after({table.columns[name]: (changed[name], rows[name]) for name in live})
    successor = Table(table.name, {**table.columns, **changed}, memo)
    successor.__dict__.update({"ids": table.ids, "row_of": table.row_of})
    return successor
