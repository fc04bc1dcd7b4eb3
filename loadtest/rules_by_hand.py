"""The rules of `rule_workload` as one would write them for exactly these: the floor under any engine.

Nothing is declared, checked, bounded or explained here.
"""

import numpy as np

from contracts.features import Status
from engine.column import Array, Column
from loadtest.rule_workload import HIGHEST_PRICE, NOW_S, Candidates, Visitor

_GUARDED = ("stock", "price", "map_price", "margin")


def rules_by_hand(visitor: Visitor) -> list[bool | None]:
    """The request rules, in their order."""
    it = visitor.facts
    return [
        it.orders >= 3 and it.spend > 150.0,
        it.device == "phone",
        it.country in ("DE", "AT", "CH"),
        it.segment == "loyal" or it.is_vip,
        "tea-042" in it.items,
        0 < len(it.cart) <= 5,
        it.zip.startswith("94"),
        it.spend / (it.orders + 1) > 30.0,
        it.now_s - it.last_seen_s < 2_592_000,
        8 <= NOW_S // 3600 % 24 < 20,
        it.affinity["green"] > 0.5,
        it.spend > 100.0 if it.device == "desktop" else it.spend > 50.0,
        it.views % 5 == 0,
        not it.is_bot and it.orders > 0,
        it.segment.endswith("al"),
        it.orders * 2 + it.views > 10,
        it.segment != "churned" and it.orders > 0,
        "news" in it.referrer,
        it.spend < 1000.0,
        (it.spend > 500.0 and it.is_vip and it.device != "tablet") or it.segment == "loyal",
    ]


def guardrail_by_hand(candidates: Candidates) -> tuple[Array, Array | None]:
    """The guardrail: what holds, and where a missing value leaves it open."""
    columns, rows = candidates.table.columns, candidates.rows
    stock, price, map_price, margin = (columns[name].values.take(rows) for name in _GUARDED)
    clauses = (stock > 0, price >= map_price, margin >= 0.1, price <= HIGHEST_PRICE)
    if columns["stock"].status is None:
        return clauses[0] & clauses[1] & clauses[2] & clauses[3], None
    gone = [_missing(columns[name], rows) for name in _GUARDED]
    of_clause = (gone[0], gone[1] | gone[2], gone[3], gone[1])
    may_hold = np.ones(len(rows), dtype=np.bool_)
    for clause, missing in zip(clauses, of_clause, strict=True):
        may_hold &= clause | missing
    return may_hold, may_hold & (of_clause[0] | of_clause[1] | of_clause[2])


def _missing(column: Column, rows: Array) -> Array:
    status: Array = np.asarray(column.status)
    return status.take(rows) > Status.DEFAULT
