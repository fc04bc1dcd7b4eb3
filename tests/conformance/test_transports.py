"""Every transport keeps these promises, against a real origin; a new entry of TRANSPORTS needs a road to one.

What HTTP asks and answers, word for word, is in `tests/unit/edge/test_edge_transports.py`. Here nothing depends on how
a call travels.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from records import empty_record
from roads import CALLS, LONG_S, ROADS, events, every_transport, made, play, road, waiting
from tea_origin import KEY, TOKEN, purchase

from contracts.bundle import FORMAT_VERSION, Bundle, Manifest, SectionRef, digest, write_file
from contracts.catalog import CatalogSchema
from contracts.codec import decode, encode, pack
from contracts.controls import Controls
from contracts.events import StoredEvent
from contracts.features import Cursor, FeatureSchema, FeatureSpec, FeedPage, FoldSpec, Root, ValueType
from contracts.record import DecisionRecord
from edge.spool import Batch, Kind
from edge.transports import TRANSPORTS, OriginError, Transport
from engine.snapshot import VISITOR
from origin import controls, feed, log
from origin.app import open_origin
from origin.config import Config, Secrets
from origin.routes import Origin

MANY = 2500


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An origin whose bundle counts purchases, so that the feed tells of them."""
    fold = FoldSpec(fold="count", event="purchase")
    feature = FeatureSpec(name="purchases", root=Root.VISITOR, type=ValueType.INT, fold=fold)
    contents = {
        "schema": encode(FeatureSchema(purposes=(), features=(feature,))),
        "catalog": encode(CatalogSchema(tables=())),
    }
    sections = {name: SectionRef(digest=digest(data), size=len(data)) for name, data in contents.items()}
    manifest = Manifest(format_version=FORMAT_VERSION, name="tea", capabilities=(), sections=sections)
    (tmp_path / "bundle.zip").write_bytes(write_file(Bundle(manifest, contents)))
    return Config(state=tmp_path / "state", bundle=tmp_path / "bundle.zip", secrets=Secrets(KEY, TOKEN))


@asynccontextmanager
async def connected(name: str, config: Config) -> AsyncIterator[tuple[Transport, Origin]]:
    """A transport and the origin that it leads to."""
    origin = open_origin(config)
    async with road(name).to_origin(origin, None) as address, made(name, address) as transport:
        yield transport, origin


def records(*numbers: str) -> Batch:
    return Batch(Kind.RECORD, tuple(pack(empty_record(number)) for number in numbers), 1)


def stored(origin: Origin) -> tuple[list[StoredEvent], list[DecisionRecord]]:
    """All events and records of an origin's log."""
    reads = origin.database.reads
    page = reads.run_now(log.records_after, 0, log.MAX_RECORDS)
    known = reads.run_now(lambda connection: list(log.events_until(connection, 2**62)))
    return known, [decode(bytes(each), DecisionRecord) for each in page.records]


def change(origin: Origin, *killed: str) -> None:
    """An operator's kill."""
    origin.switches.writes.run_now(controls.change, controls.Change(killed=killed))
    origin.controls_bell.ring()


async def all_pages(transport: Transport) -> list[FeedPage]:
    pages = [await transport.feed(Cursor(), 0)]
    while not pages[-1].is_last:
        pages.append(await transport.feed(pages[-1].cursor, 0))
    return pages


def test_each_transport_has_a_road_to_an_origin() -> None:
    assert {name: road(name) for name in TRANSPORTS} == ROADS


@every_transport
def test_the_feed_is_read_to_its_end_without_gaps_and_goes_on_there(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, _):
            await transport.send(events(*(str(number) for number in range(MANY))))
            pages = await all_pages(transport)
            assert [delta.seq for page in pages for delta in page.deltas] == list(range(1, MANY + 1))
            assert [page.is_reset for page in pages] == [True] + [False] * (len(pages) - 1)
            end = pages[-1].cursor
            assert await transport.feed(end, 0) == FeedPage(cursor=end, deltas=())
            await transport.send(events("new"))
            (delta,) = (await transport.feed(end, 0)).deltas
            assert (delta.seq, delta.entity, delta.values) == (MANY + 1, "vnew", {"purchases": 1})

    play(story)


@every_transport
def test_a_cursor_holds_a_position_for_each_table(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, origin):
            await transport.send(events("1", "2", "3"))
            changes = [feed.change_of(tea, None, {"price": 1}) for tea in ("assam", "mint")]
            origin.database.writes.run_now(feed.append, "teas", feed.Source.BATCH, 1, changes)
            epoch = (await transport.feed(Cursor(), 0)).cursor.epoch
            for teas, visitors in ((0, 0), (1, 2), (2, 1), (0, 3)):
                page = await transport.feed(Cursor(epoch=epoch, positions={"teas": teas, VISITOR: visitors}), 0)
                expected = {("teas", seq) for seq in range(teas + 1, 3)} | {
                    (VISITOR, seq) for seq in range(visitors + 1, 4)
                }
                assert {(delta.table, delta.seq) for delta in page.deltas} == expected
                assert page.cursor.positions == {"teas": 2, VISITOR: 3}

    play(story)


@every_transport
def test_a_reader_of_another_epoch_begins_again_at_once(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, _):
            await transport.send(events("1"))
            page = await transport.feed(Cursor(epoch="gone", positions={VISITOR: 1}), LONG_S)
            assert (page.is_reset, len(page.deltas)) == (True, 1)

    play(story)


@every_transport
def test_those_who_wait_are_told_as_soon_as_there_is_news(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, origin):
            cursor = (await transport.feed(Cursor(), 0)).cursor
            page, switched = await waiting(transport.feed(cursor, LONG_S)), await waiting(transport.controls(0, LONG_S))
            await transport.send(events("1"))
            change(origin, "hero")
            assert [(delta.entity, delta.values) for delta in (await page).deltas] == [("v1", {"purchases": 1})]
            assert await switched == Controls(sequence=1, killed=("hero",))

    play(story)


@every_transport
def test_without_news_a_wait_ends_when_its_time_is_up(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, origin):
            change(origin, "hero")
            cursor = (await transport.feed(Cursor(), 0)).cursor
            for wait_s in (0, 0.01, 0.3):
                assert await transport.feed(cursor, wait_s) == FeedPage(cursor=cursor, deltas=())
                assert await transport.controls(1, wait_s) == Controls(sequence=1, killed=("hero",))

    play(story)


@every_transport
def test_controls_later_than_those_known_are_told_at_once(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, origin):
            assert await transport.controls(0, 0) == Controls()
            change(origin, "hero")
            change(origin, "offer", "*")
            for known in (0, 1):
                assert await transport.controls(known, LONG_S) == Controls(sequence=2, killed=("offer", "*"))
            later = await waiting(transport.controls(2, LONG_S))
            change(origin)
            assert await later == Controls(sequence=3)

    play(story)


@every_transport
def test_what_was_sent_is_stored_in_its_order_and_once(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, origin):
            for numbers in ("123", "123", "345"):
                await transport.send(events(*numbers))
                await transport.send(records(*numbers))
            told, recorded = stored(origin)
            assert told == [purchase(number, visitor=f"v{number}") for number in "12345"]
            assert recorded == [empty_record(number) for number in "12345"]
            page = await transport.feed(Cursor(), 0)
            assert [delta.values for delta in page.deltas] == [{"purchases": 1}] * 5

    play(story)


@every_transport
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("bad", [b"\xc1", encode({"unknown": 1}), b""])
def test_a_batch_that_the_origin_refuses_is_an_error_and_stored_not_even_in_part(
    name: str, kind: Kind, bad: bytes, config: Config
) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, origin):
            good = events("1") if kind is Kind.EVENT else records("1")
            with pytest.raises(OriginError):
                await transport.send(Batch(kind, (*good.bodies, bad), 2))
            assert stored(origin) == ([], [])
            await transport.send(good)
            assert [len(each) for each in stored(origin)] == [kind is Kind.EVENT, kind is Kind.RECORD]

    play(story)


@every_transport
def test_a_call_that_is_cancelled_disturbs_no_other(name: str, config: Config) -> None:
    async def story() -> None:
        async with connected(name, config) as (transport, origin):
            cancelled, other = [await waiting(transport.controls(0, LONG_S)) for _ in range(2)]
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            change(origin, "hero")
            assert await other == await transport.controls(0, 0) == Controls(sequence=1, killed=("hero",))

    play(story)


@every_transport
def test_an_origin_that_goes_ends_what_waits_for_it_and_is_found_when_it_is_back(name: str, config: Config) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            async with road(name).to_origin(open_origin(config), None) as address:
                transport = await stack.enter_async_context(made(name, address))
                await transport.send(events("1"))
                before = await transport.feed(Cursor(), 0)
                waits = await waiting(transport.feed(before.cursor, LONG_S))
            with pytest.raises(OriginError):
                await waits
            for call in CALLS.values():
                with pytest.raises(OriginError):
                    await call(transport)
            async with road(name).to_origin(open_origin(config), address):
                assert await transport.feed(Cursor(), 0) == before
                for call in CALLS.values():
                    await call(transport)

    play(story)
