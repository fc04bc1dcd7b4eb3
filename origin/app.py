"""The composition root: opens the state, publishes if asked to, serves with uvicorn until it is told to stop.

While it serves, it follows the bundle's file.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.errors import EdgewiseError
from origin import controls, feed, folding, log, publication, wire
from origin.bundle_file import BundleFile
from origin.config import Config
from origin.database import Database
from origin.routes import ENDPOINTS, Endpoint, Origin

__all__ = ["ENDPOINTS", "create_app", "open_origin", "serve"]

DATABASE_FILE = "origin.sqlite"
CONTROLS_FILE = "controls.sqlite"  # apart, so that a kill never waits for a publication
DRAIN_S = 10
LOOK_S = 1.0


def open_origin(config: Config) -> Origin:
    """Opens the state and reads the bundle. With `publish`, returns once the features as of then are in the feed."""
    file = BundleFile(config)
    declared = file.read()
    with ExitStack() as opened:
        tables = (*feed.TABLES, *log.TABLES, *folding.TABLES, *publication.TABLES)
        database = Database(config.state / DATABASE_FILE, tables)
        opened.callback(database.close)
        switches = Database(config.state / CONTROLS_FILE, controls.TABLES)
        opened.callback(switches.close)
        database.writes.run_now(feed.begin_first_epoch)
        if declared.plan is not None and config.publish is not None:
            publication.publish_at_start(database, declared.plan, declared.folding, config.publish)
        opened.pop_all()
    return Origin(database, switches, file, declared, config.secrets.operator_token)


def create_app(config: Config) -> Starlette:
    """The app of an origin that this opens."""
    return app_of(open_origin(config))


def app_of(origin: Origin) -> Starlette:
    """The app of an origin that is open; closes it in the end."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        following = asyncio.create_task(follow(origin))
        yield
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        origin.close()

    listed = [_route(origin, endpoint) for endpoint in ENDPOINTS]
    return Starlette(routes=listed, lifespan=lifespan, exception_handlers={HTTPException: _no_route})


async def follow(origin: Origin) -> None:
    """Takes up what the bundle's file declares whenever it is another one; what cannot be used is told and left."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            declared = await asyncio.to_thread(origin.file.changed)
        except (EdgewiseError, OSError) as error:
            origin.problem = f"the bundle's file is not in use, the one before is: {error}"
        else:
            origin.declared, origin.problem = declared or origin.declared, ""


def serve(config: Config) -> None:
    """Serves an origin until SIGTERM or SIGINT."""
    origin = open_origin(config)
    settings = uvicorn.Config(
        app_of(origin),
        host=config.host,
        port=config.port,
        loop="uvloop",
        ws="none",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=DRAIN_S,
    )
    _Server(settings, origin).run()


class _Server(uvicorn.Server):
    """Answers those who wait for news before it drains."""

    def __init__(self, settings: uvicorn.Config, origin: Origin) -> None:
        super().__init__(settings)
        self._origin = origin

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops waiting, then drains."""
        self._origin.feed_bell.close()
        self._origin.controls_bell.close()
        await super().shutdown(sockets)


def _route(origin: Origin, endpoint: Endpoint) -> Route:
    respond: Callable[[Request], Awaitable[Response]] = partial(endpoint.respond, origin)
    return Route(endpoint.path, respond, methods=[endpoint.method])


async def _no_route(request: Request, _error: Exception) -> Response:
    address = request.url.path
    allowed = [each.method for each in ENDPOINTS if each.path == address]
    if allowed:
        return wire.problem(wire.MethodError(request.method, address, allowed))
    told = "no endpoint of an origin has this address: docs/reference/http.md lists all"
    return wire.problem(wire.UnknownAddressError(told, address))
