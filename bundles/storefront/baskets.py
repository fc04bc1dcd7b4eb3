"""Real baskets as visits: a household opens the shop at its basket's time with two of its items in the cart.

The source has one time stamp per basket and no order inside, so the cart is chosen by hash. Baskets of at least five
items count: the cart takes two and leaves three to be found.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ibis.backends import BaseBackend

LEAST_ITEMS, CART_ITEMS = 5, 2


@dataclass(frozen=True, slots=True)
class Basket:
    """One basket: who, when (microseconds), and its items, those of the cart first.

    `paid` holds for each item the cents paid for one of it, `reduced` the items bought at a reduced price.
    """

    id: str
    household: str
    now: int
    items: tuple[str, ...]
    paid: tuple[float, ...] = ()
    reduced: tuple[str, ...] = ()

    @property
    def cart(self) -> tuple[str, ...]:
        """The items that are in the cart when the page is asked for."""
        return self.items[:CART_ITEMS]


def read_baskets(history: BaseBackend, start: datetime, end: datetime) -> list[Basket]:
    """The baskets within [start, end), in the order of their times."""
    lines = history.table("lines")
    within = lines.filter((lines["day"] >= start.timestamp() / 86400.0) & (lines["day"] < end.timestamp() / 86400.0))
    found = within.group_by("basket", "household").agg(
        now=within["at"].epoch_seconds().max(),
        items=within["item"].collect(order_by="item"),
        paid=(within["spend"] / within["quantity"]).collect(order_by="item"),
        reduced=within["item"].collect(where=within["discount"] > 0, order_by="item"),
    )
    found = found.filter(found["items"].length() >= LEAST_ITEMS).order_by("now", "basket")
    return [_basket(row) for row in found.to_pyarrow().to_pylist()]


def sampled(baskets: Iterable[Basket], wanted: int) -> list[Basket]:
    """At most this many baskets, chosen by hash, in their order."""
    known = list(baskets)
    chosen = {basket.id for basket in sorted(known, key=lambda basket: _word("request", basket.id))[:wanted]}
    return [basket for basket in known if basket.id in chosen]


def _basket(row: dict[str, Any]) -> Basket:
    items = _shuffled(row["basket"], row["items"])
    paid = dict(zip(row["items"], row["paid"], strict=True))
    return Basket(
        id=row["basket"],
        household=row["household"],
        now=row["now"] * 1_000_000,
        items=items,
        paid=tuple(paid[item] for item in items),
        reduced=tuple(row["reduced"] or ()),
    )


def _shuffled(basket: str, items: list[str]) -> tuple[str, ...]:
    return tuple(sorted(items, key=lambda item: _word(basket, item)))


def _word(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
