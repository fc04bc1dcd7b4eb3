"""Fetches a recording from an origin: its decision records, and the catalog deltas that they refer to."""

import httpx

from contracts.codec import MSGPACK, Contract, decode
from contracts.features import Cursor, FeatureDelta, FeedPage
from contracts.record import DecisionRecord, Recording
from deploy.outcome import OperationError
from engine.snapshot import VISITOR

PAGE = 500


class RecordsPage(Contract, frozen=True):
    """One answer of `GET /v1/records`: records in the order of their arrival, and where to go on."""

    records: tuple[DecisionRecord, ...]
    next: int


def fetch_recording(origin: str, limit: int) -> Recording:
    """At most `limit` records, and every catalog delta up to the farthest cursor among them."""
    with httpx.Client(base_url=origin, headers={"accept": MSGPACK}, timeout=60) as client:
        records = _records(client, limit)
        return Recording(records=tuple(records), deltas=tuple(_deltas(client, records)))


def _records(client: httpx.Client, limit: int) -> list[DecisionRecord]:
    records: list[DecisionRecord] = []
    after = 0
    while len(records) < limit:
        page = decode(_get(client, "/v1/records", after=after, limit=min(PAGE, limit - len(records))), RecordsPage)
        if not page.records:
            break
        records += page.records
        after = page.next
    return records


def _deltas(client: httpx.Client, records: list[DecisionRecord]) -> list[FeatureDelta]:
    farthest: dict[str, int] = {}
    for record in records:
        for table, position in record.cursor.positions.items():
            farthest[table] = max(position, farthest.get(table, 0))
    farthest.pop(VISITOR, None)
    deltas: list[FeatureDelta] = []
    for table, until in farthest.items():
        cursor = Cursor(epoch=records[0].cursor.epoch, positions={table: 0})
        while cursor.positions[table] < until:
            at = f"{table}:{cursor.positions[table]}"
            answer = _get(client, "/v1/feed", epoch=cursor.epoch, at=at, until=f"{table}:{until}", limit=10_000)
            page = decode(answer, FeedPage)
            deltas += page.deltas
            cursor = page.cursor
            if page.is_last:
                break
    return deltas


def _get(client: httpx.Client, path: str, **query: str | int) -> bytes:
    try:
        answer = client.get(path, params=query)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise OperationError(f"{client.base_url}{path}: {error}. Is an origin running there?") from None
    return answer.content
