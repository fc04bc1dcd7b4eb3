"""Trending per bucket: for each key of a map column the strongest items, as one list; `*` is for the rest."""

from dataclasses import dataclass

import numpy as np

from contracts.errors import MissingError
from contracts.fallback import ANY
from contracts.slots import Trending
from engine.generators.neighbours import check_map, which_count
from engine.load_parts import TEXT, Parts
from engine.loaded import Rows
from engine.programs.values import RequestProgram, Scope
from engine.snapshot import Table


@dataclass(frozen=True, slots=True)
class LoadedTrending:
    """The strongest rows of the request's bucket."""

    name: str
    quota: int
    key: RequestProgram
    column: str
    limit: int

    def rows(self, scope: Scope, table: Table) -> Rows:
        """Strongest first, ties by id."""
        rows = self._list(self._bucket(scope), scope, table)
        return rows if len(rows) else self._list(ANY, scope, table)

    def _bucket(self, scope: Scope) -> str:
        try:
            return str(self.key(scope))
        except MissingError:
            return ANY

    def _list(self, bucket: str, scope: Scope, table: Table) -> Rows:
        """Lists are kept for the buckets that items name, so there are not more of them than the bundle or feed has."""
        code = table.columns[self.column].code_of.get(bucket)
        if code is None:
            return np.zeros(0, dtype=np.int64)
        key = f"trending {self.column} {self.limit} {bucket}"
        return table.derived(key, (self.column,), scope.now, lambda: self._strongest(code, scope.now, table))

    def _strongest(self, code: int, now: int, table: Table) -> Rows:
        column = table.columns[self.column]
        if column.offsets is None or column.numbers is None:
            return np.zeros(0, dtype=np.int64)
        places = np.flatnonzero(column.values == code)
        rows, strengths = np.searchsorted(column.offsets, places, side="right") - 1, column.numbers[places]
        counts = which_count(column, rows, strengths, now)
        best = np.argsort(-strengths[counts], kind="stable")[: self.limit]
        found: Rows = rows[counts][best]
        return found


def load(generator: Trending, name: str, table: str, parts: Parts) -> LoadedTrending:
    """Raises `NotRunnableError`."""
    check_map(generator.column, table, parts)
    key = parts.request(generator.key, None, TEXT)
    return LoadedTrending(name, generator.quota, key, generator.column, generator.limit)
