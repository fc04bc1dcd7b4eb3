"""A static pool: ids that the slot names, or the whole table."""

from dataclasses import dataclass

import numpy as np

from contracts.errors import NotRunnableError
from contracts.slots import Pool
from engine.load_parts import Parts
from engine.loaded import Rows
from engine.programs.values import Scope
from engine.snapshot import Table


@dataclass(frozen=True, slots=True)
class LoadedPool:
    """Fixed rows of the slot's table."""

    name: str
    quota: int
    found: Rows

    def rows(self, scope: Scope, table: Table) -> Rows:
        """The same for everybody."""
        return self.found


def load(generator: Pool, name: str, table: str, parts: Parts) -> LoadedPool:
    """Raises `NotRunnableError` for ids that the table lacks."""
    row_of = parts.tables[table].row_of
    if unknown := [each for each in generator.ids if each not in row_of]:
        raise NotRunnableError(f"its pool names {unknown[0]}, which table {table} lacks")
    rows = [row_of[each] for each in dict.fromkeys(generator.ids)] if generator.ids else range(len(row_of))
    return LoadedPool(name, generator.quota, np.array(rows, dtype=np.int64))
