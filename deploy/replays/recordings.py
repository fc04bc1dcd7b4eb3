"""Fetches a recording from an origin, part by part: decision records, before them the catalog deltas they refer to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import httpx

from contracts.codec import MSGPACK, Contract, decode
from contracts.features import FeedPage
from contracts.record import DecisionRecord, Recording
from deploy.outcome import OperationError
from engine.snapshot import VISITOR

PAGE = 500
MAX_DELTAS = 10_000
Reached = dict[str, dict[str, int]]


class RecordsPage(Contract, frozen=True):
    """One answer of `GET /v1/records`: records in the order of their arrival, and where to go on."""

    records: tuple[DecisionRecord, ...]
    next: int


def fetch_recording(origin: str, limit: int) -> Iterator[Recording]:
    """At most `limit` records in parts, before each all catalog deltas up to the farthest cursor among them."""
    reached: Reached = defaultdict(dict)
    with httpx.Client(base_url=origin, headers={"accept": MSGPACK}, timeout=60) as client:
        for records in _records(client, limit):
            for epoch, positions in farthest(records).items():
                for table, until in positions.items():
                    yield from _deltas(client, epoch, table, reached[epoch].get(table, 0), until)
                    reached[epoch][table] = max(until, reached[epoch].get(table, 0))
            yield Recording(records=records)


def farthest(records: Iterable[DecisionRecord]) -> Reached:
    """Up to where records have read the feed: by epoch and catalog table."""
    found: Reached = defaultdict(dict)
    for record in records:
        known = found[record.cursor.epoch]
        for table, position in record.cursor.positions.items():
            if table != VISITOR:
                known[table] = max(position, known.get(table, 0))
    return found


def _records(client: httpx.Client, limit: int) -> Iterator[tuple[DecisionRecord, ...]]:
    after = 0
    while limit > 0:
        page = decode(_get(client, "/v1/records", after=after, limit=min(PAGE, limit)), RecordsPage)
        if not page.records:
            return
        yield page.records
        after, limit = page.next, limit - len(page.records)


def _deltas(client: httpx.Client, epoch: str, table: str, after: int, until: int) -> Iterator[Recording]:
    while after < until:
        words = {"epoch": epoch, "at": f"{table}:{after}", "until": f"{table}:{until}"}
        page = decode(_get(client, "/v1/feed", **words, limit=MAX_DELTAS), FeedPage)
        yield Recording(deltas=page.deltas, epoch=epoch)
        after = page.cursor.positions.get(table, 0)
        if page.is_last:
            return


def _get(client: httpx.Client, path: str, **query: str | int) -> bytes:
    try:
        answer = client.get(path, params=query)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise OperationError(
            f"{client.base_url}{path} answered {error.response.status_code}: is that an origin's address?"
            " `edgewise dev` starts its origin on the port after the page's"
        ) from None
    except httpx.HTTPError as error:
        raise OperationError(f"{client.base_url}{path}: {error}. Is an origin running there?") from None
    return answer.content
