"""Real baskets of the test weeks, as visits that can be sent to an edge.

`bundles/storefront/data.py` writes them: one line per basket with household, instant and items. A visit opens the
page, puts its items into the cart one by one, asks what the page shows now, and buys.
"""

from datetime import datetime
from pathlib import Path

from contracts.codec import Contract, decode_json, encode_json
from contracts.errors import EdgewiseError
from edge.intake import MAX_EVENTS
from loadtest.open_loop import Call

VISITS = Path("bundles/storefront/data/visits.jsonl")
JSON_HEADERS = {"content-type": "application/json"}


class Visit(Contract, frozen=True):
    """One real basket: who, when (the shop's clock), what."""

    household: str
    at: datetime
    items: tuple[str, ...]


class NotPreparedError(EdgewiseError):
    """The demo's data is not there yet."""


def read_visits(path: Path = VISITS) -> list[Visit]:
    """All visits in the order of their instants. Raises `NotPreparedError` before the first `make run`."""
    if not path.exists():
        raise NotPreparedError(f"{path} is missing: `make run` prepares the demo's data")
    return [decode_json(line, Visit) for line in path.read_bytes().splitlines()]


def decide_calls(visits: list[Visit]) -> list[Call]:
    """One page decision per visit, each as its own household at its own instant."""
    body = encode_json({"page": "home"})
    return [Call(f"/v1/decide?as={visit.household}", body, _headers(visit)) for visit in visits]


def visit_calls(visit: Visit) -> list[Call]:
    """A whole visit: the page, each item into the cart, the purchase; after each item the page is decided again."""
    path = f"/v1/events?as={visit.household}"
    headers = _headers(visit)
    calls = decide_calls([visit])
    for item in visit.items:
        body = {"events": [_event(visit, "add_to_cart", item)], "decide": {"page": "home"}}
        calls.append(Call(path, encode_json(body), headers))
    purchases = [_event(visit, "purchase", item) for item in visit.items]
    parts = [purchases[start : start + MAX_EVENTS] for start in range(0, len(purchases), MAX_EVENTS)]
    return [*calls, *(Call(path, encode_json({"events": part}), headers) for part in parts)]


def _headers(visit: Visit) -> dict[str, str]:
    return {**JSON_HEADERS, "x-edgewise-now": visit.at.isoformat()}


def _event(visit: Visit, kind: str, item: str) -> dict[str, object]:
    return {"id": f"{visit.household}-{visit.at.isoformat()}-{kind}-{item}", "type": kind, "item": item, "at": visit.at}
