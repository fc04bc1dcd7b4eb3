"""Retrieve: which ITEMS come into question for a slot. What its generators find is united, sorted by id, capped.

How each finds its rows stands in `engine.generators`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ExpiredError
from engine.loaded import LoadedSlot, Rows
from engine.programs.values import Scope
from engine.snapshot import Snapshot


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
            rows = generator.rows(scope, table)
        except ExpiredError as error:
            if error.is_blocking:
                raise
            rows, expired = np.zeros(0, dtype=np.int64), expired or error
        generated[generator.name] = len(rows)
        found.append(rows)
    quotas = [generator.quota for generator in slot.generators]
    return Retrieved(_united(found, quotas, slot.spec.cap_candidates), generated, expired)


def _united(found: Sequence[Rows], quotas: Sequence[int], cap: int) -> Rows:
    """Each row once, sorted. Over the cap, quotas go first, then earlier generators and their earlier rows."""
    if not found:
        return np.zeros(0, dtype=np.int64)
    possible = [rows[:cap] for rows in found]  # what stands behind them in its own generator can never be among them
    every = np.concatenate(possible)
    every.sort()
    unique = every[_is_new(every)]
    if len(unique) <= cap:
        return unique
    sure = [rows[:quota] for rows, quota in zip(possible, quotas, strict=True)]
    others = [rows[quota:] for rows, quota in zip(possible, quotas, strict=True)]
    rows = np.concatenate([*sure, *others])
    order = np.argsort(rows, kind="stable")
    first = order[_is_new(rows[order])]
    first.sort()
    wanted = rows[first[:cap]]
    wanted.sort()
    return wanted


def _is_new(rows: Rows) -> NDArray[np.bool_]:
    """Where a sorted array goes on to another row. Three times as fast as `np.unique` for so few."""
    is_new = np.ones(len(rows), dtype=np.bool_)
    np.not_equal(rows[1:], rows[:-1], out=is_new[1:])
    return is_new
