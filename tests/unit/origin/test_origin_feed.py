from collections.abc import Iterator
from pathlib import Path

import pytest
from tea_origin import state_of

from contracts.codec import decode, pack
from contracts.errors import ContractError
from contracts.features import Cursor, FeatureDelta, FeedPage, Value
from engine.snapshot import VISITOR
from origin import feed
from origin.database import Connection, Database
from origin.feed import Source

Said = dict[str, Value | None]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "feed.sqlite", feed.TABLES)
    opened.writes.run_now(feed.begin_first_epoch)
    yield opened
    opened.close()


def say(database: Database, table: str, as_of: int, values: dict[str, Said], source: Source = Source.BATCH) -> int:
    def act(connection: Connection) -> int:
        known = feed.written(connection, table, source)
        changed = [feed.change_of(entity, known.get(entity), said) for entity, said in values.items()]
        return feed.append(connection, table, source, as_of, changed)

    return database.writes.run_now(act)


def read(database: Database, cursor: Cursor | None = None, **query: object) -> FeedPage:
    asked = feed.Query(cursor or Cursor(), **query)  # type: ignore[arg-type]
    return decode(pack(database.reads.run_now(feed.page, asked)), FeedPage)


def pages(database: Database, limit: int) -> Iterator[FeedPage]:
    page = read(database, limit=limit)
    yield page
    while not page.is_last:
        page = read(database, page.cursor, limit=limit)
        yield page


def test_only_changes_are_appended(database: Database) -> None:
    assert say(database, "teas", 1, {"mint": {"price": 1, "stock": 2}, "assam": {"price": 3}}) == 2
    assert say(database, "teas", 2, {"mint": {"price": 1, "stock": 3}, "assam": {"price": 3}}) == 1
    page = read(database)
    assert page.cursor.positions == {"teas": 3}
    assert page.deltas[-1] == FeatureDelta(table="teas", seq=3, entity="mint", as_of=2, values={"stock": 3})


def test_a_value_goes_and_comes_back(database: Database) -> None:
    assert [say(database, "teas", 1, {"mint": {"price": price}}) for price in (None, 1, None, None, 1)] == [
        0,
        1,
        1,
        0,
        1,
    ]


def test_a_map_is_the_same_in_any_order(database: Database) -> None:
    assert say(database, VISITOR, 1, {"v": {"affinity": {"a": 1.0, "b": 2.0}}}) == 1
    assert say(database, VISITOR, 1, {"v": {"affinity": {"b": 2.0, "a": 1.0}}}) == 0


def test_confirmed_values_are_said_again_but_not_absent_ones() -> None:
    known = pack({"a": {"seq": 1, "digest": "other"}})
    change = feed.change_of("mint", known, {"a": 1, "b": None}, frozenset("ab"))
    assert set(change.values) == {"a"}


def test_sources_do_not_withdraw_each_other(database: Database) -> None:
    say(database, VISITOR, 1, {"v": {"orders": 1}})
    say(database, VISITOR, 2, {"v": {"purchased": {"mint": 1.0}}}, Source.FOLD)
    say(database, VISITOR, 3, {"v": {"orders": 2}})
    assert state_of(read(database).deltas) == {(VISITOR, "v"): {"orders": 2, "purchased": {"mint": 1.0}}}


def test_sequences_have_no_gaps_and_count_by_table(database: Database) -> None:
    for as_of in range(1, 4):
        say(database, "teas", as_of, {name: {"price": as_of} for name in ("mint", "assam")})
        say(database, "cups", as_of, {"large": {"price": as_of}})
    numbers: dict[str, list[int]] = {}
    for delta in read(database).deltas:
        numbers.setdefault(delta.table, []).append(delta.seq)
    assert numbers == {"teas": [1, 2, 3, 4, 5, 6], "cups": [1, 2, 3]}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_end_where_the_next_begins(database: Database, limit: int) -> None:
    say(database, "teas", 1, {str(number): {"price": number} for number in range(7)})
    say(database, "cups", 1, {str(number): {"price": number} for number in range(3)})
    found = list(pages(database, limit))
    assert [delta for page in found for delta in page.deltas] == list(read(database).deltas)
    assert all(len(page.deltas) == limit for page in found[:-1])
    assert [page.is_last for page in found] == [False] * (len(found) - 1) + [True]
    assert [page.is_reset for page in found] == [True] + [False] * (len(found) - 1)


def test_pages_are_bounded_in_bytes_and_always_get_on(database: Database) -> None:
    size = feed.MAX_BYTES // 2
    say(database, "teas", 1, {str(number): {"title": "x" * size} for number in range(5)})
    say(database, "teas", 2, {"huge": {"title": "x" * 3 * size}})
    assert [len(page.deltas) for page in pages(database, 100)] == [2, 2, 2]
    assert [len(page.deltas) for page in pages(database, 1)] == [1] * 6


def test_until_gives_exactly_the_state_at_a_cursor(database: Database) -> None:
    cursors: list[tuple[Cursor, dict[tuple[str, str], dict[str, object]]]] = []
    for as_of, said in enumerate(({"mint": 1, "assam": 2}, {"mint": 3}, {"assam": None, "mint": 4}, {"assam": 5}), 1):
        say(database, "teas", as_of, {name: {"price": price} for name, price in said.items()})
        cursors.append((read(database).cursor, state_of(read(database).deltas)))
    for cursor, state in cursors:
        asked = Cursor(epoch=cursor.epoch, positions={"teas": 0})
        page = read(database, asked, until=cursor.positions)
        assert (page.cursor, page.is_last, page.is_reset) == (cursor, True, False)
        assert state_of(page.deltas) == state


def test_until_serves_the_tables_it_names_and_may_lie_ahead(database: Database) -> None:
    say(database, "teas", 1, {"mint": {"price": 1}})
    say(database, VISITOR, 1, {"v": {"orders": 1}})
    page = read(database, Cursor(epoch=read(database).cursor.epoch), until={"teas": 9})
    assert ([delta.table for delta in page.deltas], page.is_last) == (["teas"], True)
    with pytest.raises(ContractError, match="this origin never had an epoch 'elsewhere'"):
        read(database, Cursor(epoch="elsewhere"), until={"teas": 1})


def test_catalog_deltas_stay_and_replaced_visitor_deltas_go(database: Database) -> None:
    for as_of in range(1, 6):
        say(database, "teas", as_of, {"mint": {"price": as_of}})
        say(database, VISITOR, as_of, {"v": {"orders": as_of, **({"since": 1} if as_of == 2 else {})}})
    page = read(database)
    assert [(delta.table, delta.seq) for delta in page.deltas] == [
        *(("teas", seq) for seq in range(1, 6)),
        (VISITOR, 2),
        (VISITOR, 5),
    ]
    assert page.cursor.positions == {"teas": 5, VISITOR: 5}
    assert state_of(page.deltas)[VISITOR, "v"] == {"orders": 5, "since": 1}


def test_another_epoch_and_a_position_ahead_are_reset(database: Database) -> None:
    say(database, "teas", 1, {"mint": {"price": 1}})
    at_head = read(database).cursor
    assert read(database, at_head) == FeedPage(cursor=at_head, deltas=())
    ahead = Cursor(epoch=at_head.epoch, positions={"teas": 2})
    for cursor in (ahead, Cursor(epoch="elsewhere", positions={"teas": 1})):
        page = read(database, cursor)
        assert (page.is_reset, len(page.deltas), page.cursor) == (True, 1, at_head)
    database.writes.run_now(feed.begin_epoch)
    page = read(database, at_head)
    assert (page.is_reset, page.deltas, page.cursor.positions) == (True, (), {})
    assert say(database, "teas", 1, {"mint": {"price": 1}}) == 1


def test_an_epoch_and_its_numbers_survive_a_restart(tmp_path: Path) -> None:
    heads = []
    for as_of in (1, 2):
        database = Database(tmp_path / "feed.sqlite", feed.TABLES)
        database.writes.run_now(feed.begin_first_epoch)
        say(database, "teas", as_of, {"mint": {"price": as_of}})
        heads.append(read(database).cursor)
        database.close()
    assert heads[0].epoch == heads[1].epoch
    assert [head.positions for head in heads] == [{"teas": 1}, {"teas": 2}]


def test_what_was_last_said_of_a_column(database: Database) -> None:
    say(database, "teas", 1, {"mint": {"price": 1, "stock": 1}})
    say(database, "teas", 2, {"mint": {"price": None, "stock": 1}})

    def said(entity: str, column: str) -> tuple[int, Value | None] | None:
        delta = database.reads.run_now(feed.last_said, "teas", entity, column)
        return None if delta is None else (delta.as_of, delta.values[column])

    assert (said("mint", "price"), said("mint", "stock"), said("mint", "cost"), said("no", "price")) == (
        (2, None),
        (1, 1),
        None,
        None,
    )
