"""What tests of the origin share: the instants and keys of its shop of three teas, and ways to ask it."""

from collections.abc import Iterable
from datetime import UTC, datetime

import httpx

from contracts.codec import decode, pack
from contracts.events import Event, StoredEvent
from contracts.features import Cursor, FeatureDelta, FeedPage
from engine.hashing import pseudonym
from origin import feed
from origin.app import app_of
from origin.routes import Origin

MONDAY = datetime(2017, 11, 20, tzinfo=UTC)
KEY = b"k" * 32
TOKEN = "open sesame"
OPERATOR = {"authorization": f"Bearer {TOKEN}"}
EXPRESSION = """
import ibis

def visitors(connection, as_of):
    lines = connection.table("lines")
    past = lines.filter(lines.at < ibis.literal(as_of))
    counts = past.group_by("household", "kind").agg(n=past.count().cast("float64"))
    maps = counts.group_by(entity="household").agg(
        affinity=ibis.map(counts.kind.collect(order_by=counts.kind), counts.n.collect(order_by=counts.kind))
    )
    orders = past.group_by(entity="household").agg(orders=past.count())
    return maps.inner_join(orders, "entity")

def teas(connection, as_of):
    lines = connection.table("lines")
    past = lines.filter(lines.at < ibis.literal(as_of))
    return past.group_by(entity="tea").agg(price=past.price.argmax(past["at"]))

TABLES = {"visitor": visitors, "teas": teas}
"""


def household(number: int) -> str:
    """How the feed names a household."""
    return pseudonym(KEY, str(number))


def microseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1_000_000)


def caller(origin: Origin) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app_of(origin)), base_url="http://origin")


def page_of(origin: Origin, cursor: Cursor | None = None, **query: object) -> FeedPage:
    """A page of the feed as readers get it."""
    asked = feed.Query(cursor or Cursor(), **query)
    return decode(pack(origin.database.reads.run_now(feed.page, asked)), FeedPage)


def state_of(deltas: Iterable[FeatureDelta]) -> dict[tuple[str, str], dict[str, object]]:
    """What a reader knows who applied these deltas, by table and entity."""
    state: dict[tuple[str, str], dict[str, object]] = {}
    for delta in deltas:
        known = state.setdefault((delta.table, delta.entity), {})
        known.update(delta.values)
    return {key: {name: v for name, v in values.items() if v is not None} for key, values in state.items()}


def purchase(
    event_id: str, item: str | None = "assam", visitor: str | None = "v1", at: datetime = MONDAY
) -> StoredEvent:
    event = Event(id=event_id, type="purchase", at=at, item=item)
    return StoredEvent(event=event, visitor=visitor, folded_at=microseconds(at), node="n", revision="r")
