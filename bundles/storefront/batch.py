"""Batch features as one expression: run as of any instant for training, published weekly by the origin for serving.

`TABLES` maps a feed table to a function of a connection (the tables of `data/history`) and an instant. Each result
has `entity` and one column per feature or live column. Rules of this file: nothing at or after the instant is read,
except promotions in force at it, which stores announce before their week; every order is total and every double is
rounded, so that two runs give the same bits. Days are counted from 1970, decimals being the time of day.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import ibis
from ibis import _
from ibis.backends import BaseBackend
from ibis.expr.types import Column, Table, Value

SHORT_DAYS, LONG_DAYS = 40.0, 100.0
KEPT = {"item": 250, "product_type": 100, "category": 60, "department": 25}
OWN_ITEMS, AFFINE_CATEGORIES, RECENT_VISITS = 120, 10, 40
NEIGHBOURS, NEIGHBOUR_DAYS, LEAST_BASKETS, LEAST_TOGETHER = 100, 182, 20, 4
USUAL_DAYS, NEXT_TO_NORMAL = 84, 1.702
DECIMALS = 6
USUAL_CUT = 0.25  # what a reduced price is below the regular one, where no sale of the last 28 days tells


def visitors(connection: BaseBackend, as_of: datetime) -> Table:
    """One row per household that has shopped before: habits, and maps by item, product type, category, department."""
    history, today = _history(connection, as_of), _day(as_of)
    owned = _owned(history, "item", today)
    parts = [
        _item_habits(owned),
        _type_habits(_owned(history, "product_type", today)),
        _category_habits(_owned(history, "category", today)),
        _department_habits(_owned(history, "department", today)),
        _recent_departments(history),
        _campaigns(connection, as_of),
        _redemptions(connection, as_of),
        _overlap(connection, owned, as_of),
    ]
    result = _habits(history, today)
    for part in parts:
        result = result.left_join(part, "entity").drop("entity_right")
    return result


def redeemers(connection: BaseBackend, as_of: datetime) -> Table:
    """The part of `visitors` that the redemption model reads: the same columns from the same expressions."""
    history, today = _history(connection, as_of), _day(as_of)
    result = _habits(history, today)
    overlap = _overlap(connection, _owned(history, "item", today), as_of)
    for part in (_campaigns(connection, as_of), _redemptions(connection, as_of), overlap):
        result = result.left_join(part, "entity").drop("entity_right")
    return result


def products(connection: BaseBackend, as_of: datetime) -> Table:
    """One row per item sold before: price, popularity, promotion in force, and what it is bought with."""
    history, today = _history(connection, as_of), _day(as_of)
    result = _popularity(history, today).left_join(_prices(history, today), "item").drop("item_right")
    result = result.left_join(_promotions(connection, as_of), "item").drop("item_right")
    result = result.left_join(_popular_at(history, today), "item").drop("item_right")
    result = result.left_join(_bought_with(history, today), "item").drop("item_right", "product_type")
    shares = {name: result[name].fill_null(0.0) for name in ("promoted", "displayed", "mailed")}
    return result.mutate(**shares).rename(entity="item")


def stories(connection: BaseBackend, as_of: datetime) -> Table:
    """One row per department: how sure it is that more baskets of the last week held it than of the weeks before.

    That many baskets held it is counted against its share of twelve weeks; the distance in standard deviations of such
    a count becomes a probability by the logistic curve that is next to the normal one. A table policy draws by it.
    """
    lines, today = _history(connection, as_of), _day(as_of)
    once = lines.filter(lines["day"] >= today - USUAL_DAYS).select("basket", "day", "department").distinct()
    baskets = once.select("basket", "day").distinct()
    share = baskets.count(where=baskets["day"] >= today - 7) / baskets.count()
    table = once.group_by("department").agg(week=_.count(where=_.day >= today - 7), weeks=_.count())
    usual = table["weeks"] * share.as_scalar()
    distance = (table["week"] - usual) / usual.nullif(0.0).sqrt()
    rising = 1.0 / (1.0 + (-NEXT_TO_NORMAL * distance).exp())
    return table.select(entity=table["department"], rising=_double(rising))


TABLES: dict[str, Callable[[BaseBackend, datetime], Table]] = {
    "visitor": visitors,
    "products": products,
    "stories": stories,
}


def _day(as_of: datetime) -> float:
    return as_of.timestamp() / 86400.0


def _instant(as_of: datetime) -> Value:
    return ibis.timestamp(as_of.astimezone(UTC).replace(tzinfo=None))


def _history(connection: BaseBackend, as_of: datetime) -> Table:
    lines = connection.table("lines")
    return lines.filter(lines["at"] < _instant(as_of))


def _double(value: Value) -> Value:
    return value.cast("float64").round(DECIMALS)


def _decayed(day: Value, today: float, days: float) -> Value:
    return ((day - today) / days).exp().sum()


def _period(table: Table) -> Value:
    """Days between two purchases on average; absent for a first purchase, and for two at one instant."""
    days = (table["last"] - table["first"]) / (table["visits"] - 1).nullif(0)
    return days.nullif(0.0)


def _habits(history: Table, today: float) -> Table:
    visits = history.group_by("household", "basket", "day").agg(
        spend=_.spend.sum(), lines=_.count(), saved=_.discount.sum(), coupon=_.coupon.sum(), private=_.is_private.sum()
    )
    table = visits.group_by("household").agg(
        visits=_.count(),
        visits_4w=_.count(where=_.day >= today - 28),
        visits_8w=_.count(where=_.day >= today - 56),
        coupon_visits=_.count(where=_.coupon > 0),
        last=_.day.max(),
        first=_.day.min(),
        spend=_.spend.sum(),
        spend_8w=_.spend.sum(where=_.day >= today - 56),
        lines=_.lines.sum(),
        saved=_.saved.sum(),
        coupon=_.coupon.sum(),
        private=_.private.sum(),
        decayed=_decayed(_.day, today, SHORT_DAYS),
        decayed_100=_decayed(_.day, today, LONG_DAYS),
    )
    paid = table["spend"] + table["saved"]
    return table.select(
        entity=table["household"],
        visits=_double(table["visits"]),
        visits_4w=_double(table["visits_4w"]),
        visits_8w=_double(table["visits_8w"]),
        coupon_visits=_double(table["coupon_visits"]),
        last_visit=_double(table["last"]),
        first_visit=_double(table["first"]),
        visit_period=_double(_period(table)),
        spend_per_visit=_double(table["spend"] / 100.0 / table["visits"]),
        lines_per_visit=_double(table["lines"] / table["visits"]),
        spend_8w=_double(table["spend_8w"].fill_null(0) / 100.0),
        saved_share=_double(table["saved"] / paid),
        coupon_share=_double(table["coupon"] / paid),
        private_share=_double(table["private"] / table["lines"]),
        decayed=_double(table["decayed"]),
        decayed_100=_double(table["decayed_100"]),
    )


def _owned(history: Table, key: str, today: float) -> Table:
    """What each household bought, per value of `key`; `rank` 0 is what it bought on most visits."""
    once = history.group_by("household", "basket", "day", key).agg(
        lines=_.count(), spend=_.spend.sum(), reduced=_.count(where=_.discount > 0)
    )
    table = once.group_by("household", key).agg(
        visits=_.count(),
        visits_8w=_.count(where=_.day >= today - 56),
        lines=_.lines.sum(),
        spend=_.spend.sum(),
        reduced=_.reduced.sum(),
        last=_.day.max(),
        first=_.day.min(),
        decayed=_decayed(_.day, today, SHORT_DAYS),
        decayed_100=_decayed(_.day, today, LONG_DAYS),
    )
    order = [ibis.desc("visits"), ibis.desc("last"), key]
    ranked = table.mutate(rank=ibis.row_number().over(ibis.window(group_by="household", order_by=order)))
    return ranked.mutate(entity="household", period=_period(ranked))


def _kept(owned: Table, key: str) -> Table:
    return owned.filter(owned["rank"] < KEPT[key])


def _map(table: Table, key: str, value: Column, *, is_partial: bool = False) -> Value:
    """A map from `key` to `value`, in the order of `rank`; of a partial one, entries without a value are left out."""
    where = value.notnull() if is_partial else None
    keys = table[key].collect(where=where, order_by=table["rank"])
    return ibis.map(keys, _double(value).collect(where=where, order_by=table["rank"]))


def _item_habits(owned: Table) -> Table:
    table = _kept(owned, "item")
    return table.group_by("entity").agg(
        item_visits=_map(table, "item", table["visits"]),
        item_last=_map(table, "item", table["last"]),
        item_period=_map(table, "item", table["period"], is_partial=True),
        item_decayed=_map(table, "item", table["decayed"]),
        item_decayed_100=_map(table, "item", table["decayed_100"]),
        own_items=table["item"].collect(where=table["rank"] < OWN_ITEMS, order_by=table["rank"]),
    )


def _type_habits(owned: Table) -> Table:
    table = _kept(owned, "product_type")
    return table.group_by("entity").agg(
        type_visits=_map(table, "product_type", table["visits"]),
        type_last=_map(table, "product_type", table["last"]),
        type_period=_map(table, "product_type", table["period"], is_partial=True),
        type_decayed=_map(table, "product_type", table["decayed"]),
    )


def _category_habits(owned: Table) -> Table:
    by_lines = ibis.window(group_by="entity", order_by=[ibis.desc("lines"), "category"])
    table = _kept(owned, "category").mutate(place=ibis.row_number().over(by_lines))
    return table.group_by("entity").agg(
        category_visits=_map(table, "category", table["visits"]),
        category_last=_map(table, "category", table["last"]),
        category_period=_map(table, "category", table["period"], is_partial=True),
        category_reduced=_map(table, "category", table["reduced"] / table["lines"]),
        affine_categories=table["category"].collect(where=table["place"] < AFFINE_CATEGORIES, order_by=table["place"]),
    )


def _department_habits(owned: Table) -> Table:
    table = _kept(owned, "department")
    return table.group_by("entity").agg(department_decayed=_map(table, "department", table["decayed"]))


def _recent_departments(history: Table) -> Table:
    """On how many of the last visits each department was bought, and how far that is above the usual household."""
    once = history.select("household", "basket", "day", "department").distinct()
    newest = ibis.window(group_by="household", order_by=[ibis.desc("day"), ibis.desc("basket")])
    recent = once.mutate(place=ibis.dense_rank().over(newest)).filter(_.place < RECENT_VISITS)
    total = recent.group_by("household").agg(total=_.place.max() + 1)
    table = recent.group_by("household", "department").agg(visits=_.count()).inner_join(total, "household")
    table = table.mutate(entity="household", share=table["visits"] / table["total"])
    usual = table.group_by("department").agg(usual=_.share.sum() / total.count().as_scalar())
    table = table.inner_join(usual, "department")
    by_name = ibis.window(group_by="entity", order_by="department")
    table = table.mutate(rank=ibis.row_number().over(by_name))
    return table.group_by("entity").agg(
        recent_visits=_double(table["total"].max()),
        department_recent=_map(table, "department", table["visits"]),
        affinity=_map(table, "department", table["share"] - table["usual"]),
    )


def _campaigns(connection: BaseBackend, as_of: datetime) -> Table:
    campaigns = connection.table("campaigns")
    before = campaigns.filter(campaigns["starts_at"] < _instant(as_of))
    return before.group_by(entity="household").agg(campaigns=_double(_.campaign.count()))


def _redemptions(connection: BaseBackend, as_of: datetime) -> Table:
    redemptions = connection.table("redemptions")
    before = redemptions.filter(redemptions["at"] < _instant(as_of))
    return before.group_by(entity="household").agg(
        redemptions=_double(_.campaign.count()),
        redeemed_campaigns=_double(_.campaign.nunique()),
        last_redemption=_double(_.day.max()),
    )


def _overlap(connection: BaseBackend, owned: Table, as_of: datetime) -> Table:
    """What each household bought of the products that an offer covers, per offer open at the instant."""
    offers, now = connection.table("offer_products"), _instant(as_of)
    open_now = offers.filter((offers["starts_at"] <= now) & (now < offers["ends_at"]))
    both = owned.inner_join(open_now.select("offer", "item"), "item")
    table = both.group_by("entity", "offer").agg(
        lines=_.visits.sum(), items=_.count(), spend=_.spend.sum(), lines_8w=_.visits_8w.sum()
    )
    by_name = ibis.window(group_by="entity", order_by="offer")
    table = table.mutate(rank=ibis.row_number().over(by_name))
    return table.group_by("entity").agg(
        offer_lines=_map(table, "offer", table["lines"]),
        offer_items=_map(table, "offer", table["items"]),
        offer_spend=_map(table, "offer", table["spend"] / 100.0),
        offer_lines_8w=_map(table, "offer", table["lines_8w"]),
    )


def _popularity(history: Table, today: float) -> Table:
    table = history.group_by("item", "product_type").agg(
        week=_.count(where=_.day >= today - 7),
        four=_.count(where=_.day >= today - 28),
        twelve=_.count(where=_.day >= today - 84),
        repeats=_.count() / _.household.nunique(),
        saved=_.discount.sum(where=_.day >= today - 28).fill_null(0),
        paid=(_.spend + _.discount).sum(where=_.day >= today - 28).fill_null(0),
        reduced=_.count(where=(_.day >= today - 28) & (_.discount > 0)),
        paid_reduced=(_.spend + _.discount).sum(where=(_.day >= today - 28) & (_.discount > 0)),
    )
    of_type = table["twelve"].sum().over(ibis.window(group_by="product_type"))
    return table.select(
        "item",
        "product_type",
        baskets_1w=_double(table["week"]),
        baskets_4w=_double(table["four"]),
        baskets_12w=_double(table["twelve"]),
        repeats=_double(table["repeats"]),
        type_share=_double((table["twelve"] / of_type.nullif(0)).fill_null(0.0)),
        discount=_double((table["saved"] / table["paid"].nullif(0)).fill_null(0.0)),
        reduced=_double(table["reduced"] / table["four"].nullif(0)),
        cut=_double((table["saved"] / table["paid_reduced"].nullif(0)).fill_null(USUAL_CUT)),
    )


def _popular_at(history: Table, today: float) -> Table:
    """Baskets of the last 28 days with each item, per quarter of the day (UTC: 0 to 3), where there were enough."""
    table = history.filter(history["day"] >= today - 28).mutate(quarter=(_.at.hour() // 6).cast("string"))
    table = table.group_by("item", "quarter").agg(baskets=_.count()).filter(_.baskets >= LEAST_BASKETS)
    by_name = ibis.window(group_by="item", order_by="quarter")
    table = table.mutate(rank=ibis.row_number().over(by_name))
    return table.group_by("item").agg(popular_at=_map(table, "quarter", table["baskets"]))


def _prices(history: Table, today: float) -> Table:
    """The price last observed; where prices scatter (sold by weight), the median of twelve weeks' prices."""
    lines = history.mutate(unit=(_.spend / _.quantity).round(0), shelf=((_.spend + _.discount) / _.quantity).round(0))
    newest = ibis.window(group_by="item", order_by=[ibis.desc("day"), ibis.desc("basket")])
    last = lines.mutate(place=ibis.row_number().over(newest)).filter(_.place == 0)
    window = lines.filter(lines["day"] >= today - 84)
    usual = window.group_by("item").agg(
        unit_usual=_.unit.median(), shelf_usual=_.shelf.median(), sales=_.count(), prices=_.shelf.nunique()
    )
    table = last.left_join(usual, "item")
    scatters = ((table["sales"] >= 4) & (table["prices"] * 2 > table["sales"])).fill_null(False)
    price = scatters.ifelse(table["unit_usual"], table["unit"]).round(0).cast("int64")
    shelf = scatters.ifelse(table["shelf_usual"], table["shelf"]).round(0).cast("int64")
    at_least_one = ibis.greatest(price, 1)
    return table.select("item", price=at_least_one, shelf_price=ibis.greatest(shelf, at_least_one))


def _promotions(connection: BaseBackend, as_of: datetime) -> Table:
    promotions, now = connection.table("promotions"), _instant(as_of)
    in_force = (promotions["starts_at"] <= now) & (promotions["starts_at"] > _instant(as_of - timedelta(days=7)))
    return promotions.filter(in_force).select("item", "promoted", "displayed", "mailed")


def _bought_with(history: Table, today: float) -> Table:
    """Of each frequent item: what it shares baskets with, weighed by how much more often than chance would."""
    baskets = history.filter(history["day"] >= today - NEIGHBOUR_DAYS).select("basket", "item").distinct()
    frequent = baskets.group_by("item").agg(baskets=_.count()).filter(_.baskets >= LEAST_BASKETS)
    one = baskets.inner_join(frequent, "item").select("basket", "item", "baskets")
    other = one.rename(other="item", others="baskets")
    pairs = one.inner_join(other, ["basket"]).filter(_.item < _.other)
    table = pairs.group_by("item", "other", "baskets", "others").agg(together=_.count())
    table = table.filter(_.together >= LEAST_TOGETHER)
    mirrored = table.select(item="other", other="item", baskets="others", others="baskets", together="together")
    table = table.union(mirrored)
    order = [ibis.desc("together"), "other"]
    table = table.mutate(rank=ibis.row_number().over(ibis.window(group_by="item", order_by=order)))
    table = table.filter(table["rank"] < NEIGHBOURS)
    weight = table["together"] / (table["others"] + 20.0)
    return table.group_by("item").agg(bought_with=_map(table, "other", weight))
