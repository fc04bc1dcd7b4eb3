"""A recording is fetched in parts: before records, once, all catalog deltas that they read."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from records import NOW, record_of

import deploy.replays.recordings as room
from contracts.bundle import Bundle
from contracts.codec import encode
from contracts.features import Cursor, FeatureDelta, FeedPage
from contracts.record import DecisionRecord, Recording
from deploy.replays.recordings import RecordsPage, fetch_recording
from engine.load import load


class StandIn:
    """An origin that gives two records and two deltas at a time, and remembers what it was asked."""

    def __init__(self, records: list[DecisionRecord]) -> None:
        self.records = records
        self.asked: list[tuple[str, str]] = []

    def get(self, _client: object, path: str, **query: str | int) -> bytes:
        if path == "/v1/records":
            after = int(query["after"])
            page = self.records[after : after + min(2, int(query["limit"]))]
            return encode(RecordsPage(records=tuple(page), next=after + len(page)))
        table, _, after_text = str(query["at"]).partition(":")
        until = int(str(query["until"]).partition(":")[2])
        self.asked.append((str(query["epoch"]), f"{table} {after_text}-{until}"))
        last = min(int(after_text) + 2, until)
        deltas = tuple(
            FeatureDelta(table=table, seq=seq, entity="t-01", as_of=NOW, values={})
            for seq in range(int(after_text) + 1, last + 1)
        )
        cursor = Cursor(epoch=str(query["epoch"]), positions={table: last})
        return encode(FeedPage(cursor=cursor, deltas=deltas, is_last=last == until))


@pytest.fixture
def origin(tea_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    loaded = load(tea_bundle)
    positions = [("e", 3), ("e", 1), ("e", 3), ("e", 4), ("f", 1)]
    made = [record_of(loaded, number) for number in range(len(positions))]
    cursors = [Cursor(epoch=epoch, positions={"teas": seq, "visitor": 9}) for epoch, seq in positions]
    stand_in = StandIn([replace(record, cursor=cursor) for record, cursor in zip(made, cursors, strict=True)])
    monkeypatch.setattr(room, "_get", stand_in.get)
    return stand_in


def told(parts: Iterator[Recording]) -> list[str]:
    """What each part holds, in few words."""
    return [
        f"{part.epoch}{[delta.seq for delta in part.deltas]}"
        if part.deltas
        else " ".join(record.request.request_id for record in part.records)
        for part in parts
    ]


def test_deltas_come_once_and_before_the_records_that_read_them(origin: StandIn) -> None:
    assert told(fetch_recording("http://origin", 100)) == ["e[1, 2]", "e[3]", "r0 r1", "e[4]", "r2 r3", "f[1]", "r4"]
    assert origin.asked == [("e", "teas 0-3"), ("e", "teas 2-3"), ("e", "teas 3-4"), ("f", "teas 0-1")]


def test_no_more_is_fetched_than_asked_for(origin: StandIn) -> None:
    assert told(fetch_recording("http://origin", 3)) == ["e[1, 2]", "e[3]", "r0 r1", "r2"]
    assert told(fetch_recording("http://origin", 0)) == []
