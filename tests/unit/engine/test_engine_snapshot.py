from collections.abc import Callable

import numpy as np
import pytest
from builders import TABLE, column
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ContractError
from contracts.features import Cursor, FeatureDelta, FeatureValue, Status, Value, ValueType
from engine.column import Column, read_column
from engine.snapshot import Snapshot, Table

CURSOR = Cursor(epoch="e", positions={"products": 1})
LIVE = ("price", "title", "is_new")
ALL = {**TABLE, "is_new": (ValueType.BOOL, [True, False, True, False, True])}


def snapshot() -> Snapshot:
    read = {name: read_column(column(kind, values), 5, is_live=name in LIVE) for name, (kind, values) in ALL.items()}
    return Snapshot({"products": Table("products", read)})


def delta(entity: str, as_of: int = 10, table: str = "products", **values: Value | None) -> FeatureDelta:
    return FeatureDelta(table=table, seq=1, entity=entity, as_of=as_of, values=values)


def values_of(view: Snapshot, name: str) -> list[Value]:
    return [view.tables["products"].columns[name].value_at(row) for row in range(5)]


def test_deltas_change_live_columns_and_leave_the_old_snapshot_alone() -> None:
    before = snapshot()
    after = before.with_deltas([delta("b", price=7, title="Brot", is_new=True)], CURSOR)
    assert values_of(after, "price") == [100, 7, 300, 400, 500]
    assert values_of(after, "title") == ["Apple", "Brot", "Cheese", "Dates", "Eggs"]
    assert values_of(after, "is_new") == [True, True, True, False, True]
    assert values_of(before, "price") == [100, 200, 300, 400, 500]
    assert after.cursor == CURSOR
    assert after.tables["products"].row_of is before.tables["products"].row_of


def test_a_value_of_the_future_is_missing_until_its_time() -> None:
    table = snapshot().with_deltas([delta("a", as_of=50, price=1)], CURSOR).tables["products"]
    assert table.columns["price"].status_at(0, now=49) is Status.MISSING
    assert table.columns["price"].status_at(0, now=50) is Status.PRESENT
    assert table.columns["price"].status_at(1, now=49) is Status.PRESENT
    assert table.columns["price"].newest == 50
    assert snapshot().tables["products"].columns["price"].newest == 0


def test_what_was_derived_is_kept_until_a_column_it_reads_changes() -> None:
    made: list[str] = []

    def make(name: str) -> Callable[[], str]:
        return lambda: made.append(name) or name  # type: ignore[func-returns-value]

    before = snapshot()
    table = before.tables["products"]
    assert table.derived("k", ("price",), 99, make("first")) == "first"
    assert table.derived("k", ("price",), 99, make("again")) == "first"
    other = before.with_deltas([delta("a", title="Apfel")], CURSOR).tables["products"]
    assert other.derived("k", ("price",), 99, make("again")) == "first"
    changed = before.with_deltas([delta("a", price=1)], CURSOR).tables["products"]
    assert changed.derived("k", ("price",), 99, make("second")) == "second"
    assert table.derived("k", ("price",), 99, make("again")) == "first"
    assert table.derived("other", ("title",), 99, make("third")) == "third"
    assert made == ["first", "second", "third"]


def test_what_is_derived_is_kept_until_a_value_of_the_future_begins() -> None:
    table = snapshot().with_deltas([delta("a", as_of=50, price=1)], CURSOR).tables["products"]
    assert table.derived("k", ("price",), 49, lambda: "early") == "early"
    assert table.derived("k", ("price",), 50, lambda: "on time") == "on time"
    assert table.derived("k", ("price",), 49, lambda: "early") == "early"
    assert table.derived("k", ("price",), 48, lambda: "again") == "early"


def test_none_withdraws_a_value_and_the_next_one_brings_it_back() -> None:
    gone = snapshot().with_deltas([delta("a", price=None, title=None)], CURSOR)
    assert gone.tables["products"].columns["price"].status_at(0, now=99) is Status.MISSING
    back = gone.with_deltas([delta("a", as_of=11, price=3, title="Apfel")], CURSOR)
    assert back.tables["products"].columns["price"].status_at(0, now=99) is Status.PRESENT
    assert values_of(back, "title")[0] == "Apfel"


def test_what_is_unknown_or_not_live_is_passed_over() -> None:
    deltas = [delta("zz", price=1), delta("a", colour="red"), delta("a", table="x", price=1), delta("a", stock=0)]
    after = snapshot().with_deltas(deltas, CURSOR)
    assert all(values_of(after, name) == values_of(snapshot(), name) for name in ("price", "stock"))


def test_a_live_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ContractError, match="expected int, got str"):
        snapshot().with_deltas([delta("a", price="cheap")], CURSOR)


def test_live_lists_change_row_by_row() -> None:
    tags = Column(ValueType.STRINGS, np.zeros(0, dtype=np.int32), offsets=np.zeros(6, dtype=np.int64), is_live=True)
    table = Table("products", {**snapshot().tables["products"].columns, "tags": tags})
    after = Snapshot({"products": table}).with_deltas([delta("a", tags=("x",)), delta("b", tags=None)], CURSOR)
    column = after.tables["products"].columns["tags"]
    row, other = (after.tables["products"].row_of[item] for item in ("a", "b"))
    assert (column.value_at(row), column.value_at(other)) == (("x",), ())
    assert (column.status_at(row, 10), column.status_at(other, 10)) == (Status.PRESENT, Status.MISSING)


def test_live_maps_change_row_by_row() -> None:
    taste = read_column(column(ValueType.NUMBERS, [{"x": 1.0}, {}, {"y": 2.0}, {}, {}]), 5, is_live=True)
    table = Table("products", {**snapshot().tables["products"].columns, "taste": taste})
    deltas = [delta("b", taste={"z": 3.0, "x": 4.0}), delta("c", taste=None)]
    after = Snapshot({"products": table}).with_deltas(deltas, CURSOR)
    assert values_of(after, "taste") == [{"x": 1.0}, {"z": 3.0, "x": 4.0}, {}, {}, {}]
    assert values_of(Snapshot({"products": table}), "taste")[1] == {}


def test_visitors_get_and_lose_values() -> None:
    first = Snapshot({}).with_deltas([delta("v", table="visitor", own=("a",), taste=0.5)], CURSOR)
    assert first.visitor("v") == {
        "own": FeatureValue(value=("a",), as_of=10),
        "taste": FeatureValue(value=0.5, as_of=10),
    }
    second = first.with_deltas([delta("v", table="visitor", own=None, gone=None)], CURSOR)
    assert set(second.visitor("v")) == {"taste"}
    assert second.visitor("w") == {}
    assert second.visitor(None) == {}


PRICES = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(-9, 9) | st.none(), st.integers(1, 5)), max_size=12)


@given(PRICES, st.integers(0, 12))
def test_deltas_in_one_go_or_in_two_give_the_same(changes: list[tuple[str, int | None, int]], cut: int) -> None:
    deltas = [delta(entity, as_of, price=value) for entity, value, as_of in changes]
    whole = snapshot().with_deltas(deltas, CURSOR).tables["products"].columns["price"]
    parts = snapshot().with_deltas(deltas[:cut], CURSOR).with_deltas(deltas[cut:], CURSOR)
    split = parts.tables["products"].columns["price"]
    for row in range(5):
        assert [whole.status_at(row, now) for now in (0, 3, 9)] == [split.status_at(row, now) for now in (0, 3, 9)]
        assert whole.value_at(row) == split.value_at(row)


@given(PRICES)
def test_the_last_delta_of_an_entity_holds(changes: list[tuple[str, int | None, int]]) -> None:
    deltas = [delta(entity, as_of, price=value) for entity, value, as_of in changes]
    price = snapshot().with_deltas(deltas, CURSOR).tables["products"].columns["price"]
    for entity, value, as_of in {entity: (entity, value, as_of) for entity, value, as_of in changes}.values():
        row = "abcde".index(entity)
        assert price.status_at(row, now=as_of) is (Status.MISSING if value is None else Status.PRESENT)
        assert price.status_at(row, now=as_of - 1) is Status.MISSING
        assert value is None or price.value_at(row) == value
