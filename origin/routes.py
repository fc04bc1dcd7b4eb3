"""The endpoints: a request becomes an act on the database, its result an answer. What acts do stands elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from contracts.codec import Contract
from contracts.errors import ContractError, EdgewiseError
from contracts.events import Instant, StoredEvent
from contracts.features import Cursor, FeedPage
from contracts.record import DecisionRecord
from engine.snapshot import VISITOR
from origin import collect, controls, feed, log, publication, telemetry, wire
from origin.bundle_file import BundleFile, Declared
from origin.database import Connection, Database
from origin.poll import Bell, poll
from origin.telemetry import Telemetry


@dataclass(eq=False)
class Origin:
    """What the endpoints work on: log and feed, the controls, what the bundle declares.

    `declared` is replaced whole when the bundle's file is another one; `problem` says why it could not be.
    """

    database: Database
    switches: Database
    file: BundleFile
    declared: Declared
    operator_token: str
    problem: str = ""
    telemetry: Telemetry = field(default_factory=Telemetry)
    feed_bell: Bell = field(default_factory=Bell)
    controls_bell: Bell = field(default_factory=Bell)
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def close(self) -> None:
        """Closes the files."""
        self.switches.close()
        self.database.close()


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, as the router and the docs know it."""

    method: str
    path: str
    summary: str
    act: Callable[[Origin, Request], Awaitable[Response]]

    async def respond(self, origin: Origin, request: Request) -> Response:
        """The answer, be it a problem document."""
        try:
            return await self.act(origin, request)
        except EdgewiseError as error:
            return wire.problem(error)


class PublishAsk(Contract, frozen=True):
    """The instant as of which to publish."""

    as_of: Instant


class Status(Contract, frozen=True):
    """How far the origin is. `published_as_of` is microseconds, None before the first publication.

    `revision` is that of the bundle that it reads; `problem` is a sentence, empty when there is none.
    """

    revision: str
    problem: str
    epoch: str
    positions: dict[str, int]
    published_as_of: int | None
    controls_sequence: int


class RecordsPage(Contract, frozen=True):
    """`origin.log.RecordsPage` with the records decoded."""

    records: tuple[DecisionRecord, ...]
    next: int


async def events(origin: Origin, request: Request) -> Response:
    """Logs and folds events."""
    batch = await wire.read(request, tuple[StoredEvent, ...], wire.MAX_BATCH_BYTES)
    collected = await origin.database.writes.run(collect.collect, origin.declared.folding, batch)
    origin.telemetry.count("events", collected.stored)
    origin.telemetry.count("duplicate_events", collected.duplicates)
    origin.telemetry.count("unknown_items", collected.unknown_items)
    if collected.deltas:
        origin.telemetry.count("deltas", collected.deltas, VISITOR)
        origin.feed_bell.ring()
    return wire.answer(request, {"stored": len(batch)})


async def records(origin: Origin, request: Request) -> Response:
    """Logs decision records."""
    batch = await wire.read(request, tuple[DecisionRecord, ...], wire.MAX_BATCH_BYTES)
    origin.telemetry.count("records", await origin.database.writes.run(log.append_records, batch))
    return wire.answer(request, {"stored": len(batch)})


async def recorded(origin: Origin, request: Request) -> Response:
    """Gives decision records back."""
    query = request.query_params
    after, limit = wire.number(query, "after", 0), wire.number(query, "limit", log.MAX_RECORDS)
    page = await origin.database.reads.run(log.records_after, after, limit)
    return await wire.answer_packed(request, page, RecordsPage)


async def deltas(origin: Origin, request: Request) -> Response:
    """Gives the deltas after a cursor, waiting for the first if asked to."""
    query = request.query_params
    cursor = Cursor(epoch=query.get("epoch", ""), positions=wire.positions(query, "at"))
    until = wire.positions(query, "until") if "until" in query else None
    ask = feed.Query(cursor, wire.number(query, "limit", feed.MAX_ROWS), until)
    wait_s = 0.0 if until is not None else wire.wait_s(query)
    page = await poll(
        origin.feed_bell,
        lambda: origin.database.reads.run(feed.page, ask),
        lambda page: bool(page.deltas) or page.is_reset,
        wait_s,
    )
    return await wire.answer_packed(request, page, FeedPage)


async def read_controls(origin: Origin, request: Request) -> Response:
    """Gives the controls, waiting for a later sequence number if asked to."""
    after = wire.number(request.query_params, "after", 0)
    found = await poll(
        origin.controls_bell,
        lambda: origin.switches.reads.run(controls.current),
        lambda found: found.sequence > after,
        wire.wait_s(request.query_params),
    )
    return wire.answer(request, found)


async def change_controls(origin: Origin, request: Request) -> Response:
    """Replaces the controls."""
    wire.check_token(request, origin.operator_token)
    change = await wire.read(request, controls.Change)
    changed = await origin.switches.writes.run(controls.change, change)
    origin.controls_bell.ring()
    return wire.answer(request, changed)


async def publish(origin: Origin, request: Request) -> Response:
    """Publishes the batch features as of an instant."""
    wire.check_token(request, origin.operator_token)
    ask = await wire.read(request, PublishAsk)
    plan = origin.declared.plan
    if plan is None:
        raise ContractError("this origin has no batch features: start it with --batch and --history")
    async with origin.publishing:
        counts = await asyncio.to_thread(publication.publish, origin.database, plan, ask.as_of)
    for table, number in counts.items():
        origin.telemetry.count("deltas", number, table)
    origin.telemetry.count("publications")
    origin.feed_bell.ring()
    return wire.answer(request, {"published": counts})


async def status(origin: Origin, request: Request) -> Response:
    """Tells how far the origin is."""
    switched = await origin.switches.reads.run(controls.current)
    return wire.answer(request, await origin.database.reads.run(_status, origin, switched.sequence))


async def livez(_origin: Origin, _request: Request) -> Response:
    """Tells that the process runs."""
    return PlainTextResponse("ok\n")


async def readyz(origin: Origin, _request: Request) -> Response:
    """Tells that the database answers."""
    await origin.database.reads.run(feed.current_epoch)
    return PlainTextResponse("ok\n")


async def metrics(origin: Origin, _request: Request) -> Response:
    """Counters and feed positions."""
    text = origin.telemetry.text(await origin.database.reads.run(feed.heads))
    return Response(text, media_type=telemetry.MEDIA_TYPE)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/v1/events", "log and fold events that edges took in; those sent before change nothing", events),
    Endpoint("POST", "/v1/records", "log decision records; those sent before change nothing", records),
    Endpoint("GET", "/v1/records", "decision records after a number (`after`, `limit`)", recorded),
    Endpoint(
        "GET", "/v1/feed", "deltas after a cursor (`epoch`, `at`, `limit`, `wait`) or up to one (`until`)", deltas
    ),
    Endpoint("GET", "/v1/controls", "kill switches and holds, once later than `after` (`wait`)", read_controls),
    Endpoint("POST", "/v1/controls", "replace kill switches and holds; needs the operator's token", change_controls),
    Endpoint("POST", "/v1/publish", "publish batch features as of an instant; needs the operator's token", publish),
    Endpoint(
        "GET",
        "/v1/status",
        "the bundle read, feed positions, last publication, sequence number of the controls",
        status,
    ),
    Endpoint("GET", "/livez", "the process runs", livez),
    Endpoint("GET", "/readyz", "the database answers", readyz),
    Endpoint("GET", "/metrics", "counters as Prometheus text", metrics),
)


def _status(connection: Connection, origin: Origin, controls_sequence: int) -> Status:
    last = publication.last(connection)
    return Status(
        revision=origin.declared.revision,
        problem=origin.problem,
        epoch=feed.current_epoch(connection),
        positions=feed.heads(connection),
        published_as_of=None if last is None else last.as_of,
        controls_sequence=controls_sequence,
    )
