"""Whole stories of the feed: publications, events, lost answers, restarts and new epochs, and readers that follow.

A reader keeps what any node keeps, a cursor and the state that its deltas made. However the story goes, one who asks
until the last page knows exactly what was said last, and what a replay reads of the catalog at a cursor is what the
reader knew there.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.codec import decode, pack
from contracts.features import Cursor, FeatureDelta, FeedPage, Value
from engine.snapshot import VISITOR
from origin import feed
from origin.database import Connection, Database
from origin.feed import Source

State = dict[tuple[str, str, str], Value]
TABLES = ("teas", VISITOR)


@dataclass
class Reader:
    """A node as the feed sees it. `seen` is the catalog as it knew it at each of its cursors."""

    cursor: Cursor = field(default_factory=Cursor)
    state: State = field(default_factory=dict)
    seen: list[tuple[Cursor, State]] = field(default_factory=list)

    def take(self, page: FeedPage) -> None:
        self.state = apply({} if page.is_reset else self.state, page.deltas)
        self.cursor = page.cursor
        catalog = {key: value for key, value in self.state.items() if key[0] == "teas"}
        self.seen.append((page.cursor, catalog))


class Story:
    """An origin's feed on disk, what is true of it, and two readers."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "feed.sqlite"
        self.truth: State = {}
        self.readers = (Reader(), Reader())
        self.start()

    def start(self) -> None:
        self.database = Database(self._path, feed.TABLES)
        self.database.writes.run_now(feed.begin_first_epoch)

    def restart(self) -> None:
        self.database.close()
        self.start()

    def begin_epoch(self) -> None:
        self.database.writes.run_now(feed.begin_epoch)
        self.truth = {}

    def say(self, table: str, source: Source, values: Mapping[str, int | None], column: str) -> None:
        def act(connection: Connection) -> None:
            known = feed.written(connection, table, source)
            said = [feed.change_of(name, known.get(name), {column: value}) for name, value in values.items()]
            feed.append(connection, table, source, 1, said)

        self.database.writes.run_now(act)
        for name, value in values.items():
            self.truth.pop((table, name, column), None)
            if value is not None:
                self.truth[table, name, column] = value

    def ask(self, cursor: Cursor, limit: int = feed.MAX_ROWS, until: Mapping[str, int] | None = None) -> FeedPage:
        return decode(pack(self.database.reads.run_now(feed.page, feed.Query(cursor, limit, until))), FeedPage)

    def catch_up(self, reader: Reader, limit: int) -> None:
        while True:
            page = self.ask(reader.cursor, limit)
            reader.take(page)
            if page.is_last:
                return


def apply(state: State, deltas: tuple[FeatureDelta, ...]) -> State:
    after = dict(state)
    for delta in deltas:
        for column, value in delta.values.items():
            after.pop((delta.table, delta.entity, column), None)
            if value is not None:
                after[delta.table, delta.entity, column] = value
    return after


@contextmanager
def story() -> Iterator[Story]:
    with tempfile.TemporaryDirectory() as folder:
        told = Story(Path(folder))
        yield told
        told.database.close()


VALUES = st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 2), min_size=1)
SAY = st.tuples(st.just("say"), st.sampled_from(TABLES), st.sampled_from(list(Source)), VALUES)
READ = st.tuples(st.sampled_from(["read", "lose"]), st.sampled_from([0, 1]), st.integers(1, 4))
ORIGIN = st.sampled_from([("restart",), ("begin_epoch",)])


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(SAY | SAY | READ | READ | ORIGIN, max_size=25), limit=st.integers(1, 5))
def test_every_reader_comes_to_know_what_was_said_last(steps: list[tuple[object, ...]], limit: int) -> None:
    with story() as told:
        for step in steps:
            match step:
                case ("say", str(table), Source() as source, dict(values)):
                    told.say(table, source, values, column=f"{source}_column")
                case ("read", int(at), int(rows)):
                    told.readers[at].take(told.ask(told.readers[at].cursor, rows))
                case ("lose", int(at), int(rows)):  # answered, and the answer lost on its way
                    told.ask(told.readers[at].cursor, rows)
                case ("restart",):
                    told.restart()
                case ("begin_epoch",):
                    told.begin_epoch()
        for reader in told.readers:
            told.catch_up(reader, limit)
            assert reader.state == told.truth
            for cursor, catalog in reader.seen:
                assert replayed(told, cursor, limit) == catalog


def replayed(told: Story, cursor: Cursor, limit: int) -> State:
    """The catalog at a cursor, as `edgewise replay` reads it: from the beginning, page by page, until there."""
    until = {"teas": cursor.positions.get("teas", 0)}
    at, state = Cursor(epoch=cursor.epoch, positions={}), State()
    while True:
        page = told.ask(at, limit, until)
        assert not page.is_reset
        state, at = apply(state, page.deltas), page.cursor
        if page.is_last:
            return state
