import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import batch
import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from ibis.backends import BaseBackend
from weeks import week_start

from origin.profiles import connect

# Ibis calls DuckDB by a name that DuckDB is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
AS_OF = datetime(2017, 11, 20, 5, tzinfo=UTC)
TODAY = AS_OF.timestamp() / 86400.0
COMPARE = {"<": pc.less, "<=": pc.less_equal}
EARLIER = datetime(2017, 1, 1, tzinfo=UTC)


def line(household: str, basket: str, item: str, days_ago: float, **other: object) -> dict[str, object]:
    at = AS_OF - timedelta(days=days_ago)
    return {
        "household": household,
        "basket": basket,
        "item": item,
        "department": "grocery",
        "category": "Soup",
        "product_type": "SOUP",
        "is_private": False,
        "at": at.replace(tzinfo=None),
        "day": at.timestamp() / 86400.0,
        "quantity": 1,
        "spend": 100,
        "discount": 0,
        "coupon": 0,
        **other,
    }


def shop(*lines: dict[str, object], **tables: list[dict[str, object]]) -> BaseBackend:
    start = EARLIER.replace(tzinfo=None)
    day = EARLIER.timestamp() / 86400.0
    given: dict[str, list[dict[str, object]]] = {
        "lines": list(lines),
        "promotions": [{"item": "none", "starts_at": start, "promoted": 0.5, "displayed": 0.5, "mailed": 0.5}],
        "campaigns": [{"campaign": "1", "household": "none", "kind": "Type A", "starts_at": start, "ends_at": start}],
        "redemptions": [{"household": "none", "campaign": "1", "at": start, "day": day}],
        "offer_products": [{"offer": "none", "item": "none", "starts_at": start, "ends_at": start}],
        **tables,
    }
    connection = ibis.duckdb.connect(threads=1)
    for name, rows in given.items():
        connection.create_table(name, ibis.memtable(pa.Table.from_pylist(rows)))
    return connection


def read(build: Callable[[BaseBackend, datetime], ibis.Table], connection: BaseBackend) -> dict[str, dict[str, object]]:
    rows = build(connection, AS_OF).order_by("entity").to_pyarrow().to_pylist()
    return {str(row.pop("entity")): row for row in rows}


TIMES = {"lines": "at", "redemptions": "at", "campaigns": "starts_at", "promotions": "starts_at"}


@pytest.mark.parametrize("table", ["visitor", "products", "stories"])
def test_nothing_at_or_after_the_instant_is_read(storefront_folder: Path, tmp_path: Path, table: str) -> None:
    as_of = week_start(46)
    known = storefront_folder / "data/history"
    for file in sorted(known.glob("*.parquet")):
        rows = pq.read_table(file)
        if file.stem in TIMES:
            order = "<=" if file.stem == "promotions" else "<"
            past = rows.filter(COMPARE[order](rows[TIMES[file.stem]], pa.scalar(as_of.replace(tzinfo=None))))
            assert 0 < past.num_rows < rows.num_rows
            rows = past
        pq.write_table(rows, tmp_path / file.name)
    found, without_future = (
        batch.TABLES[table](connect(history), as_of).order_by("entity").to_pyarrow() for history in (known, tmp_path)
    )
    assert found.num_rows > 8
    assert found.equals(without_future)


def test_a_line_at_the_instant_itself_is_of_the_future() -> None:
    connection = shop(line("1", "a", "soup", 0.0), line("1", "b", "soup", 1.0))
    assert read(batch.visitors, connection)["1"]["visits"] == 1.0


def test_habits_of_a_household() -> None:
    habits = read(
        batch.visitors,
        shop(
            line("1", "a", "soup", 60.0, spend=300, is_private=True),
            line("1", "a", "salt", 60.0, spend=100, discount=100),
            line("1", "b", "soup", 20.0, spend=200, coupon=50),
        ),
    )["1"]
    assert (habits["visits"], habits["visits_4w"], habits["visits_8w"], habits["coupon_visits"]) == (2.0, 1.0, 1.0, 1.0)
    assert habits["visit_period"] == 40.0
    assert (habits["spend_per_visit"], habits["lines_per_visit"], habits["spend_8w"]) == (3.0, 1.5, 2.0)
    assert habits["saved_share"] == round(100 / 700, 6)
    assert habits["private_share"] == round(1 / 3, 6)
    assert habits["decayed"] == round(math.exp(-60 / 40) + math.exp(-20 / 40), 6)


def test_items_are_counted_by_visit_and_listed_from_most_to_least() -> None:
    habits = read(
        batch.visitors,
        shop(
            line("1", "a", "salt", 30.0),
            line("1", "a", "soup", 30.0),
            line("1", "b", "soup", 10.0),
            line("1", "b", "beer", 10.0),
        ),
    )["1"]
    assert habits["own_items"] == ["soup", "beer", "salt"]
    assert dict(habits["item_visits"]) == {"soup": 2.0, "beer": 1.0, "salt": 1.0}  # type: ignore[call-overload]
    assert dict(habits["item_last"])["soup"] == round(TODAY - 10, 6)  # type: ignore[call-overload]
    assert dict(habits["item_period"]) == {"soup": 20.0}  # type: ignore[call-overload]


def test_a_first_visit_has_no_period() -> None:
    habits = read(batch.visitors, shop(line("1", "a", "soup", 3.0)))["1"]
    assert habits["visit_period"] is None
    assert habits["item_period"] is None


def test_affinity_is_the_share_of_visits_above_the_usual_household() -> None:
    connection = shop(
        line("1", "a", "rose", 3.0, department="floral"),
        line("1", "b", "soup", 2.0),
        line("2", "c", "soup", 2.0),
    )
    found = read(batch.visitors, connection)
    assert found["1"]["recent_visits"] == 2.0
    assert dict(found["1"]["department_recent"]) == {"floral": 1.0, "grocery": 1.0}  # type: ignore[call-overload]
    assert dict(found["1"]["affinity"]) == {"floral": 0.25, "grocery": -0.25}  # type: ignore[call-overload]
    assert dict(found["2"]["affinity"]) == {"grocery": 0.25}  # type: ignore[call-overload]


def test_offers_count_what_was_bought_of_their_products_while_they_are_open() -> None:
    now = AS_OF.replace(tzinfo=None)
    products = [
        {"offer": "open", "item": "soup", "starts_at": now, "ends_at": now + timedelta(days=1)},
        {"offer": "over", "item": "soup", "starts_at": now - timedelta(days=1), "ends_at": now},
        {"offer": "next", "item": "soup", "starts_at": now + timedelta(days=1), "ends_at": now + timedelta(days=2)},
    ]
    lines = (line("1", "a", "soup", 70.0), line("1", "b", "soup", 2.0), line("1", "b", "salt", 2.0))
    habits = read(batch.redeemers, shop(*lines, offer_products=products))["1"]
    assert dict(habits["offer_lines"]) == {"open": 2.0}  # type: ignore[call-overload]
    assert dict(habits["offer_lines_8w"]) == {"open": 1.0}  # type: ignore[call-overload]
    assert dict(habits["offer_spend"]) == {"open": 2.0}  # type: ignore[call-overload]


def test_redeemers_are_part_of_visitors(storefront_folder: Path) -> None:
    history = connect(storefront_folder / "data/history")
    part = batch.redeemers(history, AS_OF)
    whole = batch.visitors(history, AS_OF).select(part.columns).order_by("entity").to_pyarrow()
    assert part.order_by("entity").to_pyarrow().equals(whole)


def test_the_price_is_the_last_one_seen() -> None:
    lines = [line("1", str(ago), "soup", float(ago), spend=100 + ago, discount=5) for ago in (1, 200)]
    item = read(batch.products, shop(*lines))["soup"]
    assert (item["price"], item["shelf_price"]) == (101, 106)


def test_where_prices_scatter_the_price_is_the_usual_one() -> None:
    prices = {1: 900, 2: 110, 3: 100, 4: 90, 5: 105}
    item = read(batch.products, shop(*[line("1", str(ago), "figs", ago, spend=prices[ago]) for ago in prices]))["figs"]
    assert item["price"] == 105


def test_popularity_and_promotions_in_force() -> None:
    week = AS_OF.replace(tzinfo=None)
    promotions = [
        {"item": "soup", "starts_at": week, "promoted": 0.5, "displayed": 0.25, "mailed": 0.0},
        {"item": "soup", "starts_at": week + timedelta(days=7), "promoted": 0.9, "displayed": 0.9, "mailed": 0.9},
        {"item": "soup", "starts_at": week - timedelta(days=7), "promoted": 0.8, "displayed": 0.8, "mailed": 0.8},
    ]
    lines = [line("1", "a", "soup", 3.0), line("2", "b", "soup", 20.0), line("2", "c", "salt", 20.0)]
    item = read(batch.products, shop(*lines, promotions=promotions))["soup"]
    assert (item["baskets_1w"], item["baskets_4w"], item["baskets_12w"]) == (1.0, 2.0, 2.0)
    assert item["type_share"] == round(2 / 3, 6)
    assert (item["promoted"], item["displayed"], item["mailed"]) == (0.5, 0.25, 0.0)


def test_what_is_bought_at_reduced_prices() -> None:
    lines = [
        line("1", "a", "soup", 3.0, spend=150, discount=50),
        line("1", "b", "soup", 5.0, spend=200),
        line("2", "c", "soup", 20.0, spend=60, discount=40),
        line("2", "d", "soup", 29.0, spend=1, discount=99),
        line("1", "b", "salt", 5.0, category="Salt"),
        line("1", "e", "rice", 40.0, spend=80, discount=20, category="Rice"),
    ]
    items, habits = read(batch.products, shop(*lines)), read(batch.visitors, shop(*lines))
    assert items["soup"]["reduced"] == round(2 / 3, 6)
    assert items["soup"]["cut"] == round(90 / 300, 6)
    assert (items["salt"]["reduced"], items["salt"]["cut"]) == (0.0, batch.USUAL_CUT)
    assert (items["rice"]["reduced"], items["rice"]["cut"]) == (None, batch.USUAL_CUT)
    of_one = dict(habits["1"]["category_reduced"])  # type: ignore[call-overload]
    assert of_one == {"Soup": 0.5, "Salt": 0.0, "Rice": 1.0}


def test_what_sells_at_which_quarter_of_the_day_if_it_sells_at_all() -> None:
    noon, evening = 7.0 - 7 / 24, 7.0 - 15 / 24  # 5:00 UTC a week ago, and 7 and 15 hours on
    often = [line("1", f"n{n}", "soup", noon) for n in range(20)] + [
        line("1", f"e{n}", "soup", evening) for n in range(25)
    ]
    seldom = [line("1", f"s{n}", "salt", noon) for n in range(19)]
    long_ago = [line("1", f"l{n}", "rice", 29.0) for n in range(30)]
    found = read(batch.products, shop(*often, *seldom, *long_ago))
    assert dict(found["soup"]["popular_at"]) == {"2": 20.0, "3": 25.0}  # type: ignore[call-overload]
    assert found["salt"]["popular_at"] is None
    assert found["rice"]["popular_at"] is None


def test_what_is_bought_together_often_enough() -> None:
    together = [line("1", f"t{n}", item, 5.0) for n in range(20) for item in ("chips", "salsa")]
    once = [line("1", f"o{n}", "chips", 5.0) for n in range(5)]
    found = read(batch.products, shop(*together, *once, line("1", "t0", "rare", 5.0)))
    assert dict(found["chips"]["bought_with"]) == {"salsa": round(20 / 40, 6)}  # type: ignore[call-overload]
    assert dict(found["salsa"]["bought_with"]) == {"chips": round(20 / 45, 6)}  # type: ignore[call-overload]
    assert found["rare"]["bought_with"] is None


def test_a_department_that_more_baskets_hold_than_usual_is_rising() -> None:
    usual = [line("1", f"u{day}", "soup", day) for day in range(8, 84)]
    flowers = [line("1", f"u{day}", "rose", day, department="floral") for day in range(8, 84, 4)]
    week = [line("1", f"w{day}", "rose", day, department="floral") for day in range(1, 7)]
    rising = {name: row["rising"] for name, row in read(batch.stories, shop(*usual, *flowers, *week)).items()}
    assert set(rising) == {"grocery", "floral"}
    assert rising["grocery"] < 0.02 < 0.98 < rising["floral"] <= 1.0


def test_a_department_that_sells_as_ever_is_as_likely_to_rise_as_to_fall() -> None:
    lines = [line("1", f"u{day}", "soup", day) for day in range(1, 84)]
    assert read(batch.stories, shop(*lines)) == {"grocery": {"rising": 0.5}}
