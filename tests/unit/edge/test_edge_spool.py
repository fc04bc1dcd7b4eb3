import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path

import pytest
from simulator import until

import edge.spool as room
from contracts.codec import decode, encode
from contracts.controls import Controls
from contracts.decision import DecisionRequest, Decisions, Trace
from contracts.events import Event, StoredEvent
from contracts.features import Cursor
from contracts.record import DecisionRecord
from edge.spool import Kind, Spool, SpoolDamagedError, SpoolFullError
from engine.hashing import content_digest
from engine.records import alteration

ROOM = 16 * 1024 * 1024


def stored(name: str, text: str = "") -> StoredEvent:
    happened = Event(id=name, type="view", at=datetime(2026, 1, 1, tzinfo=UTC), data={"text": text})
    return StoredEvent(event=happened, visitor=None, folded_at=1, node="n", revision="r")


def record(name: str, score: float = 0.5) -> DecisionRecord:
    return DecisionRecord(
        format_version=1,
        fingerprint={},
        revision="r",
        node="n",
        request=DecisionRequest(request_id=name, now=0, slots=("hero",)),
        visitor={},
        cursor=Cursor(),
        controls=Controls(),
        result=Decisions(decisions=(), traces=(Trace(slot="hero", scores=(score,)),)),
        result_digest="",
    )


def play(path: Path, story: Callable[[Spool], Coroutine[object, object, None]], max_bytes: int = ROOM) -> Spool:
    async def run() -> Spool:
        spool = Spool(path, max_bytes)
        try:
            await story(spool)
        finally:
            await asyncio.to_thread(spool.close)
        return spool

    return asyncio.run(run())


def rows(path: Path, kind: Kind) -> list[bytes]:
    database = sqlite3.connect(path)
    try:
        return [body for (body,) in database.execute(f"SELECT body FROM {kind} ORDER BY seq")]
    finally:
        database.close()


def test_a_stored_event_is_on_disk_when_store_returns(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "spool.sqlite"

    async def story(spool: Spool) -> None:
        await spool.store([stored("a"), stored("b")])
        assert [decode(body, StoredEvent) for body in rows(path, Kind.EVENT)] == [stored("a"), stored("b")]
        assert spool.counts == {Kind.EVENT: 2, Kind.RECORD: 0}

    play(path, story)


def test_many_at_once_are_all_stored(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"

    async def story(spool: Spool) -> None:
        await asyncio.gather(*(spool.store([stored(f"e{number}")]) for number in range(500)))

    play(path, story)
    assert {decode(body, StoredEvent).event.id for body in rows(path, Kind.EVENT)} == {f"e{n}" for n in range(500)}


def test_closing_writes_what_waits_and_the_digest_is_of_the_result(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"

    async def story(spool: Spool) -> None:
        for number in range(100):
            spool.offer(record(f"r{number}"))

    play(path, story)
    kept = [decode(body, DecisionRecord) for body in rows(path, Kind.RECORD)]
    assert [each.request.request_id for each in kept] == [f"r{number}" for number in range(100)]
    assert {each.result_digest for each in kept} == {content_digest(encode(record("x").result))}
    assert [alteration(each) for each in kept] == [""] * len(kept)


def test_a_restart_knows_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"

    async def first(spool: Spool) -> None:
        await spool.store([stored("a")])

    async def second(spool: Spool) -> None:
        assert spool.counts[Kind.EVENT] == 1

    play(path, first)
    play(path, second)


def test_batches_are_bounded_and_forgotten_when_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MAX_BATCH_BYTES", 3000)
    path = tmp_path / "spool.sqlite"

    async def story(spool: Spool) -> None:
        await spool.store([stored(name, "x" * 400) for name in "abcdefghij"])
        first = spool.oldest(Kind.EVENT, 3)
        assert [decode(body, StoredEvent).event.id for body in first.bodies] == ["a", "b", "c"]
        rest = spool.oldest(Kind.EVENT, 100, first.last_seq)
        assert 3 <= len(rest.bodies) < 7
        spool.forget(first)
        await spool.store([stored("k")])
        assert spool.oldest(Kind.EVENT, 1).bodies == rest.bodies[:1]
        assert spool.counts[Kind.EVENT] == 8
        assert spool.oldest(Kind.RECORD, 5).bodies == ()

    play(path, story)


def test_one_body_larger_than_a_batch_still_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MAX_BATCH_BYTES", 10)

    async def story(spool: Spool) -> None:
        await spool.store([stored("a"), stored("b")])
        assert len(spool.oldest(Kind.EVENT, 5).bodies) == 1

    play(tmp_path / "spool.sqlite", story)


def test_what_no_replay_could_compare_is_dropped_and_told_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"

    async def story(spool: Spool) -> None:
        spool.offer(record("bad", float("nan")))
        await until(lambda: spool.dropped == 1)
        spool.offer(record("good"))

    spool = play(path, story)
    (kept,) = [decode(body, DecisionRecord) for body in rows(path, Kind.RECORD)]
    assert (kept.request.request_id, kept.dropped_before, spool.dropped) == ("good", 1, 1)


def test_a_queue_that_is_full_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_WAITING_RECORDS", 0)

    async def story(spool: Spool) -> None:
        spool.offer(record("a"))
        assert spool.dropped == 1

    play(tmp_path / "spool.sqlite", story)


def test_records_leave_room_for_events(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"

    async def story(spool: Spool) -> None:
        for number in range(2000):
            spool.offer(record(f"r{number}"))
        await until(lambda: spool.counts[Kind.RECORD] + spool.dropped == 2000)
        assert spool.dropped > 0
        await spool.store([stored(f"e{number}", "x" * 200) for number in range(50)])

    play(path, story, max_bytes=128 * 1024)
    assert len(rows(path, Kind.EVENT)) == 50


def test_a_full_spool_says_so_and_keeps_what_it_took(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    taken = []

    async def story(spool: Spool) -> None:
        async def fill() -> None:
            for number in range(1000):
                await spool.store([stored(f"e{number}", "x" * 500)])
                taken.append(f"e{number}")

        with pytest.raises(SpoolFullError, match=r"takes no events now \(database or disk is full\)"):
            await fill()
        assert spool.counts[Kind.EVENT] == len(taken)

    play(path, story, max_bytes=64 * 1024)
    assert [decode(body, StoredEvent).event.id for body in rows(path, Kind.EVENT)] == taken


def test_a_damaged_spool_is_left_to_the_operator(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(b"no database" * 200)
    with pytest.raises(SpoolDamagedError, match=r"cannot be read \(file is not a database\): move it away"):
        Spool(path, ROOM)
    assert path.read_bytes() == b"no database" * 200
