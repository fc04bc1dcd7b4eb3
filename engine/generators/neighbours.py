"""Item-to-item neighbours: what goes with the items that a rule lists, by a map column of their table.

The compiler fills such a column from co-occurrence; one that is live comes by feed. Strengths add up, so an item
that goes with two of the listed ones comes before one that goes with either as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contracts.errors import NotRunnableError
from contracts.features import Status, ValueType
from contracts.slots import Neighbours
from engine.column import Column
from engine.generators.per_visitor import STRINGS, known_rows, listed
from engine.load_parts import Parts
from engine.loaded import Rows
from engine.programs.values import RequestProgram, Scope
from engine.snapshot import Table

_NO_ROW = -1


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
        own = known_rows(listed(self.of, scope)[: self.recent], table)
        summed = self._summed(own, scope.now, table)
        for row in (_NO_ROW, *own):
            summed.pop(row, None)
        strongest = sorted(summed)
        strongest.sort(key=summed.__getitem__, reverse=True)  # stable: ties stay by id
        return np.array(strongest[: self.limit], dtype=np.int64)

    def _summed(self, own: Sequence[int], now: int, table: Table) -> dict[int, float]:
        """How strongly the maps of these rows name others, summed by row; what does not count is under `_NO_ROW`."""
        column = table.columns[self.column]
        offsets, numbers = column.offsets, column.numbers
        summed: dict[int, float] = {}
        if not own or offsets is None or numbers is None:
            return summed
        key, make = f"rows of {self.column}", partial(_named, column, offsets, numbers, now, table)
        named = table.derived(key, (self.column,), now, make)
        for row in own:
            span = slice(offsets.item(row), offsets.item(row + 1))
            for other, strength in zip(named[span].tolist(), numbers[span].tolist(), strict=True):
                summed[other] = summed[other] + strength if other in summed else strength
        return summed


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


def which_count(column: Column, rows: Rows, strengths: NDArray[np.float64], now: int) -> NDArray[np.bool_]:
    """Which entries of a map column count at `now`: their rows may be read, their strengths are positive numbers."""
    counts: NDArray[np.bool_] = (strengths > 0.0) & np.isfinite(strengths)
    if column.status is not None:
        counts &= column.status[rows] <= Status.DEFAULT
    if column.as_of is not None:
        counts &= column.as_of[rows] <= now
    return counts


def _named(column: Column, offsets: Rows, strengths: NDArray[np.float64], now: int, table: Table) -> Rows:
    """The row that each entry of a map column names, `_NO_ROW` where it names none or does not count."""
    row_of_code = np.array([table.row_of.get(word, _NO_ROW) for word in column.dictionary], dtype=np.int64)
    rows = np.repeat(np.arange(column.rows), np.diff(offsets))
    return np.where(which_count(column, rows, strengths, now), row_of_code[column.values], _NO_ROW)
