"""A columnar filter over the table. `where` and `order` read the item alone: they run when its columns change."""

from dataclasses import dataclass

import numpy as np

from contracts.errors import NotRunnableError
from contracts.slots import Filter
from engine.guard import held_by
from engine.load_parts import BOOL, NUMBER, Parts
from engine.loaded import ColumnRule, Rows
from engine.programs.values import Batch, Computed, Scope
from engine.snapshot import Table

_FIRST_PART, _PER_ROW, _GROWTH = 128, 4, 4


@dataclass(frozen=True, slots=True)
class LoadedFilter:
    """Rows for which `where` holds, by `order`; those for which `match` holds too, at most `limit`.

    `reads` are the columns that `where` and `order` read.
    """

    name: str
    quota: int
    where: ColumnRule
    order: ColumnRule | None
    match: ColumnRule | None
    limit: int
    reads: tuple[str, ...]

    def rows(self, scope: Scope, table: Table) -> Rows:
        """Highest first, ties by id."""
        ordered = self.ordered(scope, table)
        return ordered[: self.limit] if self.match is None else self._matching(self.match, ordered, scope, table)

    def ordered(self, scope: Scope, table: Table) -> Rows:
        """All rows for which `where` holds, by `order`: the same for everybody."""
        key = f"filter {self.where.name} {self.order.name if self.order else ''}"
        return table.derived(key, self.reads, scope.now, lambda: self._ordered(scope, table))

    def _ordered(self, scope: Scope, table: Table) -> Rows:
        rows = np.arange(len(table.ids), dtype=np.int64)
        rows = rows[held_by(self.where.run(Batch(scope, table, rows)))]
        return rows if self.order is None else _by_order(rows, self.order.run(Batch(scope, table, rows)))

    def _matching(self, match: ColumnRule, ordered: Rows, scope: Scope, table: Table) -> Rows:
        """The first rows that match: they are looked for in growing parts, for most are found early."""
        found: list[Rows] = []
        start, size, missing = 0, max(_FIRST_PART, _PER_ROW * self.limit), self.limit
        while missing and start < len(ordered):
            part = ordered[start : start + size]
            places = held_by(match.run(Batch(scope, table, part))).nonzero()[0]
            found.append(part.take(places[:missing]))
            start, size, missing = start + size, size * _GROWTH, missing - len(found[-1])
        return found[0] if len(found) == 1 else np.concatenate([ordered[:0], *found])


def load(generator: Filter, name: str, table: str, parts: Parts) -> LoadedFilter:
    """Raises `NotRunnableError`, also where `where` or `order` read more than the item: they are kept for everybody."""
    rules = [rule for rule in (generator.where, generator.order) if rule is not None]
    return LoadedFilter(
        name,
        generator.quota,
        where=parts.columns(generator.where, table, BOOL),
        order=None if generator.order is None else parts.columns(generator.order, table, NUMBER),
        match=None if generator.match is None else parts.columns(generator.match, table, BOOL),
        limit=generator.limit,
        reads=tuple(sorted({column for rule in rules for column in _item_reads(parts, rule)})),
    )


def _item_reads(parts: Parts, rule: str) -> tuple[str, ...]:
    reads = parts.item_reads(rule)
    if reads is None:
        raise NotRunnableError(f"rule {rule} reads more than the item, but what it gives is kept for all requests")
    return reads


def _by_order(rows: Rows, order: Computed) -> Rows:
    """Highest first, ties by id; rows without an order go last."""
    values = np.asarray(order.values, dtype=np.float64)
    if order.errors is not None:
        values = np.where(order.errors, -np.inf, values)
    return rows[np.argsort(-values, kind="stable")]
