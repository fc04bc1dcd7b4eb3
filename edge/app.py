"""The composition root: builds a node, its routes and its tasks, and serves them with uvicorn until it is told to stop.

Stopping drains: no new connections, answers finished, spool written.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge import wire
from edge.config import Config, ConfigError
from edge.node import Clock, Node
from edge.protocol import stamped
from edge.routes import ENDPOINTS, routes, unknown_address
from edge.tasks import Step, repeat
from edge.tasks.bundles import Bundles
from edge.tasks.controls import ControlsWatch
from edge.tasks.features import Features
from edge.tasks.uplink import Uplink
from edge.transports import TRANSPORTS, Transport

__all__ = ["ENDPOINTS", "create_app", "serve"]

BACKLOG = 2048
DRAIN_S = 10
_SWITCH_S = 0.0005
_OLDEST = 2
_log = logging.getLogger("edgewise")


def create_app(config: Config) -> Starlette:
    """The app of a node that follows registry and origin while it is served."""
    return app_of(Node(config, Clock()), _transport(config))


def app_of(node: Node, transport: Transport | None) -> Starlette:
    """The app of a node that was built already."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(node, transport):
            yield

    return Starlette(routes=routes(node), lifespan=lifespan, exception_handlers={HTTPException: _no_route})


def serve(config: Config) -> None:
    """Serves a node until SIGTERM or SIGINT."""
    gc.callbacks.append(spare_the_old)
    sys.setswitchinterval(_SWITCH_S)  # requests wait no longer than this for threads that load, sync and spool
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would tell every poll
    listening = _listening(config)
    node = Node(config, Clock())
    settings = uvicorn.Config(
        app_of(node, _transport(config)),
        loop="uvloop",
        http=stamped(node.gauge),
        ws="none",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = uvicorn.Server(settings)
    _end_calmly(server)
    server.run([listening])


def spare_the_old(phase: str, info: dict[str, int]) -> None:
    """What survived a full collection is not walked again: bundles and features live long, and requests would wait."""
    if phase == "stop" and info["generation"] == _OLDEST:
        gc.freeze()


def _listening(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"{config.host}:{config.port}"
        raise ConfigError(
            f"cannot listen on {where} ({os.strerror(error.errno or 0)}): choose another --port or --host"
        ) from None


def _end_calmly(server: uvicorn.Server) -> None:
    """uvicorn raises the signal that it obeyed once more after it has drained: then the process is to end with 0."""

    def obey(_number: int, _frame: FrameType | None) -> None:
        if not server.should_exit:
            sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, obey)


@asynccontextmanager
async def running(node: Node, transport: Transport | None) -> AsyncIterator[None]:
    """Runs the tasks of a node; at the end writes what waits and closes its files."""
    node.gauge.start()
    bundles = Bundles(node)
    await bundles.start()
    steps: dict[str, Step] = {"bundles": bundles.step}
    if transport is not None:
        steps["features"] = Features(node, transport).step
        steps["controls"] = ControlsWatch(node, transport).step
        steps["uplink"] = Uplink(node, transport).step
    tasks = [_started(node, name, step) for name, step in steps.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if transport is not None:
            await transport.close()
        node.gauge.stop()
        await asyncio.to_thread(node.close)


def _started(node: Node, name: str, step: Step) -> asyncio.Task[None]:
    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("task %s stopped", name, exc_info=task.exception())
            node.problems[name] = f"task {name} stopped because of a bug; restart the node and report its log"

    task = asyncio.create_task(repeat(step, node.clock.sleep), name=name)
    task.add_done_callback(ended)
    return task


def _transport(config: Config) -> Transport | None:
    if config.origin is None:
        return None
    if config.transport not in TRANSPORTS:
        raise ConfigError(f"no transport is named {config.transport}: choose one of {', '.join(TRANSPORTS)}")
    return TRANSPORTS[config.transport](config.origin)


async def _no_route(request: Request, error: Exception) -> Response:
    """Addresses that no endpoint has, as problems like all others."""
    if not isinstance(error, HTTPException):
        raise error
    address = request.url.path
    is_of_site = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not address.startswith("/v1/")
    told = wire.MethodError(request.method, address, ("GET", "HEAD")) if is_of_site else unknown_address(address)
    status, body = wire.problem(told)
    return Response(body, status, wire.advice(told), wire.PROBLEM)
