"""The endpoints: bytes -> type -> call -> bytes and status. What they do stands in other rooms.

Each is a bare ASGI callable in Starlette's router. `Served` is the one place where an error becomes an answer.
"""

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from contracts.codec import Contract
from contracts.errors import ContractError, EdgewiseError
from contracts.visitor_state import Consent
from edge import telemetry, wire
from edge.caller import choose, identify, set_cookie, with_state
from edge.deadline import Arrival
from edge.explanations import trace, why
from edge.intake import EventsAsk, Refusal, take
from edge.node import Node, gauges, status
from edge.pages import PageAsk, SlotAnswer, arrival_of, context_of_query, decide_page, unknown

CLIENT_FILE = Path(__file__).parent / "web" / "edgewise.js"
_MAX_ADDRESS = 80
Handler = Callable[[Node, Scope, Receive, Send], Awaitable[int]]


class EventsAnswer(Contract, frozen=True, omit_defaults=True):
    """How many events are on disk, which were malformed, and the slots that were decided again on request."""

    stored: int
    refused: tuple[Refusal, ...] = ()
    revision: str | None = None
    page: str | None = None
    slots: dict[str, SlotAnswer] | None = None


class ConsentAsk(Contract, frozen=True):
    """A visitor's choice: the purposes granted, or out of everything."""

    granted: tuple[str, ...] = ()
    opted_out: bool = False


@dataclass(frozen=True)
class Endpoint:
    """One endpoint as the reference lists it, and the handler that serves it."""

    method: str
    path: str
    summary: str
    handler: Handler


class Served:
    """An address as ASGI callable of one node: runs the method's handler, answers errors as problems, counts."""

    def __init__(self, node: Node, address: str) -> None:
        self._node = node
        self._address = address
        self._handlers = {each.method: each.handler for each in ENDPOINTS if each.path == address}
        if "GET" in self._handlers:
            self._handlers["HEAD"] = self._handlers["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        try:
            handler = self._handlers.get(scope["method"])
            if handler is None:
                raise wire.MethodError(scope["method"], scope["path"], self._handlers)
            code = await handler(self._node, scope, receive, send)
        except EdgewiseError as error:
            code = await wire.send_problem(send, error)
        self._node.telemetry.count(telemetry.REQUESTS, self._address, str(code))


def routes(node: Node) -> list[BaseRoute]:
    """All endpoints of a node; in dev with a site, its files."""
    addresses = dict.fromkeys(each.path for each in ENDPOINTS)
    listed: list[BaseRoute] = [Route(address, Served(node, address)) for address in addresses]
    if node.config.is_dev and node.config.site is not None:
        listed.append(Mount("/", StaticFiles(directory=node.config.site, html=True)))
    return listed


def unknown_address(address: str) -> wire.UnknownNameError:
    """What to say of an address that no endpoint has, with the nearest one."""
    listed = {each.path: f"{each.method} {each.path}" for each in ENDPOINTS}
    near = difflib.get_close_matches(address[:_MAX_ADDRESS], listed, n=1)
    meant = f"did you mean {listed[near[0]]}? " if near else ""
    return wire.UnknownNameError(
        f"no endpoint has this address; {meant}docs/reference/http.md lists all", address[:_MAX_ADDRESS]
    )


async def decide(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Decides the slots of a page."""
    body = await wire.read_body(scope, receive)
    return await _decide(node, scope, send, wire.decode_body(scope, body, PageAsk))


async def slots(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Decides the slots of a page, asked by address: declared request features stand in the query."""
    context = context_of_query(node.in_use(), wire.query_values(scope))
    return await _decide(node, scope, send, PageAsk(page=scope["path_params"]["page"], context=context))


async def events(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Takes events in and, when asked, decides again with what they changed."""
    ask = wire.decode_body(scope, await wire.read_body(scope, receive), EventsAsk)
    live = node.in_use()
    caller = identify(node, live, scope)
    taken = await take(node, live, caller, ask.events)
    headers = [set_cookie(node, taken.state)] if caller.granted else []
    if ask.decide is None:
        return await wire.answer(scope, send, EventsAnswer(stored=taken.stored, refused=taken.refused), headers)
    started = Arrival(node.clock.monotonic_s(), node.gauge.lateness_s)  # the disk's time is not the decision's
    decided = decide_page(node, live, with_state(node, caller, taken.state), ask.decide, started)
    page = decided.answer
    answer = EventsAnswer(
        stored=taken.stored, refused=taken.refused, revision=page.revision, page=page.page, slots=page.slots
    )
    return await wire.answer(scope, send, answer, [*headers, decided.server_timing])


async def consent(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Keeps a visitor's choice in the cookie, and answers it."""
    ask = wire.decode_body(scope, await wire.read_body(scope, receive), ConsentAsk)
    live = node.in_use()
    for index, purpose in enumerate(ask.granted):
        if purpose not in live.loaded.schema.purposes:
            raise ContractError(unknown("purpose", purpose, live.loaded.schema.purposes), f"$.granted[{index}]")
    granted = () if ask.opted_out else tuple(dict.fromkeys(ask.granted))
    choice = Consent(granted=granted, is_opted_out=ask.opted_out, is_chosen=True)
    state = choose(node, live, scope, choice)
    return await wire.answer(
        scope, send, ConsentAsk(granted=granted, opted_out=ask.opted_out), [set_cookie(node, state)]
    )


async def forget_visitor(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Removes the cookie: the next request is a new visitor's."""
    return await wire.send_bytes(send, 204, "text/plain", b"", [(b"set-cookie", node.jar.clear().encode())])


async def node_status(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """What the node says about itself."""
    return await wire.answer(scope, send, status(node))


async def livez(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """The process answers."""
    return await wire.send_bytes(send, 200, "text/plain", b"live\n")


async def readyz(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Whether a bundle is live. What else is wrong is a detail: such a node still answers."""
    known = status(node)
    return await wire.answer(scope, send, known, status=200 if known.is_ready else 503)


async def metrics(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """Metrics as Prometheus text."""
    text = node.telemetry.exposition(gauges(node))
    return await wire.send_bytes(send, 200, "text/plain; version=0.0.4; charset=utf-8", text.encode())


async def client(node: Node, scope: Scope, receive: Receive, send: Send) -> int:
    """The script of pages, which caches ask for again each time."""
    response = FileResponse(CLIENT_FILE, media_type="text/javascript", headers={"Cache-Control": "no-cache"})
    await response(scope, receive, send)
    return response.status_code


async def _decide(node: Node, scope: Scope, send: Send, ask: PageAsk) -> int:
    live = node.in_use()
    caller = identify(node, live, scope)
    decided = decide_page(node, live, caller, ask, arrival_of(node, scope))
    headers = [decided.server_timing]
    if caller.is_new:
        headers.append(set_cookie(node, caller.state))
    return await wire.answer(scope, send, decided.answer, headers)


ENDPOINTS: tuple[Endpoint, ...] = (  # the router asks them in this order
    Endpoint(
        "POST", "/v1/decide", 'Decides the slots of a page: `{"page"}` or `{"slots"}`, optional `context`.', decide
    ),
    Endpoint(
        "POST",
        "/v1/events",
        'Stores events, folds them, and decides again when asked: `{"events", "decide"?}`.',
        events,
    ),
    Endpoint("GET", "/v1/slots/{page}", "Decides the slots of a page; request features stand in the query.", slots),
    Endpoint("POST", "/v1/consent", 'Keeps the visitor\'s choice: `{"granted", "opted_out"}`.', consent),
    Endpoint("DELETE", "/v1/visitor", "Removes the visitor's cookie.", forget_visitor),
    Endpoint("GET", "/v1/why/{decision_id}", "Why a decision came about, in a shopper's words.", why),
    Endpoint(
        "GET",
        "/v1/trace/{decision_id}",
        "A decision with trace and record; `?item=` asks why not (operator, or dev).",
        trace,
    ),
    Endpoint("GET", "/v1/status", "What the node says about itself.", node_status),
    Endpoint("GET", "/livez", "Answers while the process runs.", livez),
    Endpoint("GET", "/readyz", "200 when a bundle is live, else 503; all else that is wrong is a detail.", readyz),
    Endpoint("GET", "/metrics", "Metrics as Prometheus text.", metrics),
    Endpoint("GET", "/edgewise.js", "The script of pages.", client),
)
