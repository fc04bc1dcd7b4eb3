from builders import TABLE, column

from contracts.features import Cursor, FeatureDelta, Status, Value, ValueType
from engine.rebase import rebased
from engine.snapshot import Snapshot, Table, read_column

LIVE = ("price", "stock")


def tables(live: tuple[str, ...] = LIVE, **changed: tuple[ValueType, list[Value | None]]) -> dict[str, Table]:
    given = {**TABLE, **changed}
    rows = len(given["id"][1])
    read = {
        name: read_column(column(kind, values), rows, is_live=name in live) for name, (kind, values) in given.items()
    }
    return {"products": Table("products", read)}


def served() -> Snapshot:
    deltas = [
        FeatureDelta(table="products", seq=4, entity="b", as_of=10, values={"price": 7, "stock": None}),
        FeatureDelta(table="visitor", seq=9, entity="v", as_of=10, values={"taste": 1.0}),
    ]
    cursor = Cursor(epoch="e", positions={"products": 4, "visitor": 9, "gone": 3})
    return Snapshot(tables()).with_deltas(deltas, cursor)


def test_live_values_and_visitors_are_carried_over() -> None:
    base = tables(title=(ValueType.STRING, ["A", "B", "C", "D", "E"]))
    after = rebased(served(), base)
    table = after.tables["products"]
    assert table.columns["price"].value_at(1) == 7
    assert table.columns["price"].status_at(1, now=9) is Status.MISSING
    assert table.columns["stock"].status_at(1, now=99) is Status.MISSING
    assert table.columns["title"].value_at(1) == "B"
    assert after.visitor("v") == served().visitor("v")
    assert after.cursor == Cursor(epoch="e", positions={"products": 4, "visitor": 9})


def test_values_follow_ids_not_rows() -> None:
    shorter = {name: (kind, values[1:]) for name, (kind, values) in TABLE.items()}
    after = rebased(served(), tables(**shorter))
    assert after.tables["products"].columns["price"].value_at(0) == 7
    assert after.cursor.positions["products"] == 4


def test_new_rows_make_the_reader_ask_again() -> None:
    longer = {name: (kind, [*values, values[-1]]) for name, (kind, values) in TABLE.items()}
    after = rebased(served(), tables(**{**longer, "id": (ValueType.STRING, ["a", "b", "c", "d", "e", "f"])}))
    assert "products" not in after.cursor.positions
    assert after.tables["products"].columns["price"].value_at(1) == 7


def test_new_live_columns_make_the_reader_ask_again() -> None:
    assert "products" not in rebased(served(), tables(live=(*LIVE, "title"))).cursor.positions
    retyped = tables(price=(ValueType.DOUBLE, [1.0, 2.0, 3.0, 4.0, 5.0]))
    after = rebased(served(), retyped)
    assert "products" not in after.cursor.positions
    assert after.tables["products"].columns["price"].value_at(1) == 2.0


def test_a_new_table_has_no_position_and_one_without_live_columns_needs_none() -> None:
    assert rebased(Snapshot({}), tables()).cursor.positions == {}
    assert rebased(served(), tables(live=())).cursor.positions == {"products": 4, "visitor": 9}


def test_a_dropped_column_is_forgotten() -> None:
    base = tables()
    columns = {name: each for name, each in base["products"].columns.items() if name != "price"}
    after = rebased(served(), {"products": Table("products", columns)})
    assert "price" not in after.tables["products"].columns
