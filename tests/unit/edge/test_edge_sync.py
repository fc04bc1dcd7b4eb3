import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.bundle import Bundle
from contracts.features import Cursor, FeatureDelta, FeedPage, Status, Value
from edge.sync import FeedFile
from edge.visitor_features import MAX_UNPACKED
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import Snapshot


@pytest.fixture(scope="module")
def loaded(tea_bundle: Bundle) -> LoadedBundle:
    return load(tea_bundle)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[FeedFile]:
    opened = FeedFile(tmp_path / "feed.sqlite")
    yield opened
    opened.close()


def delta(table: str, seq: int, entity: str, as_of: int = 1, **values: Value | None) -> FeatureDelta:
    return FeatureDelta(table=table, seq=seq, entity=entity, as_of=as_of, values=values)


def page(*deltas: FeatureDelta, epoch: str = "e", is_reset: bool = False) -> FeedPage:
    positions = {each.table: each.seq for each in deltas}
    return FeedPage(cursor=Cursor(epoch=epoch, positions=positions), deltas=deltas, is_reset=is_reset)


def price(snapshot: Snapshot, item: str) -> tuple[Value, Status]:
    teas = snapshot.tables["teas"]
    column, row = teas.columns["price"], teas.row_of[item]
    return column.value_at(row), column.status_at(row, 10)


def known(snapshot: Snapshot, who: str) -> dict[str, Value]:
    return {name: each.value for name, each in snapshot.visitor(who).items()}


def test_a_page_is_in_the_snapshot_and_on_disk(file: FeedFile, loaded: LoadedBundle) -> None:
    came = page(delta("teas", 1, "t-01", price=5), delta("visitor", 1, "v", orders=2, affinity={"green": 1.0}))
    after = file.take(came, loaded, file.rebased(loaded), now=7)
    for snapshot in (after, file.rebased(loaded)):
        assert price(snapshot, "t-01") == (5, Status.PRESENT)
        assert known(snapshot, "v") == {"orders": 2, "affinity": {"green": 1.0}}
        assert snapshot.cursor == came.cursor
    assert (file.cursor, file.answered_at) == (came.cursor, 7)


def test_values_of_the_future_are_missing_until_then(file: FeedFile, loaded: LoadedBundle) -> None:
    after = file.take(page(delta("teas", 1, "t-01", as_of=11, price=5)), loaded, file.rebased(loaded), now=0)
    assert price(after, "t-01") == (5, Status.MISSING)


def test_withdrawn_values_are_gone_for_good(file: FeedFile, loaded: LoadedBundle) -> None:
    before = file.take(
        page(delta("visitor", 1, "v", orders=2, own_teas=("t-01",))), loaded, file.rebased(loaded), now=0
    )
    after = file.take(page(delta("visitor", 2, "v", orders=None)), loaded, before, now=0)
    assert known(before, "v") == {"orders": 2, "own_teas": ("t-01",)}, "a snapshot never changes"
    for snapshot in (after, file.rebased(loaded)):
        assert known(snapshot, "v") == {"own_teas": ("t-01",)}


def test_an_empty_page_moves_the_clock_alone(file: FeedFile, loaded: LoadedBundle) -> None:
    before = file.rebased(loaded)
    after = file.take(FeedPage(cursor=Cursor(epoch="e"), deltas=()), loaded, before, now=9)
    assert after.tables == before.tables
    assert file.answered_at == 9


def test_a_reset_forgets_the_other_epoch(file: FeedFile, loaded: LoadedBundle) -> None:
    shipped = price(loaded.snapshot, "t-01")
    first = page(delta("teas", 1, "t-01", price=5), delta("visitor", 1, "v", orders=2))
    before = file.take(first, loaded, file.rebased(loaded), now=0)
    after = file.take(page(delta("visitor", 1, "w", orders=3), epoch="f", is_reset=True), loaded, before, now=0)
    for snapshot in (after, file.rebased(loaded)):
        assert price(snapshot, "t-01") == shipped
        assert (known(snapshot, "v"), known(snapshot, "w")) == ({}, {"orders": 3})


def test_a_damaged_file_is_begun_again(tmp_path: Path, loaded: LoadedBundle) -> None:
    path = tmp_path / "feed.sqlite"
    path.write_bytes(b"this is no database" * 100)
    file = FeedFile(path)
    assert file.cursor == Cursor()
    assert file.rebased(loaded).visitor("v") == {}
    file.close()


def test_a_file_with_bodies_of_another_form_is_begun_again(tmp_path: Path, loaded: LoadedBundle) -> None:
    path = tmp_path / "feed.sqlite"
    file = FeedFile(path)
    file.take(page(delta("visitor", 1, "v", orders=2), delta("teas", 1, "t-01", price=5)), loaded, loaded.snapshot, 7)
    file.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 1")
    again = FeedFile(path)
    assert (again.cursor, again.answered_at) == (Cursor(), None)
    assert known(again.rebased(loaded), "v") == {}
    assert price(again.rebased(loaded), "t-01") == price(loaded.snapshot, "t-01")
    again.take(page(delta("visitor", 1, "v", orders=3)), loaded, loaded.snapshot, 8)
    again.close()
    third = FeedFile(path)
    assert known(third.rebased(loaded), "v") == {"orders": 3}
    third.close()


class Failing:
    """A database whose disk is full when a transaction ends."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __getattr__(self, name: str) -> object:
        return getattr(self.database, name)

    def __enter__(self) -> None:
        self.database.__enter__()

    def __exit__(self, *_: object) -> None:
        self.database.rollback()
        raise sqlite3.OperationalError("database or disk is full")


def test_a_page_that_could_not_be_kept_is_asked_for_again(
    file: FeedFile, loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.take(page(delta("visitor", 1, "v", orders=1)), loaded, loaded.snapshot, now=7)
    before = (file.cursor, file.answered_at, file.newest)
    later = page(delta("visitor", 2, "w", orders=2))
    with monkeypatch.context() as patched:
        patched.setattr(file, "_database", Failing(file._database))
        with pytest.raises(sqlite3.OperationalError, match="disk is full"):
            file.take(later, loaded, loaded.snapshot, now=8)
    assert (file.cursor, file.answered_at, file.newest) == before
    assert known(file.take(later, loaded, file.rebased(loaded), now=9), "w") == {"orders": 2}


def test_a_file_that_another_process_is_writing_is_opened_and_not_begun_again(
    file: FeedFile, tmp_path: Path, loaded: LoadedBundle
) -> None:
    file.take(page(delta("visitor", 1, "v", orders=1)), loaded, loaded.snapshot, now=7)
    (path,) = tmp_path.rglob("*.sqlite")
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        again = FeedFile(path)
        assert known(again.rebased(loaded), "v") == {"orders": 1}
        again.close()
        other.rollback()


def test_of_many_visitors_few_stand_unpacked(file: FeedFile, loaded: LoadedBundle) -> None:
    count = MAX_UNPACKED * 2
    snapshot = file.take(
        page(*(delta("visitor", n + 1, f"v{n}", orders=n) for n in range(count))), loaded, file.rebased(loaded), now=0
    )
    for n in (*range(count), 0, count - 1):
        assert known(snapshot, f"v{n}") == {"orders": n}
    assert len(snapshot.visitors) == count
    assert len(snapshot.visitors._unpacked) == MAX_UNPACKED  # type: ignore[attr-defined]


values = st.fixed_dictionaries(
    {},
    optional={"orders": st.none() | st.integers(0, 9), "own_teas": st.none() | st.just(("t-01",)), "odd": st.just(1)},
).filter(bool)
prices = st.fixed_dictionaries({}, optional={"price": st.integers(1, 99), "stock": st.integers(0, 9)}).filter(bool)
changes = st.lists(
    st.tuples(st.just("visitor"), st.sampled_from(["a", "b"]), values)
    | st.tuples(st.just("teas"), st.sampled_from(["t-01", "t-02", "nowhere"]), prices),
    max_size=25,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes, st.integers(1, 7))
def test_what_is_kept_gives_the_same_snapshot_as_what_came(
    tmp_path_factory: pytest.TempPathFactory,
    loaded: LoadedBundle,
    changes: list[tuple[str, str, dict[str, Value]]],
    size: int,
) -> None:
    file = FeedFile(tmp_path_factory.mktemp("feed") / "feed.sqlite")
    snapshot = file.rebased(loaded)
    truth: dict[tuple[str, str], dict[str, Value | None]] = {}
    deltas = [delta(table, seq, entity, **values) for seq, (table, entity, values) in enumerate(changes, 1)]
    for each in deltas:
        truth.setdefault((each.table, each.entity), {}).update(each.values)
    for start in range(0, len(deltas), size):
        snapshot = file.take(page(*deltas[start : start + size]), loaded, snapshot, now=0)
    for seen in (snapshot, file.rebased(loaded)):
        for (table, entity), values in truth.items():
            if table == "visitor":
                expected = {name: value for name, value in values.items() if value is not None and name != "odd"}
                assert known(seen, entity) == expected
            elif entity != "nowhere" and "price" in values:
                assert price(seen, entity)[0] == values["price"]
    file.close()
