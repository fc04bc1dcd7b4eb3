"""Retrieve: which ITEMS come into question for a slot. Generators are united, sorted by id, capped.

What an item-only filter gives is kept in its table's memo: a table is immutable, so the answer changes only with it,
or while some of its values lie in the future of `now`.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ExpiredError, MissingError
from engine.guard import held_by
from engine.loaded import LoadedFilter, LoadedGenerator, LoadedPerVisitor, LoadedPool, LoadedSlot
from engine.programs.values import Batch, Computed, Scope
from engine.snapshot import Snapshot, Table

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Rows in the order of their ids, and how many each generator gave.

    `expired` is set when a generator gave nothing because of an expired feature: no model may decide then.
    """

    rows: Rows
    generated: dict[str, int]
    expired: ExpiredError | None = None


def retrieve(slot: LoadedSlot, scope: Scope, snapshot: Snapshot) -> Retrieved:
    """The candidates. Raises `ExpiredError` for a feature that blocks when expired, `RuleError` for a failed list."""
    table = snapshot.tables[slot.spec.table]
    generated: dict[str, int] = {}
    found: list[Rows] = []
    expired: ExpiredError | None = None
    for generator in slot.generators:
        try:
            rows = _rows_of(generator, scope, table, slot.spec.name)
        except ExpiredError as error:
            if error.is_blocking:
                raise
            rows, expired = np.zeros(0, dtype=np.int64), expired or error
        generated[generator.name] = len(rows)
        found.append(rows)
    return Retrieved(_united(found, slot.spec.cap_candidates), generated, expired)


def _rows_of(generator: LoadedGenerator, scope: Scope, table: Table, slot: str) -> Rows:
    match generator:
        case LoadedPool():
            return generator.rows
        case LoadedFilter():
            return _filtered(generator, scope, table, f"{slot}:{generator.name}")
        case LoadedPerVisitor():
            return _named(generator, scope, table)


def _filtered(generator: LoadedFilter, scope: Scope, table: Table, key: str) -> Rows:
    rows = _ordered(generator, scope, table, key)
    if generator.match is not None:
        rows = rows[held_by(generator.match.run(Batch(scope, table, rows)))]
    return rows[: generator.limit]


def _ordered(generator: LoadedFilter, scope: Scope, table: Table, key: str) -> Rows:
    is_settled = table.newest <= scope.now
    known: Rows | None = table.memo.get(key) if is_settled else None
    if known is not None:
        return known
    rows = np.arange(len(table.ids), dtype=np.int64)
    rows = rows[held_by(generator.where.run(Batch(scope, table, rows)))]
    if generator.order is not None:
        rows = _by_order(rows, generator.order.run(Batch(scope, table, rows)))
    if is_settled:
        table.memo[key] = rows
    return rows


def _by_order(rows: Rows, order: Computed) -> Rows:
    """Highest first, ties by id; rows without an order go last."""
    values = np.asarray(order.values, dtype=np.float64)
    if order.errors is not None:
        values = np.where(order.errors, -np.inf, values)
    return rows[np.argsort(-values, kind="stable")]


def _named(generator: LoadedPerVisitor, scope: Scope, table: Table) -> Rows:
    try:
        named = generator.read(scope)
    except MissingError:
        return np.zeros(0, dtype=np.int64)
    rows = map(table.row_of.get, cast(tuple[str, ...], named))  # `engine.load` saw to the type
    return np.array([row for row in rows if row is not None][: generator.limit], dtype=np.int64)


def _united(found: list[Rows], cap: int) -> Rows:
    """Each row once, sorted. Over the cap, earlier generators and their earlier rows go first."""
    rows = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    unique, first = np.unique(rows, return_index=True)
    if len(unique) > cap:
        unique = np.sort(unique[np.argsort(first, kind="stable")[:cap]])
    return unique
