from pathlib import Path

import pytest
from baskets import CART_ITEMS, LEAST_ITEMS, Basket, read_baskets, sampled
from weeks import week_start

from origin.profiles import connect

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def test_weeks_start_on_mondays_in_new_york() -> None:
    assert [week_start(week).isoformat() for week in (38, 45, 46, 48)] == [
        "2017-09-11T04:00:00+00:00",
        "2017-10-30T04:00:00+00:00",
        "2017-11-06T05:00:00+00:00",
        "2017-11-20T05:00:00+00:00",
    ]


def test_baskets_of_a_week_are_whole_and_in_the_order_of_their_times(storefront_folder: Path) -> None:
    start, end = week_start(48), week_start(49)
    found = read_baskets(connect(storefront_folder / "data/history"), start, end)
    times = [basket.now for basket in found]
    assert len(found) > 10
    assert times == sorted(times)
    assert start.timestamp() * 1e6 <= times[0]
    assert times[-1] < end.timestamp() * 1e6
    assert all(len(set(basket.items)) == len(basket.items) >= LEAST_ITEMS for basket in found)
    assert all(len(basket.cart) == CART_ITEMS for basket in found)


def test_a_basket_knows_what_was_paid_and_what_was_reduced(storefront_folder: Path) -> None:
    history = connect(storefront_folder / "data/history")
    found = read_baskets(history, week_start(48), week_start(49))
    lines = {(row["basket"], row["item"]): row for row in history.table("lines").to_pyarrow().to_pylist()}
    assert any(basket.reduced for basket in found)
    for basket in found:
        kept = {item: lines[basket.id, item] for item in basket.items}
        assert basket.paid == tuple(kept[item]["spend"] / kept[item]["quantity"] for item in basket.items)
        assert set(basket.reduced) == {item for item, line in kept.items() if line["discount"] > 0}


def test_the_cart_is_no_matter_of_chance(storefront_folder: Path) -> None:
    history = storefront_folder / "data/history"
    once, again = (read_baskets(connect(history), week_start(48), week_start(49)) for _ in range(2))
    assert once == again
    assert any(basket.items != tuple(sorted(basket.items)) for basket in once)


def test_a_sample_grows_by_adding() -> None:
    baskets = [Basket(str(number), "1", number, ("a",)) for number in range(50)]
    few, many = sampled(baskets, 10), sampled(baskets, 20)
    assert len(few) == 10
    assert set(few) <= set(many)
    assert [basket.now for basket in many] == sorted(basket.now for basket in many)
    assert sampled(baskets, 100) == baskets
