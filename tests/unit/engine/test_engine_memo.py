"""What is kept is what would be made anew, whatever the feed does in between."""

from threading import Thread

import numpy as np
import pytest
from builders import NOW, RULES, TABLE, Shop, batch, columns, const, model, read, slot
from graphs import weighed
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.features import Cursor, FeatureDelta, Root, ValueType
from contracts.slots import Filter
from engine.column import Column
from engine.guard import guard, held_by, item_guards
from engine.load import LoadedBundle
from engine.memo import Memo
from engine.programs.values import Batch, Scope
from engine.retrieve import retrieve
from engine.score import matrix

DEAR = columns("dear", "bool", ("greater_int64", "bool", read(Root.ITEM, "price", "int"), const(150)))
ROWS = np.arange(5, dtype=np.int64)


def shop() -> LoadedBundle:
    spec = slot(guards=("dear", "has_margin"), model="m", retrieve=(Filter(where="in_stock", order="price", limit=3),))
    table = {**TABLE}
    rules = (*RULES, DEAR)
    models = (model("price", "by_margin"),)
    live = ("price", "stock", "margin")
    return Shop(
        slots=(spec,), rules=rules, table=table, models=models, graphs={"m": weighed(1.0, 1.0)}, live=live
    ).load()


values = st.fixed_dictionaries(
    {},
    optional={
        "price": st.none() | st.integers(0, 600),
        "stock": st.none() | st.integers(0, 2),
        "margin": st.none() | st.floats(-1, 1),
    },
)
deltas = st.builds(
    lambda entity, changed, ahead: FeatureDelta(
        table="products", seq=1, entity=entity, as_of=NOW + ahead, values=changed
    ),
    st.sampled_from("abcdez"),
    values,
    st.sampled_from([-1, 0, 5]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.lists(deltas, max_size=3), st.booleans(), st.sampled_from([NOW, NOW + 5])), max_size=6))
def test_whatever_the_feed_brings_nothing_kept_is_out_of_date(
    steps: list[tuple[list[FeatureDelta], bool, int]],
) -> None:
    loaded = shop()
    snapshot, chosen = loaded.snapshot, loaded.slots["shelf"]
    assert chosen.model is not None
    for changes, is_asked, now in steps:
        snapshot = snapshot.with_deltas(changes, Cursor())
        if not is_asked:
            continue
        table = snapshot.tables["products"]
        scope = Scope(now, frozenset(), {}, {}, {})
        whole = Batch(scope, table, ROWS)
        held = np.array([*[held_by(rule.run(whole)) for rule in chosen.guards], np.zeros(len(ROWS), dtype=np.bool_)])
        assert item_guards(chosen, scope, table, ROWS).tolist() == held.argmin(axis=0).tolist()
        anew = np.column_stack([_filled(each.run(whole)) for each in chosen.model.inputs])
        assert np.array_equal(matrix(chosen.model, whole), anew.astype(np.float32), equal_nan=True)
        first = retrieve(chosen, scope, snapshot)
        table.memo.wholes.clear()
        assert retrieve(chosen, scope, snapshot).rows.tolist() == first.rows.tolist()


def _filled(computed: object) -> np.ndarray:
    values = computed.values.astype(np.float64)  # type: ignore[attr-defined]
    if computed.errors is not None:  # type: ignore[attr-defined]
        values[computed.errors] = np.nan  # type: ignore[attr-defined]
    return values


def test_what_is_kept_is_made_while_the_bundle_is_loaded() -> None:
    memo = shop().snapshot.tables["products"].memo
    assert set(memo.by_row) == {"guards of shelf", "inputs of m"}
    assert set(memo.wholes) == {"filter in_stock price"}


def test_only_what_changed_is_made_again() -> None:
    asked: list[list[int]] = []

    def make(rows: np.ndarray) -> np.ndarray:
        asked.append(rows.tolist())
        return rows * 2.0

    one, other, newer = ints(), ints(), ints()
    memo, rows = Memo(), np.arange(4, dtype=np.int64)
    assert memo.rows("k", (one, other), 4, NOW, rows[1:3], make).tolist() == [2.0, 4.0]
    assert memo.rows("k", (one, other), 4, NOW, rows, make).tolist() == [0.0, 2.0, 4.0, 6.0]
    changed = {one: (newer, np.array([2, 1, 2], dtype=np.int64))}
    after = memo.after(changed).after({ints(): (ints(), np.array([3], dtype=np.int64))})
    assert after.rows("k", (newer, other), 4, NOW, rows, make).tolist() == [0.0, 2.0, 4.0, 6.0]
    after.rows("k", (newer, other), 4, NOW, rows, make)
    assert asked == [[], [1, 2], [0, 3], [1, 2]]


def test_whoever_asks_the_older_table_makes_it_again() -> None:
    one, newer, rows = ints(), ints(), np.arange(2, dtype=np.int64)
    older = Memo()
    older.rows("k", (one,), 2, NOW, rows, lambda wanted: wanted + 1)
    newest = older.after({one: (newer, rows[:1])})
    assert newest.rows("k", (newer,), 2, NOW, rows, lambda wanted: wanted + 5).tolist() == [5, 2]
    assert older.rows("k", (one,), 2, NOW, rows, lambda wanted: wanted + 1).tolist() == [1, 2]


def test_what_an_older_table_makes_meanwhile_does_not_reach_its_successor() -> None:
    one, newer, rows = ints(), ints(), np.arange(2, dtype=np.int64)
    older, successors = Memo(), list[Memo]()
    thread = Thread(target=lambda: successors.append(older.after({one: (newer, rows)})))

    def make(wanted: np.ndarray) -> np.ndarray:
        if len(wanted):
            thread.start()
            thread.join(0.05)  # as far as it gets while this is being made
        return wanted + 1

    assert older.rows("k", (one,), 2, NOW, rows, make).tolist() == [1, 2]
    thread.join()
    assert successors[0].rows("k", (newer,), 2, NOW, rows, lambda wanted: wanted + 5).tolist() == [5, 6]


@pytest.mark.parametrize("width", [1, 3])
def test_what_is_wider_than_one_value_takes_memory_for_the_rows_that_were_made(width: int) -> None:
    def made(rows: np.ndarray) -> np.ndarray:
        return rows if width == 1 else rows[:, np.newaxis].repeat(width, axis=1)

    one, memo = ints(), Memo()
    for row in (99_000, 7, 99_000, 42):
        wanted = np.array([row, row + 1, row], dtype=np.int64)
        doubled = memo.rows("k", (one,), 100_000, NOW, wanted, lambda rows: made(rows * 2.0))
        assert doubled.tolist() == made(wanted * 2).tolist()
    changed = memo.after({one: (one, np.array([7, 42], dtype=np.int64))})
    again = changed.rows("k", (one,), 100_000, NOW, np.arange(50), lambda rows: made(rows + 0.5))
    assert again[6:9].tolist() == made(np.array([6.5, 7.5, 16])).tolist()
    assert len(changed.by_row["k"].made) == 100_000 if width == 1 else len(changed.by_row["k"].made) < 200


def test_all_is_forgotten_before_it_takes_too_much_memory() -> None:
    one, memo, asked = ints(), Memo(), list[int]()

    def make(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return np.repeat(rows[:, np.newaxis], 1 << 20, axis=1)  # 8 MiB for each row

    for rows in ([1, 2, 3], [3, 4], [4, 5], [1, 2, 3, 4, 5], [4, 5]):
        wanted = np.array(rows, dtype=np.int64)
        assert memo.rows("k", (one,), 9, NOW, wanted, make)[:, 7].tolist() == rows
    assert asked == [0, 3, 1, 2, 5]
    assert memo.by_row["k"].made.nbytes <= 32 << 20
    assert memo.rows("none", (one,), 9, NOW, wanted, lambda rows: np.zeros((len(rows), 0))).shape == (2, 0)


def test_nothing_made_row_by_row_of_the_future_is_kept() -> None:
    ahead, rows = ints(NOW + 1), np.arange(2, dtype=np.int64)
    memo = Memo()
    assert memo.rows("k", (ahead,), 2, NOW, rows, lambda wanted: wanted + 1).tolist() == [1, 2]
    assert memo.rows("k", (ahead,), 2, NOW, rows, lambda wanted: wanted + 2).tolist() == [2, 3]
    assert memo.rows("k", (ahead,), 2, NOW + 1, rows, lambda wanted: wanted + 3).tolist() == [3, 4]
    assert memo.rows("k", (ahead,), 2, NOW, rows, lambda wanted: wanted + 4).tolist() == [4, 5]


def test_a_whole_is_kept_until_the_next_value_of_the_future_begins() -> None:
    memo, columns_ = Memo(), (ints(NOW - 9, NOW + 1, NOW + 3), ints(), ints(NOW + 3, 0, NOW + 7))
    asked = [-1, 0, 1, 2, 3, 6, 7, 99, 2, -9, -10]
    made = [memo.whole("w", columns_, NOW + now, lambda now=now: now) for now in asked]
    assert made == [-1, -1, 1, 1, 3, 3, 7, 7, 2, -9, -10]


def ints(*as_of: int) -> Column:
    instants = np.array(as_of, dtype=np.int64) if as_of else None
    return Column(ValueType.INT, np.zeros(4, dtype=np.int64), as_of=instants, newest=max(as_of, default=0))


def test_an_item_that_changed_is_guarded_by_what_it_is_now() -> None:
    loaded = shop()
    given_ = batch(loaded)
    assert guard(loaded.slots["shelf"], given_).blockers == {"a": "dear", "e": "has_margin"}
    delta = FeatureDelta(table="products", seq=1, entity="b", as_of=NOW, values={"price": 1})
    table = loaded.snapshot.with_deltas([delta], Cursor()).tables["products"]
    after = guard(loaded.slots["shelf"], Batch(given_.scope, table, given_.rows)).blockers
    assert after == {"a": "dear", "b": "dear", "e": "has_margin"}
