"""Retrieve: which ITEMS come into question for a slot. What its generators find is united, sorted by id, capped.

How each finds its rows stands in `engine.generators`.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from contracts.errors import ExpiredError
from engine.loaded import LoadedSlot, Rows
from engine.programs.values import Scope
from engine.snapshot import Snapshot


class Retrieved(Struct, frozen=True, eq=False):
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
    return Retrieved(_united(found, quotas, slot.spec.cap_candidates, len(table.ids)), generated, expired)


def _united(found: Sequence[Rows], quotas: Sequence[int], cap: int, count: int) -> Rows:
    """Each of `count` rows once, sorted. Over the cap, quotas go first, then earlier generators and their earlier rows.

    No generator gives a row twice, and quotas sum up to at most the cap: the first one's is the start of what it gives.
    """
    if len(found) == 1:
        return np.sort(found[0][:cap])
    is_free = np.ones(count, dtype=np.bool_)
    chosen = [np.zeros(0, dtype=np.int64)]
    room = cap
    sure = [rows[:quota] for rows, quota in zip(found[1:], quotas[1:], strict=True) if quota]
    for rows in (*sure, *found):
        first = rows[:cap]  # what stands behind them can never be among those chosen
        fresh = first[is_free[first]][:room]
        is_free[fresh] = False
        chosen.append(fresh)
        room -= len(fresh)
        if room == 0:
            break
    united = np.concatenate(chosen)
    united.sort()
    return united
