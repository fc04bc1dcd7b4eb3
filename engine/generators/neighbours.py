"""Item-to-item neighbours: what goes with the items that a rule lists, by a map column of their table.

The compiler fills such a column from co-occurrence; one that is live comes by feed. Strengths add up, so an item
that goes with two of the listed ones comes before one that goes with either as much.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.errors import NotRunnableError
from contracts.features import Status, ValueType
from contracts.slots import Neighbours
from engine.column import Column
from engine.generators.per_visitor import STRINGS, listed
from engine.load_parts import Parts
from engine.loaded import Rows
from engine.programs.values import RequestProgram, Scope
from engine.snapshot import Table

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class LoadedNeighbours:
    """The rows that go best with the first `recent` items of a list, without these."""

    name: str
    quota: int
    of: RequestProgram
    column: str
    limit: int
    recent: int

    def rows(self, scope: Scope, table: Table) -> Rows:
        """Strongest first, ties by id."""
        known = map(table.row_of.get, listed(self.of, scope)[: self.recent])
        own = [row for row in dict.fromkeys(known) if row is not None]
        rows, strengths = self._entries(own, scope.now, table)
        summed: dict[int, float] = {}
        so_far = summed.get
        for row, strength in zip(rows.tolist(), strengths.tolist(), strict=True):
            if 0.0 < strength < math.inf:
                summed[row] = so_far(row, 0.0) + strength
        for row in (_UNKNOWN, *own):
            summed.pop(row, None)
        strongest = sorted(summed)
        strongest.sort(key=summed.__getitem__, reverse=True)  # stable: ties stay by id
        return np.array(strongest[: self.limit], dtype=np.int64)

    def _entries(self, own: list[int], now: int, table: Table) -> tuple[Rows, NDArray[np.float64]]:
        """The entries of these rows' maps: which row each names, and how strongly."""
        column = table.columns[self.column]
        key = f"rows of {self.column}"
        row_of_code = table.derived(key, (self.column,), now, lambda: _rows_of(column, table))
        spans = [_span(column, row) for row in own if column.status_at(row, now) <= Status.DEFAULT]
        if column.numbers is None or not spans:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        codes = np.concatenate([column.values[span] for span in spans])
        return row_of_code[codes], np.concatenate([column.numbers[span] for span in spans])


def load(generator: Neighbours, name: str, table: str, parts: Parts) -> LoadedNeighbours:
    """Raises `NotRunnableError`."""
    check_map(generator.column, table, parts)
    if generator.recent < 1:
        raise NotRunnableError("the neighbours of at least 1 item are asked for")
    of = parts.request(generator.of, None, (STRINGS,))
    return LoadedNeighbours(name, generator.quota, of, generator.column, generator.limit, generator.recent)


def check_map(name: str, table: str, parts: Parts) -> None:
    """Raises `NotRunnableError` for a column that is no map."""
    column = parts.tables[table].columns.get(name)
    if column is None or column.type is not ValueType.NUMBERS:
        raise NotRunnableError(f"retrieves by column {name}, which table {table} lacks in type numbers")


def _span(column: Column, row: int) -> slice:
    """Where the entries of a row's map stand."""
    return slice(0) if column.offsets is None else slice(int(column.offsets[row]), int(column.offsets[row + 1]))


def _rows_of(column: Column, table: Table) -> Rows:
    """The row that each code of the column names."""
    return np.array([table.row_of.get(word, _UNKNOWN) for word in column.dictionary], dtype=np.int64)
